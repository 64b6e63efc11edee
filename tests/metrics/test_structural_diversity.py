import pytest
import torch
from pixels import noise
from torchmetrics.image import MultiScaleStructuralSimilarityIndexMeasure

from gan_experiments.metrics.measure import Evaluated
from gan_experiments.metrics.structural_diversity import StructuralDiversity, scales_of


def smooth(count, size, seed=0):
    drawn = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return (torch.nn.functional.interpolate(drawn, size=(size, size), mode="bicubic").clamp(0, 1) * 255).to(torch.uint8)


def measured(images, batch=4):
    measure = StructuralDiversity()
    for part in images.split(batch):
        measure.update(part)
    return measure


def test_with_five_scales_it_is_that_of_its_parent():
    images = smooth(8, 176)
    theirs = MultiScaleStructuralSimilarityIndexMeasure(data_range=255.0)
    theirs.update(images[0::2].float(), images[1::2].float())
    measure = measured(images)
    assert measure.compute().item() == pytest.approx(theirs.compute().item(), rel=1e-5)
    assert measure.provenance() == {"scales": 5}


def test_equal_images_are_alike_and_others_are_not():
    images = smooth(6, 32)
    assert measured(images[:1].repeat(6, 1, 1, 1)).compute().item() == pytest.approx(1)
    values, margins = measured(images).scores_and_margins()
    assert values["ms_ssim"] < 0.6
    pairs = torch.cat(measured(images).similarities)
    assert len(pairs) == 3
    assert margins["ms_ssim"] == pytest.approx(1.96 * pairs.std(correction=0).item() / 3**0.5)


def test_the_real_baseline_is_that_of_real_images():
    data = noise(size=24, count=20)
    data.images = smooth(20, 24)
    measure = StructuralDiversity()
    measure.prepare(data)
    baseline = measure.real_baseline(Evaluated(data, 10, 4))["ms_ssim"].value
    assert 0 < baseline < 0.7


@pytest.mark.parametrize(("side", "scales"), [(11, 1), (21, 1), (22, 2), (32, 2), (44, 3), (88, 3), (99, 4), (176, 5)])
def test_small_images_have_fewer_scales(side, scales):
    assert scales_of(side) == scales
    assert measured(smooth(2, side)).compute().isfinite()
    with pytest.raises(ValueError, match="MS-SSIM needs images of 11 pixels, not 8"):
        StructuralDiversity().prepare(noise())
    with pytest.raises(ValueError, match="at least two images"):
        measured(smooth(1, 32)).compute()
