import pytest
import torch
from stubs import Echo, cells

from gan_experiments.core.images import as_measured
from gan_experiments.core.types import ConfigError
from gan_experiments.sampling.base import draw_latents
from gan_experiments.sampling.style_mixing import StyleMixing


class Layered(Echo):
    """Each pixel is the style of one of four layers; styles are latents, moved by the class."""

    num_styles = 4

    def styles(self, latents, labels=None):
        return latents if labels is None else latents + labels[:, None]

    def synthesize(self, styles, labels=None):
        self.asked.append((styles, labels))
        return torch.tanh(torch.diagonal(styles, dim1=1, dim2=2) / 4).view(-1, 1, 2, 2)


def pixels(styles):
    return as_measured(torch.tanh(styles / 4), 8).reshape(-1, 2, 2)


@pytest.mark.parametrize(("layers", "taken"), [(None, [0, 1]), ([3, 1], [1, 3]), ([0, 1, 2, 3], [0, 1, 2, 3])])
def test_an_image_has_the_styles_of_its_row_and_in_some_layers_of_its_column(layers, taken):
    shown = cells(StyleMixing(3, layers)(Layered(), None, 0), columns=4)
    rows, columns = draw_latents(Layered(), 6, 0).chunk(2)
    assert torch.equal(shown[1:, 0], pixels(rows))
    assert torch.equal(shown[0, 1:], pixels(columns))
    assert not shown[0, 0].any()
    expected = rows[:, None].repeat(1, 3, 1)
    expected[:, :, taken] = columns[None, :, taken]
    assert torch.equal(shown[1:, 1:].reshape(-1, 2, 2), pixels(expected))


def test_styles_are_of_the_classes_that_rows_and_columns_are_named_by():
    generator = Layered(num_classes=4)
    sheet = StyleMixing(2)(generator, None, 0)
    latents = draw_latents(generator, 4, 0)
    alone, mixed = (styles for styles, _ in generator.asked)
    torch.testing.assert_close(alone[:, 0], latents + torch.arange(4)[:, None])
    torch.testing.assert_close(mixed[1], torch.cat([alone[3, :2], alone[0, 2:]]))  # first row, second column
    assert generator.asked[1][1].tolist() == [0, 0, 1, 1]
    plain = StyleMixing(2)(Layered(), None, 0)
    assert sheet.shape[1] > plain.shape[1]
    assert sheet.shape[2] > plain.shape[2]


@pytest.mark.parametrize(
    ("generator", "layers", "reason"),
    [
        (Echo(), None, "needs a style for each layer, as StyleGAN2 has; Echo has one for all"),
        (Layered(), [4], r"output.layers: \[4\] must be indices from 0 to 3"),
        (Layered(), [-1], "from 0 to 3"),
        (Layered(), [], "from 0 to 3"),
    ],
)
def test_one_style_for_all_layers_and_unknown_layers_are_refused(generator, layers, reason):
    with pytest.raises(ConfigError, match=reason):
        StyleMixing(layers=layers)(generator, None, 0)
