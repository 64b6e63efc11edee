import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.core.types import ConfigError
from gan_experiments.data.subset import choose_subset

LABELS = torch.arange(1000) % 10


def test_by_default_all_images_are_chosen():
    assert torch.equal(choose_subset(7, None, 0), torch.arange(7))


@given(limit=st.integers(1, 1000), seed=st.integers(0, 3))
def test_a_subset_is_a_function_of_the_seed_and_grows(limit, seed):
    part = choose_subset(1000, None, seed, limit=limit)
    assert len(part.unique()) == limit
    assert torch.equal(part, choose_subset(1000, LABELS, seed, limit=limit))
    assert set(part.tolist()) <= set(choose_subset(1000, None, seed, limit=min(1000, limit + 50)).tolist())


def test_seeds_choose_differently():
    assert not torch.equal(choose_subset(1000, None, 0, limit=100), choose_subset(1000, None, 1, limit=100))


@given(count=st.integers(1, 100))
def test_per_class(count):
    part = choose_subset(1000, LABELS, 0, per_class=count)
    assert LABELS[part].bincount().tolist() == [count] * 10


def test_a_long_tail_falls_exponentially():
    sizes = LABELS[choose_subset(1000, LABELS, 0, long_tail=100.0)].bincount()
    assert (sizes[0], sizes[-1]) == (100, 1)
    ratios = sizes[:6] / sizes[1:7]
    assert torch.allclose(ratios, torch.full((6,), 100 ** (1 / 9)), rtol=0.08)


def test_they_combine():
    part = choose_subset(1000, LABELS, 0, per_class=50, long_tail=10.0, limit=30)
    assert len(part) == 30
    assert LABELS[choose_subset(1000, LABELS, 0, per_class=50, long_tail=10.0)].bincount()[[0, -1]].tolist() == [50, 5]


@pytest.mark.parametrize(
    ("labels", "options", "problem"),
    [
        (LABELS, {"limit": 1001}, "dataset.limit: 1001 images requested, 1000 are available"),
        (LABELS, {"per_class": 101}, "dataset.per_class: 101 images requested, class 0 has 100"),
        (None, {"per_class": 1}, "dataset.per_class: the images have no labels"),
        (None, {"long_tail": 2.0}, "dataset.long_tail: the images have no labels"),
        (LABELS + (LABELS > 0), {"long_tail": 2.0}, "dataset.long_tail: class 1 has no images; .*"),
    ],
)
def test_missing_images_and_labels_are_refused(labels, options, problem):
    with pytest.raises(ConfigError, match=f"^{problem}$"):
        choose_subset(1000, labels, 0, **options)
