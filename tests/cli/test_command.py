import os
import runpy
import subprocess
import sys
import textwrap

import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf
from processes import Forked

from gan_experiments.config.compose import compose
from gan_experiments.runs.folder import RunFolder

PROGRAM = """
from gan_experiments.cli._command import command
from gan_experiments.config.schema import Config
from gan_experiments.core.types import ConfigError, DivergedError

def run(request):
    config = request.config
    print("run", config["seed"], config["trusted"], config["loss"]["_target_"].rpartition(".")[2], flush=True)
    if config["seed"] == 1: return 7
    if config["seed"] == 2: raise ConfigError(["a: one", "b: two"])
    if config["seed"] == 3: raise DivergedError("the loss is nan")
    if config["seed"] == 4: raise KeyboardInterrupt
    if config["seed"] == 5: raise RuntimeError("a fault")
    return 0

if __name__ == "__main__":
    command("train", Config, run)
"""


@pytest.fixture
def gan(tmp_path, monkeypatch, capsys):
    """Run a small command in an empty folder: here, ``forked`` from here, or with ``fresh`` in a new process."""
    (tmp_path / "program").mkdir()
    program = tmp_path / "program" / "gan_train.py"
    program.write_text(textwrap.dedent(PROGRAM))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(program), *arguments])
        GlobalHydra.instance().clear()
        with pytest.raises(SystemExit) as exit_:
            runpy.run_path(str(program), run_name="__main__")
        return subprocess.CompletedProcess(arguments, exit_.value.code, *capsys.readouterr())

    def fresh(*arguments, **more):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")} | more
        command = [sys.executable, str(program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    def forked(*arguments):
        def work():
            sys.argv = [str(program), *arguments]
            GlobalHydra.instance().clear()
            runpy.run_path(str(program), run_name="__main__")

        process = Forked(work, tmp_path / "log")
        return process.wait(), process.log.read_text()

    run.fresh, run.forked, run.folder = fresh, forked, work
    return run


@pytest.mark.slow
def test_a_run_gets_its_config_and_leaves_no_litter(gan):
    done = gan.forked("seed=0", "loss=hinge", "+d_steps=2", "model.generator.norm=none")
    assert done == (0, "run 0 [] Hinge\n")
    assert list(gan.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("seed", "code", "error"),
    [
        (1, 7, ""),
        (2, 2, "Config error: 2 problems\n  a: one\n  b: two\n"),
        (3, 3, "Diverged: the loss is nan\n"),
        (4, 130, "interrupted\n"),
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


def test_both_answers_have_everything_at_once(gan):
    names = gan("modle=dcgan", "loss=hing", "optimizer.generator.lr=-1")
    assert names.stderr.startswith("Config error: 2 problems\n")
    assert "lr" not in names.stderr  # values are asked for once the names are right
    values = gan("optimizer.generator.lr=-1", "model.generator.channels=0", "penalty.r1.interval=0")
    assert values.stderr.startswith("Config error: 3 problems\n")
    assert (names.returncode, values.returncode) == (2, 2)


def test_wrong_flags_names_and_files_are_one_answer(gan):
    wrong = ["--epochs", "5", "lss=hinge", "dataset=image_folder", "dataset.root=gone", "dataset.sizee=3", "--seed=x"]
    for more in ([], ["-m"]):
        done = gan(*wrong, *more)
        assert (done.returncode, done.stdout) == (2, "")
        keys = [line.strip().partition(":")[0] for line in done.stderr.splitlines()[1:]]
        keys = [key for key in keys if key != "-m"]
        assert keys == ["--epochs=5", "--seed=x", "lss", "dataset.sizee", "seed", "dataset.root"]
    done = gan("--epochs", "5", "--config-dir", "gone")
    assert done.stderr.startswith("Config error: 2 problems\n  --epochs=5: ")
    assert "--config-dir: there is no folder" in done.stderr


def test_a_command_without_sweeps_says_so(gan):
    done = gan("-m", "seed=0,1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Config error: 1 problem\n  -m: this command has no sweeps\n"
    done = gan("hydra/launcher=basic", "hydra.sweep.dir=x")
    assert done.stderr.count("belongs to a sweep, which needs -m") == 2


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
    assert "only the command line can: hydra.launcher._target_" in done.stderr
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


def test_the_config_that_is_printed_repeats_the_run(gan):
    done = gan("--cfg", "job", "loss=hinge", "seed=3", "+optimizer.generator.amsgrad=true", "name=a")
    config = OmegaConf.create(done.stdout)
    overrides = ["loss=hinge", "seed=3", "+optimizer.generator.amsgrad=true", "name=a"]
    assert config == compose("train", overrides)
    assert "hydra" in OmegaConf.create(gan("--cfg", "all", "--resolve").stdout)
    assert OmegaConf.create(gan("--cfg", "hydra").stdout).hydra.mode is None


def test_a_printed_config_may_lack_what_must_be_given(gan):
    done = gan("--cfg", "job", "dataset=image_folder", "-p", "dataset")
    assert (done.returncode, done.stderr) == (0, "")
    assert "root: ???" in done.stdout


def test_a_part_that_is_not_there(gan):
    done = gan("--cfg", "job", "-p", "los")
    assert done.stderr == "Config error: 1 problem\n  --package: there is no part 'los' in this config\n"


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["--version"], "gan-experiments "),
        (["--hydra-help"], "Hydra"),
        (["-sc", "install=bash"], "export"),
        (["--info", "defaults"], "Defaults List"),
    ],
)
def test_other_flags(gan, arguments, start):
    done = gan.fresh(*arguments)
    assert done.returncode == 0
    assert done.stdout.lstrip().startswith(start)
    assert list(gan.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("loss=hin", {"loss=hinge"}),
        ("mod", {"model="}),
        ("model=mlp", {"model=mlp", "model=mlp_vae"}),
        ("seed=3 penalty=le", {"penalty=lecam"}),
        ("budget.im", {"budget.images="}),
        ("model.generator.chan", {"model.generator.channels="}),
        ("model=mlp model.generator.hid", {"model.generator.hidden."}),
    ],
)
def test_tab_completes_groups_options_and_keys_in_bash(gan, typed, offered):
    line = f"gan-train {typed}"
    bash = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_CWORD": str(len(line.split()) - 1)}
    done = gan.fresh("-sc", "query=bash", **bash)
    assert done.returncode == 0, done.stderr
    assert offered <= set(done.stdout.split())
    assert all(word.startswith(typed.split()[-1]) for word in done.stdout.split())
