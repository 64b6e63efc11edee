import os
import subprocess
import sys
import textwrap

import pytest
from omegaconf import OmegaConf

from gan_experiments.cli._arguments import read_arguments
from gan_experiments.cli._help import help_page
from gan_experiments.cli._main import checked_run
from gan_experiments.config.compose import compose
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder

PROGRAM = """
import sys
from gan_experiments.cli._main import command
from gan_experiments.config.schema import Config
from gan_experiments.core.types import ConfigError, DivergedError

def run(cfg):
    assert "torch" not in sys.modules
    print("run", cfg.seed, cfg.trusted, cfg.loss._target_.rpartition(".")[2], flush=True)
    if cfg.seed == 1: return 7
    if cfg.seed == 2: raise ConfigError(["a: one", "b: two"])
    if cfg.seed == 3: raise DivergedError("the loss is nan")
    if cfg.seed == 4: raise KeyboardInterrupt
    if cfg.seed == 5: raise RuntimeError("a fault")
    if cfg.seed == 6: return 0.5

if __name__ == "__main__":
    command("train", Config, run)
"""


@pytest.fixture
def gan(tmp_path):
    """Run a small command in an empty folder."""
    (tmp_path / "program").mkdir()
    program = tmp_path / "program" / "gan_train.py"
    program.write_text(textwrap.dedent(PROGRAM))
    work = tmp_path / "work"
    work.mkdir()

    def run(*arguments):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
        command = [sys.executable, str(program), *arguments]
        return subprocess.run(command, cwd=work, capture_output=True, text=True, env=environment, check=False)

    run.folder = work
    return run


def test_a_run_gets_its_config_and_leaves_no_litter(gan):
    done = gan("seed=0", "loss=hinge", "+d_steps=2", "model.generator.norm=none")
    assert (done.returncode, done.stdout, done.stderr) == (0, "run 0 [] Hinge\n", "")
    assert list(gan.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("seed", "code", "error"),
    [
        (1, 7, ""),
        (2, 2, "Config error: 2 problems\n  a: one\n  b: two\n"),
        (3, 3, "Diverged: the loss is nan\n"),
        (4, 130, "interrupted\n"),
        (6, 0, ""),
    ],
)
def test_outcomes_are_exit_codes(gan, seed, code, error):
    done = gan(f"seed={seed}")
    assert (done.returncode, done.stderr) == (code, error)


def test_a_fault_keeps_its_traceback(gan):
    done = gan("seed=5")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("RuntimeError: a fault\n")
    assert 'raise RuntimeError("a fault")' in done.stderr


def test_a_config_error_is_lines_and_nothing_runs(gan):
    done = gan("modle=dcgan", "loss=hing", "batch_size=abc")
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == "Config error: 3 problems"
    assert len(lines) == 4


def test_a_sweep_goes_on_after_a_failure_and_ends_with_the_highest_code(gan):
    done = gan("-m", "seed=0,2,5,3,6")
    assert done.returncode == 3
    assert [line for line in done.stdout.splitlines() if line.startswith("run")] == [
        f"run {seed} [] NonSaturating" for seed in (0, 2, 5, 3, 6)
    ]
    assert "job seed=2:\nConfig error" in done.stderr
    assert "job seed=3:\nDiverged" in done.stderr
    assert done.stderr.count("RuntimeError: a fault") == 1
    assert [path.name for path in gan.folder.rglob("*") if path.is_file()] == ["multirun.yaml"]  # Hydra's own record


def test_a_combination_that_only_one_job_has_is_refused_before_any_starts(gan):
    done = gan("-m", "trainer=gpu", "penalty=none,r1", "trainer.precision=32-true,16-mixed")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Config error: 1 problem\n  trainer.precision: 16-mixed")


def test_trust_is_what_the_command_line_says(gan, tmp_path):
    config = compose("train", ["trusted=[from_the_file]"])
    folder = tmp_path / "run"
    RunFolder(folder).path.mkdir()
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config))
    arguments = ["--config-dir", str(folder), "--config-name", "config"]
    assert gan(*arguments).stdout == "run 0 [] NonSaturating\n"
    assert gan(*arguments, "trusted=[mine]").stdout == "run 0 ['mine'] NonSaturating\n"


def test_a_stranger_s_config_does_not_configure_hydra(gan, tmp_path):
    text = OmegaConf.to_yaml(compose("train")) + "hydra:\n  launcher:\n    _target_: evil.Launcher\n"
    (tmp_path / "config.yaml").write_text(text)
    done = gan("--config-dir", str(tmp_path), "--config-name", "config")
    assert done.returncode == 2
    assert "hydra.launcher: config files cannot set this" in done.stderr
    assert done.stdout == ""


def test_a_reader_that_leaves_early_is_no_fault(gan):
    program = gan.folder.parent / "program" / "gan_train.py"
    pipe = f"{sys.executable} {program} --help | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", pipe], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_warnings_are_printed_and_the_run_goes_on(gan):
    done = gan("penalty=[r1,wgan_gp]")
    assert done.returncode == 0
    assert done.stderr.startswith("Warning: penalty: r1 and wgan_gp")


def test_the_config_can_be_looked_at(gan):
    done = gan("--cfg", "job", "loss=hinge", "-p", "loss")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Hinge" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "start"),
    [(["--version"], "gan-experiments "), (["--hydra-help"], "Hydra"), (["-sc", "install=bash"], "export")],
)
def test_other_flags(gan, arguments, start):
    done = gan(*arguments)
    assert done.returncode == 0
    assert done.stdout.lstrip().startswith(start)


def test_flags_and_overrides_come_in_any_order():
    read = read_arguments(["seed=1", "-m", "loss=a,b", "--config-dir", "x", "~y"])
    assert read.overrides == ["seed=1", "loss=a,b", "~y"]
    assert read.flags == ["--multirun", "--config-dir", "x"]
    assert read.multirun
    assert read.runs
    assert read_arguments(["hydra.mode=MULTIRUN"]).multirun
    assert not read_arguments(["--cfg", "job"]).runs


@pytest.mark.parametrize("flag", ["--multirn", "--config-path", "--experimental-rerun", "-x"])
def test_unknown_flags_are_refused(flag):
    with pytest.raises(ConfigError, match=f"{flag}: no such flag"):
        read_arguments([flag])


def test_a_flag_is_suggested():
    with pytest.raises(ConfigError, match="did you mean '--multirun'"):
        read_arguments(["--multirn"])
    with pytest.raises(ConfigError, match="invalid choice"):
        read_arguments(["--cfg", "nothing"])


@pytest.mark.parametrize("name", ["train", "evaluate", "sample", "export", "compare"])
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
        assert {"compare": "study: ???", "evaluate": "run: null"}.get(name, "run: ???") in page


def test_the_config_of_a_run_is_checked_before_it_is_used(tmp_path):
    config = compose("train")
    run = RunFolder(tmp_path)
    run.write_config(OmegaConf.to_container(config, resolve=True))
    assert checked_run(run)["seed"] == 0
    config.loss._target_ = "my_package.Loss"
    config.trusted = ["my_package"]
    run.write_config(OmegaConf.to_container(config, resolve=True))
    with pytest.raises(ConfigError, match=r"config\.yaml: loss\._target_: 'my_package\.Loss' is not in"):
        checked_run(run)
