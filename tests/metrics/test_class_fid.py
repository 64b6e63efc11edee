import pytest
import torch
from pixels import evaluator, from_tensor, source

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics.class_fid import ClassFID
from gan_experiments.metrics.fid import FID

LABELS = torch.arange(500) % 3


def test_class_wise_fid_detects_swapped_labels():
    data = source(labels=LABELS)
    data.images[LABELS == 1] += 40
    measure = evaluator(data, features={"fid": FID(), "class_fid": ClassFID()})
    right = measure(from_tensor(data.images, LABELS), 500)
    assert right == pytest.approx({"fid": 0, "class_fid": 0, "class_fid_worst": 0}, abs=1e-6)
    swapped = measure(from_tensor(data.images, (LABELS + 1) % 3), 500)
    assert swapped["fid"] == pytest.approx(0, abs=1e-6)
    assert swapped["class_fid_worst"] >= swapped["class_fid"] > 100
    with pytest.raises(ConfigError, match="59 generated images are too few for class_fid, which needs 60"):
        measure.check(59, "metrics.samples")


def test_a_class_with_one_real_image_gives_no_value():
    labels = torch.arange(500).clamp_max(1)
    measure = evaluator(source(labels=labels), features={"class_fid": ClassFID()})
    assert measure(from_tensor(source(seed=1).images, LABELS % 2), 500) == {}
