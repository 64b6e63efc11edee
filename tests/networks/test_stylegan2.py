import pytest
import torch

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator

SIZES = StyleGAN2Generator.image_sizes
FORMS = ["skip", "residual", "plain"]
TINY = {"latent_dim": 5, "style_dim": 6, "channels": 2, "max_channels": 4, "mapping_layers": 2}


def facts(size=16, channels=3, num_classes=4):
    return DataFacts("images", size, channels, num_classes)


def tiny_generator(size=16, **options):
    return StyleGAN2Generator(facts(size), **TINY | options)


def tiny_discriminator(size=16, **options):
    return StyleGAN2Discriminator(facts(size), **{"channels": 2, "max_channels": 4, "mapping_layers": 2} | options)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def turn_noise_on(generator):
    for block in generator.blocks:
        for layer in block.layers:
            layer.strength.data.fill_(0.5)


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_forward_and_backward_at_every_size(size, conditional):
    batch, channels = (1, 1) if size > 64 else (2, 2)
    small = {"channels": channels, "max_channels": 2 * channels}
    generator = tiny_generator(size, conditional=conditional, **small)
    discriminator = tiny_discriminator(size, conditioning="projection" if conditional else "none", **small)
    labels = torch.tensor([0, 3])[:batch] if conditional else None
    images = generator(torch.randn(batch, 5), labels)
    assert images.shape == (batch, 3, size, size)
    logits = discriminator(images, labels)
    assert logits.shape == (batch,)
    logits.sum().backward()
    for network in (generator, discriminator):
        assert all(weight.grad.isfinite().all() for weight in network.parameters())
        assert network.conditional == conditional


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [8, 28])
def test_every_form_uses_all_of_its_weights(form, size):
    generator, discriminator = tiny_generator(size, form=form), tiny_discriminator(size, form=form)
    turn_noise_on(generator)
    discriminator(generator(torch.randn(4, 5))).square().sum().backward()
    for network in (generator, discriminator):
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.abs().max() > 0, name
    assert discriminator.features(torch.randn(4, 3, size, size)).shape == (4, discriminator.hidden.weight.shape[0])


def test_sizes_that_do_not_fit_are_refused_with_those_that_do():
    for network in (StyleGAN2Generator, StyleGAN2Discriminator):
        with pytest.raises(ConfigError, match="8, 16, 28, 32, 64, 128, 256, 512, 1024; images has 48"):
            network(facts(48))
        assert network.image_sizes == SIZES


@pytest.mark.parametrize(
    ("network", "option"),
    [(StyleGAN2Generator, {"conditional": True}), (StyleGAN2Discriminator, {"conditioning": "projection"})],
)
def test_conditioning_needs_labels(network, option):
    with pytest.raises(ConfigError, match="labels"):
        network(facts(16, num_classes=0), channels=2, **option)
    with pytest.raises(ValueError, match="needs labels"):
        network(facts(16), channels=2, **option)(torch.randn(2, *([512] if "conditional" in option else [3, 16, 16])))


def test_parameters_are_those_of_the_reference():
    """NVlabs/stylegan2-ada-pytorch prints 28,794,124 and 29,012,513 for 1024 pixels with a mapping of two layers.

    The mapping of configuration F has eight, of 262,656 parameters each. The other counts are the sums of the same
    lines for cfg=paper256, for auto at 64 pixels, and for cifar, without classes and with ten.
    """
    with torch.device("meta"):
        counts = {
            (size, channels, layers): (
                parameters(StyleGAN2Generator(facts(size), channels=channels, mapping_layers=layers)),
                parameters(StyleGAN2Discriminator(facts(size), channels=channels)),
            )
            for size, channels, layers in ((1024, 32, 2), (1024, 32, 8), (256, 64, 8), (64, 256, 2))
        }
        cifar, plain = DataFacts("cifar10", 32, 3, 10), {"channels": 512, "form": "plain"}  # its "orig"
        cifar_counts = (
            parameters(StyleGAN2Generator(cifar, channels=512, mapping_layers=2)),
            parameters(StyleGAN2Discriminator(cifar, **plain)),
            parameters(StyleGAN2Generator(cifar, channels=512, mapping_layers=2, conditional=True)),
            parameters(StyleGAN2Discriminator(cifar, **plain, conditioning="projection")),
        )
    assert counts == {
        (1024, 32, 2): (28_794_124, 29_012_513),
        (1024, 32, 8): (30_370_060, 29_012_513),
        (256, 64, 8): (24_767_458, 24_001_089),
        (64, 256, 2): (22_243_608, 23_407_361),
    }
    assert cifar_counts == (19_947_539, 20_720_641, 20_215_315, 23_089_664)


def test_evaluation_is_a_function_of_latents_and_weights():
    generator, latents = tiny_generator(), torch.randn(4, 5)
    turn_noise_on(generator)
    first, second = generator(latents), generator(latents)
    assert not torch.allclose(first, second)
    generator.eval()
    before = torch.random.get_rng_state()
    images = generator(latents)
    torch.testing.assert_close(generator(latents[:2]), images[:2])
    assert torch.equal(torch.random.get_rng_state(), before)
    other = tiny_generator().eval()
    other.load_state_dict(generator.state_dict())
    assert torch.equal(other(latents), images)


def test_training_draws_from_the_stream_that_the_step_sets():
    generator, latents = tiny_generator(), torch.randn(4, 5)
    turn_noise_on(generator)
    images = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        images.append(generator(latents))
    assert torch.equal(images[0], images[1])
    assert not torch.allclose(images[0], images[2])


