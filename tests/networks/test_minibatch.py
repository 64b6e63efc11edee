import numpy as np
import pytest
import torch
from config_view import warnings

from gan_experiments.core.types import DataFacts
from gan_experiments.networks.dcgan import DCGANDiscriminator
from gan_experiments.networks.minibatch import MinibatchDiscrimination, MinibatchStd
from gan_experiments.networks.stylegan2 import StyleGAN2Discriminator


@pytest.mark.parametrize(("batch", "asked", "size"), [(8, 4, 4), (6, 4, 3), (4, 32, 4), (3, 2, 1), (7, 4, 1)])
def test_minibatch_deviation_is_numpys(batch, asked, size):
    images = torch.randn(batch, 5, 4, 4)
    result = MinibatchStd(asked)(images)
    assert torch.equal(result[:, :-1], images)
    for start in range(0, batch, size):
        deviation = np.sqrt(images[start : start + size].numpy().var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(result[start : start + size, -1].numpy(), deviation, rtol=1e-5)


def test_minibatch_deviation_of_half_a_batch_is_that_of_the_whole():
    """Processes that share a batch see the groups that one process would."""
    images, layer = torch.randn(8, 5, 4, 4), MinibatchStd(4)
    torch.testing.assert_close(torch.cat([layer(images[:4]), layer(images[4:])]), layer(images), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("network", "option"), [(DCGANDiscriminator, "minibatch"), (StyleGAN2Discriminator, "group_size")]
)
@pytest.mark.parametrize(
    ("batch", "devices", "packing", "groups"),
    [
        (8, 2, 1, None),
        (12, 1, 1, None),
        (6, 2, 1, None),
        (12, 2, 1, (3, 4)),
        (8, 2, 2, (4, 8)),
        (16, 2, 2, None),
        (4, 8, 1, None),
    ],
)
def test_groups_that_processes_form_differently_are_warned_of(network, option, batch, devices, packing, groups):
    options = {"packing": packing} | ({"minibatch": "deviation"} if option == "minibatch" else {"group_size": 4})
    config = {
        "model": {"discriminator": {"_target_": network, **options}},
        "batch_size": batch,
        "trainer": {"devices": devices, "num_nodes": 1},
    }
    found = warnings(config, "model.discriminator")
    if groups is None:
        assert found == []
        return
    (line,) = found
    text = "with 2 processes the standard deviation is that of groups of {} images, with one of {}"
    assert line.startswith(f"model.discriminator.{option}: {text.format(*groups)}")
    config["model"]["discriminator"] |= {"minibatch": "none"} if option == "minibatch" else {"group_size": 0}
    assert warnings(config, "model.discriminator") == []


def test_minibatch_deviation_of_equal_images_can_be_differentiated_twice():
    images = torch.ones(4, 2, 3, 3, requires_grad=True)
    (slope,) = torch.autograd.grad(MinibatchStd(4)(images)[:, -1].sum(), images, create_graph=True)
    slope.square().sum().backward()
    assert images.grad.isfinite().all()


def test_deviation_of_features_is_that_of_maps_of_one_pixel():
    features, layer = torch.randn(8, 5), MinibatchStd(4)
    torch.testing.assert_close(layer(features), layer(features[:, :, None, None])[:, :, 0, 0], rtol=0, atol=0)


def test_discrimination_is_the_papers_sum_over_the_other_samples():
    features, layer = torch.randn(4, 6), MinibatchDiscrimination(6, kernels=3, length=2)
    result = layer(features).detach().numpy()
    np.testing.assert_allclose(result[:, :6], features.numpy())
    weight = layer.project.weight.detach().numpy().reshape(3, 2, 6)  # kernel, length, feature
    vectors = np.einsum("bf,kdf->bkd", features.numpy(), weight)
    for one in range(4):
        for kernel in range(3):
            distances = [np.abs(vectors[one, kernel] - vectors[other, kernel]).sum() for other in range(4)]
            expected = sum(np.exp(-distance) for other, distance in enumerate(distances) if other != one)
            assert result[one, 6 + kernel] == pytest.approx(expected, rel=1e-4)


def test_discrimination_waits_for_other_processes_in_training_alone(monkeypatch):
    """In evaluation one process may call it by itself."""
    calls = []
    monkeypatch.setattr("gan_experiments.networks.minibatch.gathered", lambda values: calls.append(1) or values)
    layer = MinibatchDiscrimination(6)
    layer(torch.randn(4, 6))
    layer.eval()(torch.randn(4, 6))
    assert len(calls) == 1


@pytest.mark.parametrize("minibatch", ["deviation", "discrimination"])
def test_the_output_sees_a_collapse_and_the_features_do_not(minibatch):
    torch.manual_seed(0)
    network = DCGANDiscriminator(DataFacts("images", 8, 1), channels=2, norm="none", minibatch=minibatch)
    images = torch.randn(4, 1, 8, 8)
    same = images[:1].expand(4, -1, -1, -1)
    assert not torch.allclose(network(images)[0], network(same)[0])
    torch.testing.assert_close(network.features(images)[0], network.features(same)[0])
    output, features = network.forward_with_features(images)
    assert output.shape == (4,)
    torch.testing.assert_close(features, network.features(images))
