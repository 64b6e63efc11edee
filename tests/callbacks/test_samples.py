import torch
from PIL import Image

from gan_experiments.build import build
from gan_experiments.callbacks.samples import fixed_samples
from gan_experiments.run import RunFolder


def test_grids_at_the_start_at_every_multiple_and_at_the_end(fit):
    run = fit("budget.images=72", "metrics=none")
    assert sorted(path.name for path in run.samples.iterdir()) == [
        "0000000000.png", "0000000032.png", "0000000064.png", "0000000072.png",
    ]  # fmt: skip
    picture = Image.open(run.grid(72))
    assert picture.size == (2 * 34 + 2, 2 * 34 + 2)  # 2 x 2 images of 8 pixels, four times enlarged


def test_the_latents_stay_the_same(tiny, tmp_path):
    system = build(tiny(), RunFolder(tmp_path)).system
    first = fixed_samples(system, 5, 0)
    torch.rand(3)
    assert torch.equal(fixed_samples(system, 5, 0), first)
    assert not torch.equal(fixed_samples(system, 5, 1), first)
