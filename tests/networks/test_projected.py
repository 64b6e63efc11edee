import pytest
import torch
from awake import wake
from config_view import problems, warnings
from torch import nn
from torch.nn import functional
from torchvision.models import EfficientNet_B0_Weights, efficientnet_b0
from torchvision.transforms.functional import normalize

from gan_experiments.core import weights as weights_module
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.core.weights import WeightsMissingError
from gan_experiments.data.synthetic.polygons import Polygons
from gan_experiments.networks.projected import FeaturePyramid, ProjectedDiscriminator
from gan_experiments.penalties.wgan_gp import WGANGP

COLOUR = DataFacts("images", 32, 3, 4)


def small(facts=COLOUR, **options):
    return ProjectedDiscriminator(facts, channels=2, resolution=128, weights="random", **options)


@pytest.fixture(scope="module")
def network():
    """With features of unit size: random weights shrink them to nothing from layer to layer."""
    torch.manual_seed(0)
    network = wake(small())
    backbone = network.backbone.network
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    backbone.train()(torch.rand(4, 3, 128, 128) * 2 - 1)
    backbone.eval()
    return network


@pytest.mark.parametrize(("conditioning", "count"), [("none", 10_331_328), ("projection", 12_940_736 - 4 * 996 * 128)])
def test_trained_parameters_are_those_of_the_authors(conditioning, count):
    """autonomousvision/projected-gan, pg_modules: four heads; with 1,000 classes 12,940,736."""
    network = ProjectedDiscriminator(COLOUR, weights="random", conditioning=conditioning)
    assert sum(weight.numel() for weight in network.parameters() if weight.requires_grad) == count


def test_features_are_those_of_torchvision_on_normalized_images():
    """With the normalization that its weights were published with."""
    pyramid, preset = FeaturePyramid("random").eval(), EfficientNet_B0_Weights.IMAGENET1K_V1.transforms()
    images = torch.rand(2, 3, 128, 128)
    maps = normalize(images, preset.mean, preset.std)
    stages = [layer for stage in pyramid.stages for layer in stage]
    by_size = {}
    for layer in stages:
        maps = layer(maps)
        by_size[maps.shape[-1]] = maps
    for found, size in zip(pyramid(2 * images - 1), (32, 16, 8, 4), strict=True):
        torch.testing.assert_close(found, by_size[size], rtol=1e-4, atol=1e-5)
    whole = efficientnet_b0(weights=None)
    assert [type(layer) for layer in stages] == [type(layer) for layer in whole.features[:8]]


def test_scales_are_mixed_from_the_coarsest_to_the_finest(network):
    torch.manual_seed(1)
    images = torch.rand(2, 3, 128, 128) * 2 - 1
    maps = [
        functional.conv2d(each, mix.weight, mix.bias)
        for each, mix in zip(network.backbone(images), network.mix_channels, strict=True)
    ]
    enlarge = nn.UpsamplingBilinear2d(scale_factor=2)  # corners aligned
    expected, total = [], 0
    for scale in (3, 2, 1, 0):
        mix, head = network.mix_scales[scale], network.heads[scale]
        total = functional.conv2d(enlarge(maps[scale] + total), mix.weight, mix.bias)
        logits = total
        for halving in range(4 - scale):
            convolution, norm, _ = head.layers[3 * halving : 3 * halving + 3]
            logits = functional.conv2d(logits, convolution.weight, convolution.bias, stride=2, padding=1)
            logits = functional.leaky_relu(
                functional.batch_norm(logits, norm.running_mean, norm.running_var, norm.weight, norm.bias), 0.2
            )
        expected.insert(0, functional.conv2d(logits, head.layers[-1].weight))
    torch.testing.assert_close(network(images), torch.cat(expected, dim=1), rtol=1e-5, atol=1e-5)
    assert network(images).shape == (2, 4, 1, 1)
    assert (network(images) - network(-images)).abs().min() > 1e-3


def test_smaller_images_are_enlarged_and_grey_ones_have_three_equal_channels(network):
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    enlarged = functional.interpolate(images, size=128, mode="bilinear")
    torch.testing.assert_close(network(images), network(enlarged), rtol=1e-5, atol=1e-6)
    grey = images[:, :1]
    assert torch.equal(network(grey), network(grey.expand(-1, 3, -1, -1)))


