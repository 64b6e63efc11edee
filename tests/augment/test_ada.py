import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from gan_experiments.augment.ada import ADA, Draw, _band_filters
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError, DataFacts

GROUPS = ("blit", "geometric", "color", "filter", "noise", "cutout")
ALL = dict.fromkeys(GROUPS, 1.0)
IMAGES = torch.rand(256, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def ada(p=0.0, channels=3, size=16, **options):
    return ADA(DataFacts("images", size, channels), p=p, target=None, **dict.fromkeys(GROUPS, 0.0) | options)


def augment(images=IMAGES, key=0, seen=0, **options):
    _, channels, size, _ = images.shape
    return ada(channels=channels, size=size, **options)(images, Stream(key), seen)


@pytest.mark.parametrize("channels", [1, 3])
def test_at_probability_0_nothing_happens_bit_for_bit(channels):
    images = IMAGES[:, :channels].clone().requires_grad_()
    augmented = augment(images, **ALL)
    assert torch.equal(augmented, images)
    upstream = torch.randn_like(images)
    (gradient,) = torch.autograd.grad(augmented, images, upstream)
    assert torch.equal(gradient, upstream)


@pytest.mark.parametrize("group", GROUPS)
def test_images_that_nothing_was_chosen_for_pass_and_the_others_do_not(group):
    """The share of untouched images is that of independent draws: what makes augmentation invertible."""
    p, untouched = 0.2, 0
    for key in range(4):
        augmented = augment(key=key, p=p, **{group: 1.0})
        untouched += (augmented == IMAGES).flatten(1).all(dim=1).float().mean().item() / 4
    if group == "blit":  # half of the mirrors and a quarter of the turns leave the image
        expected = (1 - p / 2) * (1 - 0.75 * p) * (1 - p * (1 - 1 / 25))
    elif group == "color":  # half of the inversions
        expected = (1 - p) ** 4 * (1 - p / 2)
    elif group == "geometric":  # two turns that together are one
        expected = (1 - p) ** 4
    else:
        expected = (1 - p) ** (4 if group == "filter" else 1)
    assert untouched == pytest.approx(expected, abs=0.05)


def test_no_quarter_turn_is_favoured_but_the_upright():
    """Below p = 1 the distribution of orientations has one mode, so that what was upright can be told."""
    images = torch.arange(4.0).view(1, 1, 2, 2).expand(4000, -1, -1, -1)
    augmented = augment(images, p=0.5, blit=1.0)
    turns = [torch.rot90(images[:1], quarters, (2, 3)) for quarters in range(4)]
    shares = [(augmented == turn).flatten(1).all(dim=1).float().mean().item() for turn in turns]
    # Of the upright ones some are hidden by a mirror; the turned ones are even among themselves.
    assert shares[0] > 4 * max(shares[1:])
    assert max(shares[1:]) - min(shares[1:]) < 0.03


def test_one_of_two_turns_comes_with_the_probability_of_one_change():
    draw = Draw(Stream(0), 20_000, torch.tensor(0.3))
    either = draw.chosen(half=True) | draw.chosen(half=True)
    assert either.float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert draw.chosen().float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_blits_only_rearrange_pixels():
    augmented = augment(p=1.0, blit=1.0)
    assert not torch.equal(augmented, IMAGES)
    for before, after in zip(IMAGES[:32], augmented[:32], strict=True):
        assert set(after.flatten().tolist()) <= set(before.flatten().tolist())


def test_colours_are_mapped_linearly_and_luma_apart():
    """Each image's colours: luma to luma, and what is across it by a turn and one factor."""
    augmented = augment(p=1.0, color=1.0).double()
    contrasts, saturations, brightnesses = [], [], []
    for before, after in zip(IMAGES.double().flatten(2), augmented.flatten(2), strict=True):
        known = torch.cat([before, torch.ones(1, 256).double()]).T
        matrix = torch.linalg.lstsq(known, after.T).solution.T  # (3, 4)
        torch.testing.assert_close(matrix @ known.T, after, rtol=0, atol=1e-5)
        linear, offset = matrix[:, :3], matrix[:, 3]
        grey = torch.ones(3).double()
        torch.testing.assert_close(offset, offset.mean().expand(3), rtol=0, atol=1e-5)
        contrast = (linear @ grey)[0]
        torch.testing.assert_close(linear @ grey, contrast * grey, rtol=0, atol=1e-5)
        across = linear - contrast * torch.full((3, 3), 1 / 3).double()
        singular = torch.linalg.svdvals(across)
        torch.testing.assert_close(singular[0], singular[1], rtol=1e-4, atol=1e-5)
        assert singular[2] < 1e-5
        contrasts.append(contrast)
        saturations.append(singular[0] / contrast.abs())
        brightnesses.append(offset[0] / contrast)  # it is added first
    contrast, saturation, brightness = map(torch.stack, (contrasts, saturations, brightnesses))
    assert brightness.std().item() == pytest.approx(0.2, rel=0.15)
    assert (contrast < 0).float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert contrast.abs().log2().std().item() == pytest.approx(0.5, rel=0.15)
    assert saturation.log2().std().item() == pytest.approx(1.0, rel=0.15)


def test_grey_images_are_the_luma_of_colour():
    grey = IMAGES[:, :1]
    torch.testing.assert_close(
        augment(grey, p=1.0, color=1.0), augment(grey.expand(-1, 3, -1, -1), p=1.0, color=1.0).mean(dim=1, keepdim=True)
    )


def test_bands_add_up_to_everything_and_split_frequencies_by_octaves():
    bands = _band_filters().double()
    together = bands.sum(dim=0)
    assert together[len(together) // 2] == pytest.approx(1)
    assert together.abs().sum() == pytest.approx(1, abs=1e-5)
    response = torch.fft.rfft(bands, 1024).abs()
    for band, (low, high) in enumerate([(0, 1 / 8), (1 / 8, 1 / 4), (1 / 4, 1 / 2), (1 / 2, 1)]):
        middle = int(512 * (low + high) / 2)
        assert response[band, middle] > 0.5
        assert response[band, middle] == response[:, middle].max()


def test_filtering_keeps_the_mean_of_an_image_in_proportion():
    flat = torch.full((8, 3, 16, 16), 0.5)
    augmented = augment(flat, p=1.0, filter=1.0)
    torch.testing.assert_close(augmented, augmented[:, :1, :1, :1].expand_as(augmented), rtol=0, atol=1e-5)


def test_noise_has_a_random_strength_and_cutout_half_the_size():
    noise = augment(p=1.0, noise=1.0) - IMAGES
    sigma = noise.flatten(1).std(dim=1)
    assert sigma.square().mean().sqrt().item() == pytest.approx(0.1, rel=0.15)
    holes = (augment(torch.ones(256, 1, 16, 16), p=1.0, cutout=1.0) == 0).float().mean(dim=(1, 2, 3))
    assert holes.max().item() == pytest.approx(0.25, abs=0.02)
    assert holes.min() < 0.13


def test_a_share_of_a_group_is_a_share_of_the_probability():
    touched = (augment(p=0.8, noise=0.5) != IMAGES).flatten(1).any(dim=1).float().mean().item()
    assert touched == pytest.approx(0.4, abs=0.08)


def test_both_networks_see_the_same_and_processes_their_part():
    assert torch.equal(augment(p=0.7, **ALL), augment(p=0.7, **ALL))
    assert not torch.equal(augment(p=0.7, **ALL), augment(p=0.7, key=1, **ALL))
    module = ada(p=0.7, **ALL)
    parts = [module(IMAGES[128 * r : 128 * (r + 1)], Stream(0, rank=r, world_size=2), 0) for r in (0, 1)]
    torch.testing.assert_close(torch.cat(parts), augment(p=0.7, **ALL), rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_it_can_be_differentiated_twice(channels):
    """So a gradient penalty may be taken through it."""
    images = torch.rand(4 - channels, channels, 3, 3, dtype=torch.float64, requires_grad=True)
    module = ada(p=0.8, channels=channels, size=3, **ALL)
    assert gradcheck(lambda values: module(values, Stream(3), 0), images)
    assert gradgradcheck(lambda values: module(values, Stream(3), 0).square(), images)


def test_low_precision_in_is_low_precision_out():
    augmented = augment(IMAGES.bfloat16(), p=1.0, **ALL)
    assert augmented.dtype == torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16):
        mixed = augment(p=1.0, **ALL)
    torch.testing.assert_close(mixed, augment(p=1.0, **ALL), rtol=0, atol=0)


def test_other_channels_are_refused():
    with pytest.raises(ConfigError, match="1 or 3 channels; ring has 2"):
        ADA(DataFacts("ring", 1, 2))
