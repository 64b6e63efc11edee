"""How tests are dealt out to processes, see tests/helpers/dealing.py."""

from itertools import groupby
from typing import NamedTuple

import pytest
from dealing import LONG, dealt


class Mark(NamedTuple):
    name: str


class Item(NamedTuple):
    """A test as pytest collects it: the number of its file, its own number, the names of its marks."""

    path: int
    number: int
    marks: tuple

    def iter_markers(self):
        return map(Mark, self.marks)

    @property
    def is_long(self):
        return any(mark in LONG for mark in self.marks)


ITEMS = [
    Item(file, number, (mark,) if mark and number % 3 == 0 else ("parametrize",) * (number % 2))
    for file, mark in enumerate(["", "slow", "", "ray", "slurm", "", "joblib", "slow", "", "adversarial"])
    for number in range(10 + file)
]


def long_ones(path):
    return [item for item in ITEMS if item.is_long and item.path == path]


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_each_part_begins_with_a_share_of_the_long_tests(processes):
    rest, parts, loads = dealt(ITEMS, processes), [], []
    assert sorted(rest) == sorted(ITEMS)
    for left in range(processes, 0, -1):  # as xdist divides them for worksteal
        parts.append(rest[: len(rest) // left])
        del rest[: len(parts[-1])]
    for part in parts:
        (is_long, head), *others = [(key, list(items)) for key, items in groupby(part, lambda item: item.is_long)]
        head = head if is_long else []
        assert len(others) <= 1, "a long test comes after a short one"
        loads.append(sum(LONG[item.marks[0]] for item in head))
        for path, tests in groupby(head, lambda item: item.path):
            assert list(tests) == long_ones(path), "tests of one file are apart"
    assert max(loads) - min(loads) <= max(sum(LONG[item.marks[0]] for item in long_ones(path)) for path in range(10))


def test_the_others_stay_in_their_order():
    short = [item for item in dealt(ITEMS, 3) if not item.is_long]
    assert short == [item for item in ITEMS if not item.is_long]