def test_mixed_styles_are_of_two_latents_from_a_layer_on():
    torch.manual_seed(0)
    generator = tiny_generator(mixing=0.5)
    latents = torch.randn(400, 5)
    own = generator.styles(latents)
    mixed = generator.mapping(latents)
    assert mixed.shape == (400, generator.num_styles, 6)
    kept = (mixed == own[:, None]).all(dim=2)
    assert kept[:, 0].all()
    counts = kept.sum(dim=1)
    for sample, count in zip(kept, counts, strict=True):
        assert sample[:count].all()
    share = (counts < generator.num_styles).float().mean().item()
    assert share == pytest.approx(0.5, abs=0.1)
    assert set(counts.tolist()) == set(range(1, generator.num_styles + 1))
    assert torch.equal(generator.eval().mapping(latents), own[:, None].expand(-1, generator.num_styles, -1))
    unmixed = tiny_generator(mixing=0.0)
    assert torch.equal(unmixed.mapping(latents), unmixed.styles(latents)[:, None].expand(-1, unmixed.num_styles, -1))


def test_truncation_moves_styles_towards_their_average():
    generator, latents = tiny_generator(mixing=0.0), torch.randn(64, 5)
    with torch.no_grad():
        styles = generator.styles(latents)
        generator(latents)
        torch.testing.assert_close(generator.average, 0.005 * styles.mean(dim=0), rtol=1e-4, atol=1e-7)
        for _ in range(3000):
            generator.mapping(latents)
    torch.testing.assert_close(generator.average, styles.mean(dim=0), rtol=1e-2, atol=1e-2)
    generator.eval()
    average = generator.average.clone()
    torch.testing.assert_close(generator.truncated(latents, 1.0), generator(latents), rtol=1e-4, atol=1e-5)
    collapsed = generator.truncated(latents, 0.0)
    torch.testing.assert_close(collapsed, collapsed[:1].expand_as(collapsed), rtol=1e-4, atol=1e-5)
    spread = [generator.truncated(latents, share).var(dim=0).mean() for share in (0.25, 0.5, 1.0)]
    assert spread[0] < spread[1] < spread[2]
    assert torch.equal(generator.average, average)


def test_one_style_for_all_layers_or_one_each():
    generator = tiny_generator().eval()
    styles = generator.styles(torch.randn(3, 5))
    each = styles[:, None].expand(-1, generator.num_styles, -1)
    assert torch.equal(generator.synthesize(styles), generator.synthesize(each))
    for layer in range(generator.num_styles):  # all are heard
        changed = each.clone()
        changed[:, layer] += 1
        assert not torch.allclose(generator.synthesize(changed), generator.synthesize(each)), layer


def test_directions_of_styles_are_those_of_the_layers_that_meet_them():
    generator = tiny_generator()
    weight = generator.style_weight()
    assert weight.shape[1] == 6
    styles = torch.randn(6)
    layer = generator.blocks[0].layers[0].convolution.style
    torch.testing.assert_close(weight[: len(layer.bias)] @ styles + layer.bias, layer(styles))


def test_directions_of_styles_are_those_of_all_convolutions_and_the_last_image_layer():
    """genforce/sefa, ``factorize_weight``: the other layers that make images are left out."""
    generator = tiny_generator()
    styles = [layer.convolution.style for block in generator.blocks for layer in block.layers]
    styles.append(generator.blocks[-1].to_image.convolution.style)
    expected = torch.cat([style.weight * style.gain for style in styles])
    torch.testing.assert_close(generator.style_weight(), expected)


@pytest.mark.parametrize("group_size", [0, 4])
def test_only_the_minibatch_deviation_lets_samples_meet(group_size):
    discriminator = tiny_discriminator(group_size=group_size)
    images = torch.randn(4, 3, 16, 16)
    alone = torch.cat([discriminator(image[None]) for image in images])
    assert torch.allclose(discriminator(images), alone, atol=1e-5) == (group_size == 0)


def test_projection_is_linear_in_the_label_vector():
    discriminator = tiny_discriminator(conditioning="projection")
    images = torch.randn(1, 3, 16, 16).expand(4, -1, -1, -1)
    logits = discriminator(images, torch.arange(4))
    vectors = discriminator.mapping_network(None, torch.arange(4))
    features = discriminator.head(discriminator.features(images))
    torch.testing.assert_close(logits, (features * vectors).sum(dim=1) / vectors.shape[1] ** 0.5)
    assert len(set(logits.tolist())) == 4


def test_gradient_penalty_can_be_differentiated():
    discriminator = tiny_discriminator().double()
    images = torch.randn(4, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    slope.square().sum().backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in discriminator.parameters())


def test_memory_format_does_not_matter():
    generator, discriminator = tiny_generator().eval(), tiny_discriminator()
    latents = torch.randn(2, 5)
    images = generator(latents)
    logits = discriminator(images)
    turned = generator.to(memory_format=torch.channels_last)(latents)
    torch.testing.assert_close(turned, images, rtol=1e-4, atol=1e-5)
    turned = turned.to(memory_format=torch.channels_last)
    torch.testing.assert_close(
        discriminator.to(memory_format=torch.channels_last)(turned), logits, rtol=1e-3, atol=1e-5
    )


def test_low_precision_sums_images_in_float32():
    generator = tiny_generator().eval()
    latents = torch.randn(4, 5)
    with torch.autocast("cpu", torch.bfloat16):
        images = generator(latents)
    assert images.dtype == torch.float32
    torch.testing.assert_close(images, generator(latents), rtol=0.1, atol=0.1)
