import json
import math
from dataclasses import asdict

import pytest

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.stop_rule import StopRule, read_rule, write_rule

GAINS = ((0.25, 10.0), (0.5, 2.0))


def rule(higher=False, logarithmic=False, limit=5.0):
    return StopRule("fid", higher, logarithmic, limit, "hinge", GAINS)


def stopped(made, images, value):
    made.look(images, 100, value)
    return made.stopped


def test_a_run_is_stopped_where_it_cannot_reach_the_limit_any_more():
    assert not stopped(rule(), 24, 99.0)  # nothing is known of so early a value
    assert not stopped(rule(), 25, 15.0)
    assert not stopped(rule(), 49, 15.0)  # the gain of the share before
    assert stopped(rule(), 50, 15.0) == {"measure": "fid", "value": 15.0, "bound": 13.0, "images_seen": 50}
    assert not stopped(rule(), 99, math.nan)


def test_gains_are_factors_or_differences_and_higher_may_be_better():
    assert stopped(rule(logarithmic=True), 50, 40.0)["bound"] == pytest.approx(40 / math.e**2)
    assert not stopped(rule(logarithmic=True), 50, 36.0)
    assert not stopped(rule(logarithmic=True), 50, -1.0)
    assert not stopped(rule(higher=True), 50, 3.5)
    assert stopped(rule(higher=True), 50, 2.5)["bound"] == 4.5


def test_a_rule_is_kept_in_the_folder_of_its_run(tmp_path):
    run = RunFolder(tmp_path)
    assert read_rule(run) is None
    write_rule(run, rule())
    read = read_rule(run)
    assert stopped(read, 50, 15.0) == stopped(rule(), 50, 15.0)
    assert read.reason() == "FID 15 at 50 images: at best 13 at the end, not the 5 that is near hinge"


@pytest.mark.parametrize(
    "text",
    [
        '{"measure": 3}',
        "[" * 100_000,
        json.dumps({**asdict(rule()), "limit": "low"}),
        json.dumps({**asdict(rule()), "limit": math.nan}),
        json.dumps({**asdict(rule()), "limit": 10**400}),
        json.dumps({**asdict(rule()), "gains": None}),
        json.dumps({**asdict(rule()), "gains": [0.5]}),
        json.dumps({**asdict(rule()), "gains": [[0.5, -1e9]]}),
        json.dumps({**asdict(rule()), "gains": [[0.5, math.nan]]}),
    ],
)
def test_what_is_not_a_rule_is_refused_before_the_run_begins(tmp_path, text):
    run = RunFolder(tmp_path)
    run.rule_file.write_text(text)
    with pytest.raises(ConfigError, match=r"stop_rule\.json: not the rule of a run"):
        read_rule(run)
