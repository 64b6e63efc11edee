"""Campaigns of attempts to break things: a tenth of them runs each time, all of them nightly.

Every test in this folder has the marker ``adversarial``. Of a parametrized test a tenth of the cases runs, at least
one:

    @pytest.mark.parametrize("case", CASES)
    def test_refused(case): ...

A test that goes through its cases in a loop (cheap ones, or points that are found while it runs) asks ``share`` for its
tenth; all of its parameters run:

    @pytest.mark.parametrize("system", ["gan", "vae", "unrolled"])
    def test_survives(system, share):
        for point in share(points_of(system)): ...

``pytest --adversarial=all`` (or ``ADVERSARIAL=all``) runs everything, ``--adversarial=7`` another tenth than the
default, ``0``. A case that is named on the command line runs in any case. The counts stand at the end of the output.
"""

import hashlib
from collections import defaultdict
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)


def tenth(cases, seed, key=str):
    """Return the cases that ``seed`` draws, in their order: all, or a tenth, at least one."""
    if seed == "all":
        return list(cases)
    drawn = sorted(cases, key=lambda case: hashlib.sha256(f"{seed} {key(case)}".encode()).digest())
    kept = {id(case) for case in drawn[: -(-len(drawn) // 10)]}
    return [case for case in cases if id(case) in kept]


def pytest_itemcollected(item):
    item.add_marker("adversarial")


@pytest.hookimpl(trylast=True)  # after -k and -m
def pytest_collection_modifyitems(config, items):
    seed, of_function, dropped = config.getoption("adversarial"), defaultdict(list), set()
    for item in items:
        if str(item.path).startswith(HERE):
            name = item.name if "share" in item.fixturenames else item.originalname
            of_function[item.path.stem.removeprefix("test_"), name].append(item)
    for (campaign, name), cases in of_function.items():
        kept = tenth(cases, seed, key=lambda item: item.nodeid)
        for item in kept:
            item.user_properties.append(("adversarial", (campaign, name, 1, len(cases))))
        dropped.update(set(cases) - set(kept))
    config.hook.pytest_deselected(items=list(dropped))
    items[:] = [item for item in items if item not in dropped]


@pytest.fixture
def share(request):
    """Choose the part of some cases that this session runs, and count it."""

    def choose(cases):
        cases = list(cases)
        kept = tenth(cases, request.config.getoption("adversarial"))
        campaign = request.path.stem.removeprefix("test_")
        request.node.user_properties[:] = [("adversarial", (campaign, request.node.name, len(kept), len(cases)))]
        return kept

    return choose
