from dataclasses import replace

import pytest
import torch
from scipy.stats import norm, truncnorm
from stubs import CELL, Echo, cells

from gan_experiments.core.images import to_uint8
from gan_experiments.sampling.base import draw_latents
from gan_experiments.sampling.truncation import Truncation


@pytest.mark.parametrize("edge", [0.04, 0.5, 2.0])
def test_latents_become_those_of_the_truncated_normal(edge):
    generator, latents = Echo(), torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    generator.truncated(latents, edge)
    expected = truncnorm.ppf(norm.cdf(latents.double()), -edge, edge)
    torch.testing.assert_close(generator.asked[0][0].double(), torch.from_numpy(expected), atol=1e-6, rtol=1e-5)


def test_beyond_all_latents_nothing_changes():
    generator, latents = Echo(), torch.tensor([[-7.5, -1.0, 0.0, 3.0]])
    generator.truncated(latents, 12.0)
    torch.testing.assert_close(generator.asked[0][0], latents, rtol=1e-5, atol=0)


def test_rows_go_from_little_variety_to_all():
    generator = Echo()
    shown = cells(Truncation(count=5, values=[0.1, 0.5])(generator, None, 3), 5)
    assert torch.equal(shown[-1], to_uint8(Echo()(draw_latents(generator, 5, 3)))[:, 0])
    spread = [row.float().std() for row in shown]
    assert spread == sorted(spread)


def test_every_row_is_named_beside_it():
    sheet = Truncation(count=5, values=[0.1, 0.5])(Echo(), None, 3)
    texts = sheet[0, :, 5 * CELL + 2 :]
    rows = torch.tensor_split(texts, 3)
    assert all(bool((row > 128).any()) for row in rows)
    assert not torch.equal(rows[0][:30], rows[1][:30])


def test_the_range_of_16_bits_is_kept():
    generator = Echo(num_classes=2)
    generator.facts = replace(generator.facts, bits=16)
    sheet = Truncation(count=2, values=[0.5])(generator, None, 3)
    assert (len(sheet), sheet.dtype) == (1, torch.uint16)


def test_a_generator_may_truncate_in_its_own_way():
    class Own(Echo):
        def truncated(self, latents, truncation, labels=None):
            return self(latents * truncation, labels)

    generator = Own()
    Truncation(count=2, values=[0.5])(generator, None, 0)
    assert torch.equal(generator.asked[0][0], generator.asked[1][0] * 0.5)
