import pytest
import torch

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.stylegan3 import StyleGAN3Generator, bands

TINY = {"latent_dim": 5, "style_dim": 6, "channels": 4, "max_channels": 8, "layers": 6, "mapping_layers": 1}
SIZES = StyleGAN3Generator.image_sizes


def facts(size=16, num_classes=4):
    return DataFacts("images", size, 3, num_classes)


def tiny_generator(size=16, **options):
    torch.manual_seed(0)
    generator = StyleGAN3Generator(facts(size), **TINY | options)
    generator.input.affine.weight.data.normal_()
    return generator.eval()


@pytest.mark.parametrize("variant", ["t", "r"])
@pytest.mark.parametrize("size", SIZES[:4])
def test_forward_and_backward_at_every_size(size, variant):
    generator = tiny_generator(size, variant=variant, layers=3, conditional=size == 16).train()
    images = generator(torch.randn(2, 5), torch.tensor([0, 3]))
    assert images.shape == (2, 3, size, size)
    images.square().sum().backward()
    assert all(weight.grad.isfinite().all() and weight.grad.any() for weight in generator.parameters())


def test_other_sizes_and_images_without_labels_are_refused():
    with pytest.raises(ConfigError, match="8, 16, 32, 64, 128, 256, 512, 1024; images has 28"):
        StyleGAN3Generator(facts(28))
    with pytest.raises(ConfigError, match="square images only"):
        StyleGAN3Generator(facts((16, 32)))
    with pytest.raises(ConfigError, match="labels"):
        StyleGAN3Generator(facts(num_classes=0), **TINY, conditional=True)


def test_parameters_are_those_of_the_reference():
    """NVlabs/stylegan3 has as many for stylegan3-t and stylegan3-r at 1024 pixels."""
    counts = {}
    for variant, channels, most in (("t", 32, 512), ("r", 64, 1024)):
        with torch.device("meta"):
            generator = StyleGAN3Generator(facts(1024, 0), variant=variant, channels=channels, max_channels=most)
        counts[variant] = sum(weight.numel() for weight in generator.parameters())
    assert counts == {"t": 22_313_167, "r": 15_093_151}


def test_the_plan_doubles_rates_up_to_that_of_the_image():
    plan = bands(1024, 14, 32, 512)
    assert [band.rate for band in plan] == [16, 16, 32, 32, 64, 128, 128, 256, 256, 512, 1024, 1024, 1024, 1024]
    assert [band.size for band in plan[-2:]] == [1044, 1024]
    assert (plan[0].cutoff, plan[-1].cutoff, plan[-2].cutoff) == pytest.approx((2, 512, 512))
    for band in [*plan, *(band for size in SIZES for band in bands(size, 5, 4, 8))]:
        assert band.cutoff <= band.rate / 2 <= band.cutoff + band.half_width + 1e-9


@pytest.mark.parametrize("variant", ["t", "r"])
def test_moving_the_input_moves_the_images(variant):
    """By pixels of all layers; only where an image ends does the content beyond it matter."""
    generator = tiny_generator(32, variant=variant)
    styles = generator.styles(torch.randn(2, 5))
    images = generator.synthesize(styles)
    transform = torch.eye(3)
    transform[0, 2], transform[1, 2] = -4 / 32, 6 / 32  # the content comes from the left, and from below
    moved = generator.synthesize(styles, transform=transform)
    seen, origin = moved[..., 5:-11, 9:-5], images[..., 11:-5, 5:-9]
    largest = images.abs().max().item()
    assert (seen - origin).abs().max() < 1e-5 * largest
    assert (seen - images[..., 5:-11, 9:-5]).abs().max() > 0.1 * largest
    each = transform.repeat(2, 1, 1)
    each[1] = torch.eye(3)
    both = generator.synthesize(styles, transform=each)
    torch.testing.assert_close(both[0], moved[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(both[1], images[1], rtol=1e-4, atol=1e-5)


def test_turning_the_input_turns_the_images_of_variant_r():
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    differences, radial = {}, {}
    for variant in ("t", "r"):
        generator = tiny_generator(32, variant=variant)
        styles = generator.styles(torch.randn(2, 5))
        images = generator.synthesize(styles)
        turned = generator.synthesize(styles, transform=turn)
        differences[variant] = ((turned - images.rot90(1, (2, 3))).abs().max() / images.abs().max()).item()
        radial[variant] = [layer.nonlinearity.down_filter.ndim == 2 for layer in generator.layers[:-1]]
    assert differences["r"] < 1e-5 < 0.01 < differences["t"]
    assert radial == {"t": [False] * 6, "r": [True] * 4 + [False] * 2}  # not where sampling is critical


def test_images_do_not_depend_on_others_of_a_batch_and_evaluation_changes_nothing():
    generator = tiny_generator()
    latents, state = torch.randn(4, 5), {name: value.clone() for name, value in generator.state_dict().items()}
    images = generator(latents)
    torch.testing.assert_close(generator(latents[:1]), images[:1], rtol=1e-4, atol=1e-6)
    assert all(torch.equal(value, state[name]) for name, value in generator.state_dict().items())
    generator.train()
    other = tiny_generator().train()
    torch.testing.assert_close(other(latents[:1]), generator(latents)[:1], rtol=1e-4, atol=1e-6)
    changed = {name for name, value in generator.state_dict().items() if not torch.equal(value, state[name])}
    assert changed == {"average", *(f"layers.{index}.magnitude.mean_square" for index in range(7))}


def test_truncation_moves_styles_towards_their_average():
    generator, latents = tiny_generator(), torch.randn(3, 5)
    generator.average.normal_()
    styles = generator.styles(latents)
    torch.testing.assert_close(generator.truncated(latents, 1.0), generator(latents), rtol=1e-4, atol=1e-6)
    halfway = generator.synthesize((styles + generator.average) / 2)
    torch.testing.assert_close(generator.truncated(latents, 0.5), halfway, rtol=1e-4, atol=1e-6)
    each = styles[:, None].repeat(1, generator.num_styles, 1)
    images = generator(latents)
    for layer in range(generator.num_styles):  # all are heard
        changed = each.clone()
        changed[:, layer] += 1
        assert not torch.allclose(generator.synthesize(changed), images, atol=1e-4), layer
    directions, layer = generator.style_weight(), generator.layers[0].convolution.style
    assert directions.shape[1] == 6
    torch.testing.assert_close(directions[: len(layer.bias)] @ styles[0] + layer.bias, layer(styles)[0])


def test_memory_format_does_not_matter_and_low_precision_is_near():
    generator, latents = tiny_generator(), torch.randn(4, 5)
    images = generator(latents)
    with torch.autocast("cpu", torch.bfloat16):
        rough = generator(latents)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, images, rtol=0.1, atol=0.1 * images.abs().max().item())
    turned = generator.to(memory_format=torch.channels_last)(latents)
    torch.testing.assert_close(turned, images, rtol=1e-4, atol=1e-6)
