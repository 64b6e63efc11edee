import pytest

from gan_experiments.runs.directions import higher_is_better

RECORD = {
    "evaluation": {
        "features": {"fid": {"values": ["fid"], "higher_is_better": {"fid": False}}},
        "measures": {"modes": {"higher_is_better": {"modes": True, "reverse_kl": False}}, "old": {"values": ["old"]}},
    }
}


@pytest.mark.parametrize(
    ("measure", "higher"),
    [("fid", False), ("fid/dino", False), ("modes", True), ("reverse_kl", False), ("old", None), ("fi", None)],
)
def test_the_direction_of_a_measure_is_that_of_the_record(measure, higher):
    assert higher_is_better(RECORD, measure) is higher


@pytest.mark.parametrize("record", [{}, {"evaluation": None}, {"evaluation": {"features": [], "measures": {"fid": 1}}}])
def test_a_record_without_directions_knows_none(record):
    assert higher_is_better(record, "fid") is None
