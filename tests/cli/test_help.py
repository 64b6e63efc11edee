import pytest

from gan_experiments.cli._help import help_page
from gan_experiments.config.files import conf_dir

ROOTS = sorted(file.stem for file in [*conf_dir().glob("*.yaml"), conf_dir() / "compare" / "compare.yaml"])


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


@pytest.mark.parametrize("name", ROOTS)
def test_every_root_config_says_what_its_command_does_and_gives_an_example(name):
    page = help_page(name)
    purpose, _, rest = page.partition("\n\n")[2].partition("Keys, with their defaults")
    assert purpose.strip()
    program = page.partition("usage: ")[2].partition(" [")[0]
    assert f"\n  {program}" in rest.partition("Examples:")[2]
