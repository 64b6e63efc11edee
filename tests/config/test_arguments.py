from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_experiments.config.arguments import checked
from gan_experiments.core.types import ConfigError, PositiveInt


class Own:
    pass


@checked
def draw(
    n: PositiveInt,
    file: str | Path = "a",
    names: Sequence[str] = (),
    truncation: float | None = None,
    seeds: Iterable[int] = (),
    own: Own | None = None,
):
    """Return what it was given."""
    return n, file, names, truncation, list(seeds), own


def test_arguments_that_fit_are_handed_on_as_they_are():
    own, path = Own(), Path("b")
    assert draw(2) == (2, "a", (), None, [], None)
    assert draw(np.int64(3), path, ("x",), 1, seeds=[4], own=own) == (3, path, ("x",), 1, [4], own)
    assert draw(torch.tensor(5))[0] == 5
    assert draw(1, truncation=np.float32(0.5))[3] == 0.5
    assert draw(1, seeds=(seed for seed in (1, 2)))[4] == [1, 2]  # has not been used up
    assert draw(1, own=3)[-1] == 3  # no config says what an instance is
    assert draw.__doc__ == "Return what it was given."


def test_all_that_do_not_fit_are_named_at_once():
    with pytest.raises(ConfigError) as refused:
        draw(2.5, 7, ["x", 1], float("nan"))
    assert refused.value.problems == [
        "n: 2.5 is not an integer >= 1",
        "file: 7 is not text; write \"'7'\"",
        "names[1]: 1 is not text; write \"'1'\"",
        "truncation: nan is not a number or None",
    ]


@pytest.mark.parametrize("n", [0, -1, 2.0, "3", None, True, np.float64(2), [1]])
def test_a_count_is_a_positive_integer(n):
    with pytest.raises(ConfigError, match=r"^n: .* is not an integer >= 1"):
        draw(n)


def test_names_that_are_no_arguments_are_python_s_own_error():
    with pytest.raises(TypeError, match="missing a required argument: 'n'"):
        draw()
    with pytest.raises(TypeError, match="unexpected keyword argument 'm'"):
        draw(1, m=2)
