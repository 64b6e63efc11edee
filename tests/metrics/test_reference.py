"""Statistics of real images between runs."""

import pytest
import torch
from pixels import evaluator, from_tensor, measures, source

from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.kid import KID
from gan_experiments.runs.results import plain


@pytest.fixture
def statistics(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    return lambda: sorted((tmp_path / "statistics").glob("*.safetensors"))


SAMPLE = from_tensor(source(seed=1).images)


def test_a_second_evaluation_reads_them(statistics):
    first, second = (evaluator(features=measures()) for _ in range(2))
    found = first.final(SAMPLE, 300)
    assert second.final(SAMPLE, 300) == found
    assert [each.extractors["native"].extracted for each in (first, second)] == [800, 300]
    assert len(statistics()) == 1


def test_what_they_depend_on_is_what_they_are_kept_by(statistics):
    other_data, other_weights = evaluator(source(seed=5)), evaluator()
    other_weights.extractors["native"].weight_hash = "other"
    variants = [evaluator(), other_data, other_weights, evaluator(features=measures())]
    for count, each in enumerate(variants, 1):
        each(SAMPLE, 64)
        assert len(statistics()) == count


@pytest.mark.parametrize(
    "options", [{"features": {"fid": FID()}}, {"features": {"kid": KID(subsets=2, subset_size=20)}}]
)
def test_a_file_that_keeps_features_serves_other_measures(statistics, options, monkeypatch, tmp_path):
    evaluator(features=measures())(SAMPLE, 64)
    other = evaluator(**options)
    found = other.final(SAMPLE, 300)
    assert other.extractors["native"].extracted == 300
    assert len(statistics()) == 1
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "empty"))
    alone = evaluator(**options)
    expected = plain(alone.final(SAMPLE, 300))
    assert plain(found) == {name: pytest.approx(each, rel=1e-9) for name, each in expected.items()}
    assert alone.extractors["native"].extracted == 800


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_a_damaged_file_is_made_again_and_said(statistics, damage):
    expected = evaluator(features=measures())(SAMPLE, 300)
    (path,) = statistics()
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-1] ^= 0x40
    path.write_bytes({"truncated": content[:-9], "flipped": content, "empty": b"", "text": b"no tensors"}[damage])
    again = evaluator(features=measures())
    with pytest.warns(UserWarning, match="is damaged: the real images are extracted again"):
        assert again(SAMPLE, 300) == expected
    third = evaluator(features=measures())
    assert third(SAMPLE, 300) == expected
    assert third.extractors["native"].extracted == 300


def test_memory_does_not_grow_with_the_images_unless_a_measure_keeps_them(statistics):
    sizes = []
    for count in (200, 2000):
        evaluator(source(count=count), features={"fid": FID()})(SAMPLE, 64)
    sizes = [path.stat().st_size for path in statistics()]
    assert max(sizes) < 1.1 * min(sizes)


def test_the_real_baseline_is_the_same_for_every_seed(statistics):
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        each = evaluator(features={"fid": FID()})
        each._seed = seed
        found.append([value.real_baseline for value in each.final(SAMPLE, 300).values()])
    assert found[0] == found[1]