def test_logits_are_inner_products_with_the_class():
    torch.manual_seed(0)
    network = small(conditioning="projection").eval()
    images, head = torch.rand(1, 3, 32, 32).expand(4, -1, -1, -1), network.heads[3]
    seen = []
    head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    logits = network(images, torch.arange(4))
    assert len(set(logits[:, 3].flatten().tolist())) == 4
    table, linear, _ = head.embedding
    embedded = functional.leaky_relu(linear(table.weight), 0.2)
    expected = (head.layers(seen[0]).flatten(1) * embedded).sum(1) / 8
    torch.testing.assert_close(logits[:, 3].flatten(), expected, rtol=1e-4, atol=1e-6)


def test_only_the_heads_are_trained_and_no_checkpoint_holds_the_frozen_network(network):
    assert {name.split(".")[0] for name, weight in network.named_parameters() if weight.requires_grad} == {"heads"}
    assert {name.split(".")[0] for name in network.state_dict()} == {"heads", "mix_channels", "mix_scales"}
    assert not network.train().backbone.network.training
    network.eval()


def test_random_weights_are_the_same_in_every_run(network):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    assert small().backbone.weight_hash == network.backbone.weight_hash
    torch.manual_seed(5)
    assert torch.equal(torch.get_rng_state(), state)


def test_weights_come_from_a_file(tmp_path, network):
    torch.manual_seed(3)
    file, others = tmp_path / "efficientnet.pth", efficientnet_b0(weights=None)
    torch.save(others.state_dict(), file)
    found = ProjectedDiscriminator(COLOUR, 2, 128, str(file)).backbone.network
    assert torch.equal(found.stages[0][0][0].weight, others.features[0][0].weight)
    assert ProjectedDiscriminator(COLOUR, 2, 128, str(file)).backbone.weight_hash != network.backbone.weight_hash
    torch.save(nn.Linear(2, 2).state_dict(), file)
    with pytest.raises(ConfigError, match=r"model\.discriminator\.weights: .* of another network than EfficientNet-B0"):
        ProjectedDiscriminator(COLOUR, 2, 128, str(file))


def test_weights_that_cannot_be_had_are_named(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(weights_module, "download_url_to_file", offline)
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissingError, match=r"EfficientNet-B0 .* put .*efficientnet_b0.* model\.discriminator\."):
        ProjectedDiscriminator(COLOUR)


@pytest.mark.parametrize(
    ("facts", "options", "told"),
    [
        (DataFacts("images", 32, 2), {}, "grey or coloured images, not 2 channels"),
        (DataFacts("points", 1, 2), {}, "it sees images, not points"),
        (DataFacts("images", 250, 3), {}, "images of more than 224 pixels need a multiple of 32; images has 250"),
        (COLOUR, {"resolution": 200}, "200 is not a multiple of 32 from 128 on"),
        (COLOUR, {"resolution": 96}, "96 is not a multiple of 32 from 128 on"),
        (DataFacts("images", 32, 3), {"conditioning": "projection"}, "labels"),
    ],
)
def test_what_does_not_fit_is_refused(facts, options, told):
    with pytest.raises(ConfigError, match=told):
        ProjectedDiscriminator(facts, weights="random", **options)


@pytest.mark.parametrize(
    ("dataset", "options", "told"),
    [
        ({"_target_": Polygons, "image_size": 32}, {}, []),
        (
            {"_target_": Polygons, "image_size": 250},
            {},
            ["images of more than 224 pixels need a multiple of 32; they have 250"],
        ),
        ({"_target_": Polygons}, {"resolution": 100}, ["100 is not a multiple of 32 from 128 on; they have 32"]),
    ],
)
def test_the_check_says_so_before_anything_is_built(dataset, options, told):
    discriminator = {"_target_": ProjectedDiscriminator, **options}
    config = {"dataset": dataset, "model": {"discriminator": discriminator}}
    lines = [f"model.discriminator.resolution: {line}" for line in told]
    assert problems(config, "model.discriminator") == lines
    penalties = {"gp": {"_target_": WGANGP}}
    (line,) = warnings(config | {"penalty": penalties}, "model.discriminator")
    assert "batch norm" in line
