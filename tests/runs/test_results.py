import json

import pytest

from gan_experiments.core.estimate import Estimate
from gan_experiments.runs.results import estimates, evaluation_of, higher_is_better, plain, scores

FINAL = {"fid": Estimate(4.0, 0.5, 1.0, 0.1, False), "modes": Estimate(8.0, higher_is_better=True)}
LATER = {"fid": Estimate(3.0)}
RECORD = {
    "final": plain(FINAL),
    "best": {"fid": 5.0, "images_seen": 64},
    "evaluations": {"inception-50k": {"final": plain(LATER), "evaluation": {"samples": 50_000}}},
}
DIRECTIONS = {
    "evaluation": {
        "features": {"fid": {"values": ["fid"], "higher_is_better": {"fid": False}}},
        "measures": {"modes": {"higher_is_better": {"modes": True, "reverse_kl": False}}, "old": {"values": ["old"]}},
    }
}


def test_estimates_come_back_from_a_record():
    record = json.loads(json.dumps(RECORD))
    assert estimates(record) == FINAL
    assert estimates(evaluation_of(record, "inception-50k")) == LATER
    assert evaluation_of(record, "inception-50k")["evaluation"]["samples"] == 50_000
    assert estimates(evaluation_of(record, "another")) == {}
    assert evaluation_of({"evaluations": []}, "another") == {}


def test_scores_are_plain_values():
    assert scores(RECORD) == {"fid": 4.0, "modes": 8.0}
    assert scores(RECORD, "best") == {"fid": 5.0, "images_seen": 64}
    assert scores({}) == scores({}, "best") == {}


def test_what_cannot_be_read_is_left_out():
    record = {"final": {"fid": {"value": 1.0, "unknown": 2}, "is": 3.0, "kid": {"margin": 1.0}, "cas": {"value": True}}}
    assert estimates(record) == {"fid": Estimate(1.0)}
    assert estimates({"final": [1.0]}) == {}


@pytest.mark.parametrize(
    ("measure", "higher"),
    [("fid", False), ("fid/dino", False), ("modes", True), ("reverse_kl", False), ("old", None), ("fi", None)],
)
def test_the_direction_of_a_measure_is_that_of_the_record(measure, higher):
    assert higher_is_better(DIRECTIONS, measure) is higher


@pytest.mark.parametrize("record", [{}, {"evaluation": None}, {"evaluation": {"features": [], "measures": {"fid": 1}}}])
def test_a_record_without_directions_knows_none(record):
    assert higher_is_better(record, "fid") is None
