import numpy as np
from PIL import Image
from synthetic import write_study

from gan_experiments.comparison.report.sample_grids import sample_grids


def test_grids_are_of_one_seed_and_the_last(study, compared):
    grid = study / "digits-dcgan-loss_hinge-seed_0" / "samples" / "0000200000.png"
    for path in grid.parent.parent.parent.glob("*wasserstein-seed_0/samples/*"):
        path.unlink()
    note, grids = sample_grids(compared(study))
    assert note == "The last sample grid of each arm's run with seed 1; all of them show the same latents."
    assert [grid.label for grid in grids] == ["hinge", "minimax", "wasserstein"]
    assert grids[1].caption == "digits-dcgan-loss_minimax-seed_1 at 100,000 images, diverged"


def test_other_files_are_no_grids(study, compared):
    for folder in study.glob("*/samples"):
        for name in ("0000300000.txt", "fakes-0000300000.png", "3\N{SUPERSCRIPT TWO}.png", ".png", "0000000000.png"):
            (folder / name).write_bytes(b"")
    _, grids = sample_grids(compared(study))
    assert [grid.caption.split(" at ")[1] for grid in grids] == [
        "200,000 images",
        "200,000 images",
        "200,000 images",
    ]


def test_grids_that_cannot_be_read_are_left_out_and_large_ones_made_small(tmp_path, compared):
    study = write_study(tmp_path, {"hinge": [4.0], "minimax": [5.0]}, grid=True)
    (study / "digits-dcgan-loss_hinge-seed_0" / "samples" / "0000200000.png").write_bytes(b"not an image")
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    Image.fromarray(noise).save(study / "digits-dcgan-loss_minimax-seed_0" / "samples" / "0000200000.png")
    _, (image,) = sample_grids(compared(study))
    assert (image.label, image.media_type) == ("minimax", "image/jpeg")
    assert len(image.data) < 1_000_000


def test_a_study_without_grids_has_no_grids(tmp_path, compared):
    assert sample_grids(compared(write_study(tmp_path, {"hinge": [4.0]})))[1] == []
