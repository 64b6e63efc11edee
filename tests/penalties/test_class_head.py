import dataclasses

import pytest
import torch
from class_heads import FAKE, REAL, conditional_step

from gan_experiments.penalties.class_head import head_input


@pytest.fixture
def step():
    return conditional_step("classifier")


@pytest.mark.parametrize(("side", "expected"), [("real", REAL), ("fake", FAKE)])
def test_the_input_is_features_and_labels_of_one_side(step, side, expected):
    features, labels = head_input(step, side)
    assert features is getattr(step, f"{side}_features")
    assert torch.equal(labels, expected)


def test_features_in_low_precision_become_float32(step):
    low = dataclasses.replace(step, real_features=step.real_features.bfloat16())
    assert head_input(low, "real")[0].dtype == torch.float32


@pytest.mark.parametrize("missing", ["fake_features", "fake_labels"])
def test_without_features_or_labels_there_is_no_input(step, missing):
    with pytest.raises(ValueError, match="needs labels and a discriminator whose output is computed from features"):
        head_input(dataclasses.replace(step, **{missing: None}), "fake")
