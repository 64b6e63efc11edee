"""What the README and the guide say can be typed, can be typed."""

import re
import shlex
from pathlib import Path

import pytest
from tiny import CLASSIFIER, tiny_overrides

from gan_experiments.cli import data, evaluate, sample, train
from gan_experiments.config.check import check_config
from gan_experiments.config.compose import check_command_line
from gan_experiments.config.grid import combinations
from gan_experiments.config.schema import Config

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "guide.md", ROOT / "docs" / "tutorials" / "add_a_loss.md")
TEXT = "\n".join(page.read_text() for page in PAGES)
COMMANDS = [
    shlex.split(line.split("  #")[0])
    for block in re.findall(r"```\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("gan-")
]


def block(title):
    return re.search(rf"`{re.escape(title)}`:\n\n```\w+\n(.*?)```", TEXT, re.DOTALL)[1]


@pytest.mark.parametrize(
    "command", [each for each in COMMANDS if each[0] == "gan-train" and "resume=" not in each[-1]], ids=" ".join
)
def test_every_training_command_passes_the_check(command):
    overrides = [word for word in command[1:] if word != "-m"]
    line = check_command_line("train", Config, overrides, multirun="-m" in command)
    assert line.problems == []
    for config in combinations(line):
        assert check_config(config, Config).problems == []


def test_train_evaluate_sample_and_resume(call):
    wanted = {"gan-train", "gan-evaluate", "gan-sample"}
    assert wanted <= {command[0] for command in COMMANDS}
    code, out, err = call(train, *tiny_overrides())
    assert code == 0, err
    (folder,) = Path("outputs").glob("*/digits-dcgan*")
    for module, command in ((evaluate, "gan-evaluate"), (sample, "gan-sample"), (train, "resume")):
        (words,) = [
            words[1:]
            for words in COMMANDS
            if (command in words[0] and words[1].startswith("run=")) or words[-1].startswith(command)
        ]
        words = [re.sub(r"outputs/\S+", str(folder), word) for word in words]
        words += CLASSIFIER if module is evaluate else ()
        code, out, err = call(module, *words)
        assert code == 0, err
        assert {"gan-evaluate": "FID", "gan-sample": ".png", "resume": "is finished"}[command] in out


def test_the_errors_are_those_shown(call):
    shown = TEXT.split("$ gan-train ")[1].split("```")[0]
    words, _, expected = shown.partition("\n")
    code, _, err = call(train, *shlex.split(words))
    assert code == 2
    assert err.strip() == expected.strip()


def test_a_loss_is_one_file_and_one_yaml(call, tmp_path, monkeypatch):
    for path in ("my_package/__init__.py", "my_package/cubic.py", "my_conf/loss/cubic.yaml"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("" if file.stem == "__init__" else block(path))
    monkeypatch.syspath_prepend(tmp_path)
    (command,) = re.findall(r"^PYTHONPATH=\. gan-train (.*)$", TEXT, re.MULTILINE)
    words = [*shlex.split(command), *tiny_overrides("metrics=none")]
    code, _, err = call(train, *words, "loss.margin=-1")
    assert code == 2
    assert "loss.margin: -1 is not a number > 0" in err
    code, _, err = call(train, *[word for word in words if not word.startswith("trusted=")])
    assert code == 2
    assert "my_package" in err
    code, _, err = call(train, *words)
    assert code == 0, err


def test_the_readme_is_one_screen():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 60


def test_losses_and_penalties_are_counted():
    texts = [
        "".join(file.read_text() for file in (ROOT / "conf" / group).glob("*.yaml")) for group in ("loss", "penalty")
    ]
    losses, penalties = (len(set(re.findall(r"_target_: (.+)", text))) for text in texts)
    assert f"| {losses} and {penalties}: " in (ROOT / "README.md").read_text()


def test_data_are_described(call):
    (words,) = [words[1:] for words in COMMANDS if words[0] == "gan-data"]
    code, out, err = call(data, *words)
    assert code == 0, err
    assert "1,797" in out
