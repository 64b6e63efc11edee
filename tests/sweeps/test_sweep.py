import errno
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gan_experiments.cli import train
from gan_experiments.config.check import check_config
from gan_experiments.config.compose import check_command_line
from gan_experiments.config.grid import combinations
from gan_experiments.config.schema import Config
from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.launch import SweepJob, sweep_problems

CONF = Path(__file__).parent.parent.parent / "conf"

# Stands for the training; a file ``<seed>`` in the folder of the test says what else a seed does.
CHILD = """
import json, os, signal, sys
from pathlib import Path
from gan_experiments.runs.folder import RunFolder
path, config = json.loads(os.environ["GAN_EXPERIMENTS_WORKER"])
run, seed, images = RunFolder(path), config["seed"], config["budget"]["images"]
with open("begun", "a") as file:
    print(seed, file=file)
if Path(str(seed)).exists():
    exec(Path(str(seed)).read_text())
run.metrics_file.write_text(f"images_seen,metrics/fid,speed/seconds\\n{images // 2},{seed + 1},2.0\\n{images},,4.0\\n")
run.update_record(status="finished", images_seen=images, seconds=4.0, final={"fid": {"value": seed + 0.5}})
"""
SWEEP = ("-m", "hydra.sweep.dir=study")


@pytest.fixture
def sweep(call, monkeypatch, tmp_path):
    """Run a sweep of jobs that take no time; returns its exit code, its table and its progress."""
    monkeypatch.setattr("gan_experiments.api.train._WORKER_PROGRAM", (sys.executable, "-c", textwrap.dedent(CHILD)))

    def run(*arguments, does=None):
        for seed, code in (does or {}).items():
            (tmp_path / str(seed)).write_text(code)
        (tmp_path / "begun").write_text("")
        code, out, err = call(train, *arguments)
        run.begun = sorted(map(int, (tmp_path / "begun").read_text().split()))
        for seed in does or {}:
            (tmp_path / str(seed)).unlink()
        return code, out, err

    return run


def rows(out):
    """Return the status of each job in a table."""
    lines = [line.split("  ") for line in out.splitlines() if "seed=" in line]
    return {line[0].strip(): next(word.strip() for word in line[1:] if word) for line in lines if len(line) > 2}


def test_jobs_run_once_and_new_ones_join(sweep):
    code, out, err = sweep(*SWEEP, "seed=0,1")
    assert (code, sweep.begun) == (0, [0, 1]), err
    assert rows(out) == {"seed=0": "finished", "seed=1": "finished"}
    assert "1.500" in out
    assert "2 jobs: 2 finished" in out
    assert "gan-compare study=study" in out
    assert "finished seed=0: 800,000/800,000 images · FID 0.50" in err
    before = {path: path.stat().st_mtime_ns for path in Path("study").glob("*/*")}
    code, out, _ = sweep(*SWEEP, "seed=0,1,2")
    assert (code, sweep.begun) == (0, [2])
    assert rows(out) == {"seed=0": "skipped", "seed=1": "skipped", "seed=2": "finished"}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    code, out, _ = sweep(*SWEEP, "seed=range(0,2)", "loss=hinge")
    assert (code, sweep.begun) == (0, [0, 1])


