"""What is public is documented."""

import inspect
import re
from pathlib import Path

from gan_experiments.metrics import functional

PAGE = (Path(__file__).parents[3] / "docs" / "functional.md").read_text()


def test_the_page_lists_every_function_and_nothing_else():
    functions = {name for name in functional.__all__ if inspect.isfunction(getattr(functional, name))}
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == functions


def test_every_function_says_what_it_takes_and_returns():
    for name in functional.__all__:
        public = getattr(functional, name)
        assert public.__doc__, name
        if inspect.isfunction(public):
            assert "Args:" in public.__doc__ or "``(" in public.__doc__ or "share" in name, name
