import pytest
import torch
from config_view import problems
from pixels import noise
from processes import in_two_processes

from gan_experiments.core.step import Batch, Generated
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.metrics.equivariance import Equivariance, transforms
from gan_experiments.metrics.functional.equivariance import rotation_error
from gan_experiments.networks.stylegan2 import StyleGAN2Generator
from gan_experiments.networks.stylegan3 import StyleGAN3Generator
from gan_experiments.systems.gan import GAN


def generated(variant, count=3):
    torch.manual_seed(0)
    generator = StyleGAN3Generator(
        DataFacts("images", 32, 1), 5, 6, variant, channels=4, max_channels=8, layers=6, mapping_layers=1
    ).eval()
    with torch.no_grad():
        styles = generator.styles(torch.randn(count, 5))
        draws = 2 * torch.rand(count, 5) - 1

        images = generator.synthesize(styles)

    def moved(transforms_of, count):
        made = [generator.synthesize(styles, transform=each) for each in [None, *transforms_of(draws)]]
        return draws[:count], [each.detach()[:count] / images.abs().max() for each in made]

    return Generated(images, None, None, moved)


def test_stylegan3_scores_higher_where_it_is_built_for():
    scores = {}
    for variant in ("t", "r"):
        measure = Equivariance()
        measure.update_batch(generated(variant))
        scores[variant], margins = measure.scores_and_margins()
        assert margins.keys() == scores[variant].keys() == {"eq_t", "eq_t_frac", "eq_r"}
        assert scores[variant]["eq_t"] > 50
        assert scores[variant]["eq_t_frac"] > 50
    assert scores["r"]["eq_r"] > 50 > 35 > scores["t"]["eq_r"]


def test_it_takes_no_more_images_than_it_is_told_and_parts_add_up():
    batch = generated("t", 5)
    whole, parts = Equivariance(images=4), Equivariance(images=4)
    whole.update_batch(batch)
    draws, images = batch.moved(lambda draws: transforms(draws, 32), 5)
    for part in (slice(0, 3), slice(3, 5)):
        cut = (draws[part], [each[part] for each in images])
        moved = lambda _, count, cut=cut: (cut[0][:count], [each[:count] for each in cut[1]])  # noqa: E731
        parts.update_batch(Generated(batch.images[part], None, None, moved))
    assert len(torch.cat(whole.errors)) == 4
    torch.testing.assert_close(torch.cat(whole.errors), torch.cat(parts.errors))
    assert whole.scores() == parts.scores()
    angle = draws[1, 4].item() * torch.pi
    torch.testing.assert_close(whole.errors[1][0, 2], rotation_error(images[0][1], images[3][1], angle))


def unequally_shared(rank, alone):
    """The first process has all images, then both have some: of the first ``images`` of all, as of one process."""
    batch = generated("t", 5)
    draws, made = batch.moved(lambda draws: transforms(draws, 32), 5)
    for first in (5, 3):
        measure, part = Equivariance(images=4), (slice(0, first), slice(first, 5))[rank]
        moved = lambda _, count, part=part: (draws[part][:count], [each[part][:count] for each in made])  # noqa: E731
        measure.update_batch(Generated(batch.images[part], None, None, moved))
        assert measure.scores() == pytest.approx(alone, rel=1e-6)


def test_the_images_are_the_same_with_several_processes_even_if_one_has_none(tmp_path):
    alone = Equivariance(images=4)
    alone.update_batch(generated("t", 5))
    in_two_processes(unequally_shared, tmp_path, alone.scores())


def test_what_cannot_be_moved_is_refused():
    measure = Equivariance()
    for batch in (Batch(torch.zeros(2, 3, 32, 32), None), Generated(torch.zeros(2, 3, 32, 32), None, None)):
        with pytest.raises(ConfigError, match="needs a generator whose input can be moved, without truncation"):
            measure.update_batch(batch)
    with pytest.raises(ValueError, match="no generated images"):
        measure.compute()
    with pytest.raises(ValueError, match="needs images of 16 pixels, not 8"):
        measure.prepare(noise(size=8))
    key = "metrics.measures.equivariance"
    for generator, lines in ((StyleGAN3Generator, 0), (StyleGAN2Generator, 1)):
        config = {
            "dataset": {"_target_": Digits},
            "model": {"_target_": GAN, "generator": {"_target_": generator}},
            "metrics": {"measures": {"equivariance": {"_target_": Equivariance}}},
        }
        assert len(found := problems(config, key)) == lines
        assert all("StyleGAN2Generator takes no transform of its input" in line for line in found)
