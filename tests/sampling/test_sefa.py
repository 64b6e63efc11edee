import pytest
import torch
from stubs import Echo

from gan_experiments.core.types import ConfigError
from gan_experiments.sampling.base import draw_latents
from gan_experiments.sampling.sefa import SeFa, directions

WEIGHT = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))


class Styled(Echo):
    """Maps latents to styles twice as long."""

    def style_weight(self):
        return WEIGHT

    def styles(self, latents, labels=None):
        return 2 * latents


UNIT = torch.nn.functional.normalize(WEIGHT)  # genforce/sefa, factorize_weight: every output's weights of length 1


def test_directions_are_the_right_singular_vectors_of_rows_of_unit_length():
    found, expected = directions(WEIGHT), torch.linalg.svd(UNIT).Vh
    torch.testing.assert_close((found * expected).sum(1).abs(), torch.ones(4))
    torch.testing.assert_close(found @ found.T, torch.eye(4), atol=1e-5, rtol=0)
    assert (found.gather(1, found.abs().argmax(1, keepdim=True)) > 0).all()


def test_none_changes_the_first_layer_more_than_the_first():
    others = torch.nn.functional.normalize(torch.randn(1000, 4, generator=torch.Generator().manual_seed(1)))
    assert (UNIT @ directions(WEIGHT)[0]).norm() >= (others @ UNIT.T).norm(dim=1).max()


def test_a_row_of_zeros_has_no_say():
    torch.testing.assert_close(directions(torch.cat([WEIGHT, torch.zeros(1, 4)])), directions(WEIGHT))


def test_rows_move_styles_along_each_direction():
    generator = Styled(num_classes=2)
    SeFa(directions=[2, 0], count=3, steps=5, strength=4.0)(generator, None, 0)
    styles, labels = generator.asked[0]
    moved, base = styles.view(2, 3, 5, 4), 2 * draw_latents(generator, 3, 0)
    torch.testing.assert_close(moved[:, :, 2], base.expand(2, 3, 4))
    for index, direction in enumerate((2, 0)):
        torch.testing.assert_close(moved[index, 1, -1] - base[1], 4 * directions(WEIGHT)[direction])
        torch.testing.assert_close(moved[index, 1, 0] - base[1], -4 * directions(WEIGHT)[direction])
    assert labels.view(2, 3, 5)[:, :, 0].tolist() == [[0, 1, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("generator", "chosen", "reason"),
    [(Echo(), [0], "Echo does not define style_weight"), (Styled(), [4], "from 0 to 3"), (Styled(), [], "from 0 to 3")],
)
def test_missing_weights_and_invalid_directions_are_refused(generator, chosen, reason):
    with pytest.raises(ConfigError, match=reason):
        SeFa(directions=chosen)(generator, None, 0)
