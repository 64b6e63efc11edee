import pytest

from gan_experiments.cli._help import help_page


@pytest.mark.parametrize(
    "name", ["train", "evaluate", "sample", "export", "compare", "stability", "diagnose", "import"]
)
def test_the_help_is_about_the_program(name, tmp_path):
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "my_own_loss.yaml").write_text("")
    page = help_page(name, tmp_path)
    assert f"usage: gan-{name}" in page
    assert f"gan-{name} " in page.partition("Examples:")[2]
    assert max(map(len, page.splitlines())) <= 110
    assert "Hydra app" not in page
    if name == "train":
        assert "my_own_loss" in page
        for key in ("seed: 0", "batch_size: 128", "loss=non_saturating", "model=dcgan", "--multirun"):
            assert key in page
    else:
        assert {
            "compare": "study: null",
            "runs": "runs: outputs",
            "runs_follow": "runs: outputs",
            "evaluate": "run: null",
            "stability": "distance: 0.1",
            "import": "file: ???",
        }.get(name, "run: ???") in page
