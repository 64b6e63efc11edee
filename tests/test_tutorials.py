"""Every command of the tutorials runs, in its order, with tiny networks and budgets."""

import re
import shlex
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import tiny_overrides

from gan_experiments.cli import compare, data, runs, sample, train, translate
from gan_experiments.config.compose import check_command_line
from gan_experiments.config.schema import Config

PAGES = {page.stem: page for page in (Path(__file__).parent.parent / "docs" / "tutorials").glob("*.md")}
MODULES = {"gan-data": data, "gan-sample": sample, "gan-runs": runs, "gan-compare": compare, "gan-translate": translate}
ELSEWHERE = "submitit_slurm"  # which needs a cluster: the command is checked only


def commands(page):
    """Return the commands of a page, as lists of words."""
    text = page.read_text().replace("$(date +%F)", date.today().isoformat())
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line.split("  #")[0]) for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write the image files that the tutorials read."""
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for name, size, channels in (("pictures", 40, 3), ("noisy", 8, 1)):
        (tmp_path / name).mkdir()
        for number in range(60 if name == "pictures" else 2):
            pixels = random.integers(0, 256, (size, size, channels), dtype=np.uint8).squeeze()
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")


def run(call, words):
    name, *arguments = words
    if name != "gan-train":
        return call(MODULES[name], *arguments)
    if any(ELSEWHERE in word for word in arguments):
        line = check_command_line("train", Config, [word for word in arguments if word != "-m"], multirun=True)
        return len(line.problems), "", str(line.problems)
    kept = [word for word in arguments if not word.startswith("budget.images=")]
    resumed = any(word.startswith("resume=") for word in arguments)
    return call(train, *([*kept, "budget.images=96"] if resumed else tiny_overrides(*kept)))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if "gan-train -m" in page.read_text() else [])
        for name, page in sorted(PAGES.items())
        if commands(page)
    ],
)
@pytest.mark.usefixtures("files")
def test_every_command_runs(call, name):
    for words in commands(PAGES[name]):
        code, out, err = run(call, words)
        assert code == 0, (shlex.join(words), out, err)
    written = [word.partition("=")[2] for words in commands(PAGES[name]) for word in words if word.startswith("file=")]
    assert all(Path(file).exists() for file in written)
