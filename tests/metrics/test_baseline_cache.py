"""Real baselines between evaluations."""

import pytest
from pixels import evaluator, from_tensor, measures, source

from gan_experiments.metrics import baseline_cache
from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.kid import KID
from gan_experiments.metrics.measure import Baseline
from gan_experiments.metrics.memorization import Memorization

SAMPLE = from_tensor(source(seed=1).images)


@pytest.fixture
def computed(tmp_path, monkeypatch):
    """Return the samples of each baseline of the FID that is computed, in a cache of the test's own."""
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    calls, expected = [], FID.expected

    def counting(self, real, samples):
        calls.append(samples)
        return expected(self, real, samples)

    monkeypatch.setattr(FID, "expected", counting)
    return calls


def test_a_second_evaluation_reads_them_to_the_last_bit(computed):
    first, second = (evaluator(features=measures()).final(SAMPLE, 300) for _ in range(2))
    assert first == second
    assert first["fid"].real_baseline_spread is not None
    assert computed == [300]


def test_what_they_depend_on_is_what_they_are_kept_by(computed):
    other_weights = evaluator()
    other_weights.extractors["native"].weight_hash = "other"
    variants = [(evaluator(), 300), (evaluator(), 200), (evaluator(source(seed=5)), 300), (other_weights, 300)]
    baselines = {each.final(SAMPLE, samples)["fid"].real_baseline for each, samples in variants}
    assert computed == [300, 200, 300, 300]
    assert len(baselines) == 3, "the weights that are said to be others are the same"
    spreads = {
        evaluator(features={"kid": KID(subsets=2, subset_size=size)}).final(SAMPLE, 300)["kid_spread"].real_baseline
        for size in (20, 40)
    }
    assert len(spreads) == 2


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"recipe": 1, "baselines": []}', b"\xff"])
def test_a_damaged_file_is_made_again_and_said(computed, tmp_path, damage):
    expected = evaluator().final(SAMPLE, 300)
    for path in (tmp_path / "statistics").glob("baselines-*.json"):
        path.write_bytes(damage)
    with pytest.warns(UserWarning, match="is damaged: the real baseline is computed again"):
        assert evaluator().final(SAMPLE, 300) == expected
    assert evaluator().final(SAMPLE, 300) == expected
    assert computed == [300, 300]


def test_where_nothing_can_be_written_they_are_computed(computed, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(baseline_cache, "write_json", full)
    assert evaluator().final(SAMPLE, 300) == evaluator().final(SAMPLE, 300)
    assert computed == [300, 300]
    assert "cannot be written (No space left on device)" in caplog.text


def test_a_measure_that_names_no_version_is_computed_in_each_evaluation(computed, tmp_path):
    assert Memorization.baseline_version == 0, "it depends on which images were trained on"

    class Own(FID):
        baseline_version = 0

        def expected(self, real, samples):
            computed.append("own")
            return {"fid": Baseline(1.0)}

    for _ in range(2):
        evaluator(features={"fid": Own()}).final(SAMPLE, 300)
    assert computed == ["own", "own"]
    assert not list((tmp_path / "statistics").glob("baselines-*"))