def test_a_job_that_is_done_is_skipped_without_torch(sweep):
    sweep(*SWEEP, "seed=0,1")
    command = [sys.executable, "-X", "importtime", "-m", "gan_experiments.cli.train", *SWEEP, "seed=0,1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert list(rows(done.stdout).values()) == ["skipped", "skipped"]
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "gan_experiments.sweeps.job" in imported
    assert imported.isdisjoint({"torch", "pytorch_lightning", "torchmetrics"})


def test_failures_are_named_and_tried_again_when_asked(sweep):
    does = {1: "raise RuntimeError('a fault')", 3: "os.kill(os.getpid(), signal.SIGKILL)"}
    does[2] = "run.update_record(status='diverged', reason='the loss is nan'); sys.exit(3)"
    code, out, err = sweep(*SWEEP, "seed=0,1,2,3", does=does)
    assert code == 1
    assert list(rows(out).values()) == ["finished", "failed", "diverged", "failed"]
    assert "failed seed=1: RuntimeError: a fault\n  see study/digits-dcgan-seed_1/job.log" in out
    assert "failed seed=3: killed by SIGKILL (out of memory?)" in out
    assert "failed seed=1: 0/800,000 images · RuntimeError: a fault" in err
    code, out, _ = sweep(*SWEEP, "seed=0,1,2,3")
    assert (code, sweep.begun) == (1, [])
    assert "RuntimeError: a fault (before; retry=failed tries it again)" in out
    code, out, _ = sweep(*SWEEP, "seed=0,1,2,3", "retry=failed")
    assert (code, sweep.begun) == (0, [1, 2, 3])
    assert list(rows(out).values()) == ["skipped", "finished", "finished", "finished"]


def test_divergence_is_an_outcome_and_no_failure(sweep):
    does = {1: "run.update_record(status='diverged', reason='the loss is nan'); sys.exit(3)"}
    code, out, _ = sweep(*SWEEP, "seed=0,1", does=does)
    assert code == 0
    assert "2 jobs: 1 finished, 1 diverged" in out


def test_an_interruption_ends_the_whole_sweep_with_its_table(sweep):
    listen = "signal.signal(signal.SIGINT, signal.default_int_handler)"  # what runs in the background ignores it
    does = {1: f"import time; {listen}; time.sleep(0.3); os.kill(os.getppid(), signal.SIGINT); time.sleep(60)"}
    code, out, _ = sweep(*SWEEP, "seed=0,1,2", does=does)
    assert (code, sweep.begun) == (130, [0, 1])
    assert list(rows(out).values()) == ["finished", "interrupted"]
    assert "3 jobs: 1 finished, 1 interrupted, 1 not started" in out
    code, out, _ = sweep(*SWEEP, "seed=0,1,2")
    assert (code, sweep.begun) == (0, [1, 2])


def test_a_job_that_another_launch_runs_is_left_to_it(sweep):
    sweep(*SWEEP, "seed=0,1")
    run = RunFolder("study/digits-dcgan-seed_1")
    run.update_record(status="running")
    with run.lock():
        code, out, _ = sweep(*SWEEP, "seed=0,1,2")
    assert (code, sweep.begun) == (0, [2])
    assert list(rows(out).values()) == ["skipped", "running elsewhere", "finished"]
    code, out, _ = sweep(*SWEEP, "seed=0,1,2")
    assert (code, sweep.begun) == (0, [1])


def test_a_study_is_one_file(sweep, tmp_path):
    (tmp_path / "mine" / "study").mkdir(parents=True)
    text = "# @package _global_\nbudget:\n  images: 1000\nhydra:\n  sweeper:\n    params:\n"
    (tmp_path / "mine" / "study" / "mine.yaml").write_text(text + "      loss: hinge,minimax\n      seed: range(0,2)\n")
    mine = ("--config-dir", "mine", "study=mine")
    code, _, err = sweep(*mine)
    assert code == 2
    assert "study: belongs to a sweep, which needs -m" in err
    code, out, err = sweep("-m", *mine)
    assert (code, sweep.begun) == (0, [0, 0, 1, 1]), err
    folders = {path.parent.name for path in Path("outputs/mine").glob("*/record.json")}
    assert folders == {f"digits-dcgan-loss_{loss}-seed_{seed}" for loss in ("hinge", "minimax") for seed in (0, 1)}
    code, out, _ = sweep("-m", *mine, "seed=0,7")
    assert sweep.begun == [7, 7]
    assert "4 jobs: 2 skipped, 2 finished" in out
    code, out, _ = sweep("-m", *mine, "loss=wasserstein", "hydra.sweep.dir=elsewhere")
    assert sweep.begun == [0, 1]
    assert len(list(Path("elsewhere").glob("*/record.json"))) == 2
    (tmp_path / "mine" / "study" / "mine.yaml").write_text(text.replace("1000", "2000") + "      seed: 0,1,7\n")
    code, _, err = sweep("-m", *mine, "loss=hinge")
    assert (code, sweep.begun) == (2, [])
    assert "budget.images: 1000 in outputs/mine, 2000 here (3 jobs)" in err
    code, _, err = sweep("-m", *mine, "loss=hinge", "seed=7")
    assert "2000 here (1 job: digits-dcgan-loss_hinge-seed_7)" in err


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        (["seed=0,1", "name=one"], "study/one: the folder of 2 jobs"),
        (["seed=0,1", "resume=study"], "resume, rerun: not in a sweep"),
        (["seed=0,1", "rerun=true"], "resume, rerun: not in a sweep"),
        (["loss=hinge,hing,minimax", "seed=0,-1", "model.generator.chanels=3"], "Config error: 3 problems"),
        (["seed=0,1", "retry=all"], "retry: 'all' is not one of"),
        (
            ["seed=0,1", "name=one", "model.generator.channels=0,4"],
            "model.generator.channels: 0 is not an integer in [1, 65536]",
        ),
        (["seed=0,1", "name=one", "model.generator.channels=0,4"], "study/one: the folder of 4 jobs"),
        (["trainer=gpu", "penalty=none,r1", "trainer.precision=32-true,16-mixed"], "trainer.precision: 16-mixed"),
        (["optimizer.generator.lr=interval(0,1)"], "an interval has no values to go through"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(sweep, overrides, error):
    code, _, err = sweep(*SWEEP, *overrides)
    assert (code, sweep.begun) == (2, [])
    assert error in err
    assert not Path("study").exists()


def test_a_place_that_cannot_be_written_to_is_refused_before_anything_starts(sweep, tmp_path):
    Path("study").write_text("a file")
    code, out, err = sweep(*SWEEP, "seed=0,1")
    assert (code, out, sweep.begun) == (2, "", [])
    assert "hydra.sweep.dir: study: cannot be written to: study is not a folder" in err
    code, _, err = sweep(*(line for line in SWEEP if "sweep.dir" not in line), "seed=0,1", "output_dir=study")
    assert (code, sweep.begun) == (2, [])
    assert re.search(r"output_dir: study/.*: cannot be written to: .*study is not a folder", err)


@pytest.mark.parametrize(
    "lost",
    ["shutil.rmtree(path)", "shutil.rmtree(path); os._exit(1)", "shutil.rmtree(path); Path(path).write_text('a file')"],
)
def test_a_job_whose_folder_is_lost_fails_by_name_and_the_others_go_on(sweep, lost):
    code, out, err = sweep(*SWEEP, "seed=0,1", does={0: f"import shutil; {lost}"})
    assert (code, sweep.begun) == (2, [0, 1])
    assert rows(out) == ({} if "a file" in lost else {"seed=0": "failed"}) | {"seed=1": "finished"}
    assert ("2 jobs: 1 not started, 1 finished" in out) == ("a file" in lost)
    assert "study/digits-dcgan-seed_0/job.log: No" in err
    assert "Traceback" not in err


def test_a_warning_is_printed_once(sweep):
    code, _, err = sweep(*SWEEP, "seed=0,1", "model=mlp", "penalty=[r1,wgan_gp]", "loss=hinge,minimax")
    assert (code, len(sweep.begun)) == (0, 4), err
    assert err.count("Warning: penalty: ") == 1


@pytest.mark.parametrize("study", sorted(path.stem for path in (CONF / "study").glob("*.yaml")))
def test_every_study_passes_the_check(study):
    line = check_command_line("train", Config, [f"study={study}"], multirun=True)
    assert line.problems == []
    assert [error for config in combinations(line) for error in check_config(config, Config).errors] == []


def test_a_deletion_and_a_list_are_swept_like_the_rest(sweep):
    code, _, err = sweep(*SWEEP, "seed=0,1", "~callbacks.samples", "penalty=[r1,lecam],none", "+model.unroll_steps=0")
    assert (code, len(sweep.begun)) == (0, 4), err
    code, out, _ = sweep(*SWEEP, "seed=0,1", "~callbacks.samples", "penalty=[r1,lecam],none", "+model.unroll_steps=0")
    assert (code, sweep.begun) == (0, []), out
    assert "4 jobs: 4 skipped" in out


def test_a_key_of_the_options_that_are_swept_alone_is_set_in_each_job(sweep):
    swept = ("model=sagan,biggan", "model.generator.attention=half", "dataset=polygons", "seed=0,1")
    code, out, err = sweep(*SWEEP, *swept)
    assert code == 0, err
    assert list(rows(out).values()) == ["finished"] * 4
    for folder in Path("study").glob("polygons-*"):
        run = RunFolder(folder)
        assert run.read_config()["model"]["generator"]["attention"] == "half"
        assert "model.generator.attention=half" in run.record()["overrides"]
    assert list(rows(sweep(*SWEEP, *swept)[1]).values()) == ["skipped"] * 4


@pytest.mark.parametrize("targets", [(0.1,), (0.1, 0.2)])
def test_a_ramp_needs_no_plus(sweep, targets):
    values = ",".join(f"{{keys: [penalty.r1.weight], to: {target}}}" for target in targets)
    code, _, err = sweep(*SWEEP, f"ramps.gamma={values}", "seed=0,1")
    assert code == 0, err
    runs = [RunFolder(folder) for folder in Path("study").iterdir() if folder.is_dir()]
    assert sorted(run.read_config()["ramps"]["gamma"]["to"] for run in runs) == sorted(targets * 2)


def test_a_launch_that_ends_badly_still_ends_with_the_table(sweep, monkeypatch):
    def fail(*_):
        raise RuntimeError("the launcher is broken")

    monkeypatch.setattr("gan_experiments.sweeps.launch.run_job", fail)
    code, out, err = sweep(*SWEEP, "seed=0,1")
    assert code == 1
    assert "2 jobs: 2 not started" in out
    assert "the launcher is broken" in err


def test_a_full_disk_is_named_without_a_file(sweep, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gan_experiments.sweeps.launch.run_job", fail)
    _, _, err = sweep(*SWEEP, "seed=0,1")
    assert "No space left on device" in err
    assert "None" not in err


def test_a_sigterm_ends_it_like_ctrl_c(sweep):
    waited_for = "import time; time.sleep(0.3)"
    does = {0: f"{waited_for}; os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)"}
    handler = signal.getsignal(signal.SIGTERM)
    code, out, _ = sweep(*SWEEP, "seed=0,1", does=does)
    assert code == 130
    assert "1 interrupted, 1 not started" in out
    assert signal.getsignal(signal.SIGTERM) == handler


@pytest.mark.slow
def test_jobs_that_are_done_are_not_handed_to_the_launcher(sweep, tmp_path, monkeypatch):
    (tmp_path / "mine" / "study").mkdir(parents=True)
    swept = "hydra:\n  sweeper:\n    params:\n      seed: 0,1\n      loss: hinge,minimax\n"
    (tmp_path / "mine" / "study" / "mine.yaml").write_text(f"# @package _global_\n{swept}")
    mine = ("-m", "--config-dir", "mine", "study=mine", "~callbacks.samples", "penalty=[r1,lecam],none")
    code, out, err = sweep(*mine)
    assert (code, sweep.begun) == (0, [0] * 4 + [1] * 4), err
    launched = []
    original = SweepJob.__call__
    monkeypatch.setattr(SweepJob, "__call__", lambda self, config: (launched.append(config), original(self, config)))
    code, out, err = sweep(*mine, "seed=1,2", "hydra.sweeper.max_batch_size=3")  # the order is not that of the file
    assert (code, sweep.begun, len(launched)) == (0, [2] * 4, 4), err
    assert "8 jobs: 4 skipped, 4 finished" in out


def test_a_sweep_in_which_nothing_varies_is_refused():
    def problems(*overrides):
        return [str(each) for each in sweep_problems(check_command_line("train", Config, overrides, multirun=True))]

    (problem,) = problems("loss=hinge")
    assert problem.startswith("-m: nothing varies, so there is one run; give a key or a group several values")
    assert problems("seed=0,1") == problems("seed=range(0,1)") == []


def test_each_job_has_the_defaults_of_its_own_dataset(sweep):
    arguments = (*SWEEP, "dataset=ring,digits", "seed=3")
    code, out, err = sweep(*arguments)
    assert (code, sweep.begun) == (0, [3, 3]), out + err
    runs = {folder.name: RunFolder(folder).read_config() for folder in Path("study").iterdir() if folder.is_dir()}
    assert {name: list(config["metrics"].get("measures", {})) for name, config in runs.items()} == {
        "ring-mlp_points-seed_3": ["known_distribution"],
        "digits-dcgan-seed_3": [],
    }
    code, out, _ = sweep(*arguments)
    assert (code, sweep.begun) == (0, [])
