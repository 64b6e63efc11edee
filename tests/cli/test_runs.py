import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from synthetic import write_run, write_study

from gan_experiments.cli import runs


@pytest.fixture
def outputs(tmp_path):
    write_study(tmp_path / "outputs" / "losses", {"hinge": [4.0, 4.2], "wasserstein": [9.0]})
    write_run(tmp_path / "outputs" / "2026-11-21" / "mine", fid=2.0, status="failed", record={"reason": "a fault"})
    return tmp_path / "outputs"


def listed(out):
    return [line.split()[-1] for line in out.splitlines()[1:-1] if not line.startswith(" ")]  # which begins a reason


@pytest.mark.usefixtures("outputs")
def test_runs_of_all_days_and_studies_are_listed(call):
    code, out, err = call(runs)
    assert (code, err) == (0, "")
    head, *lines, total = out.splitlines()
    assert head.split() == ["status", "images", "newest", "values", "size", "age", "run"]
    assert len(lines) == 5
    (mine,) = [line for line in lines if "mine" in line]
    assert mine.split()[:2] == ["failed", "100,000"]
    assert "FID 3.294" in mine
    assert total.startswith("4 runs, ")
    assert total.endswith(": 3 finished, 1 failed")


def test_a_run_that_has_failed_says_why_in_a_line_below_its_folder(call, outputs, monkeypatch):
    write_run(outputs / "day" / "long", status="failed", record={"reason": f"ValueError: {'x' * 100}\n\x1b[2Jmore"})
    _, out, _ = call(runs)
    lines = out.splitlines()
    for name, reason in (("mine", "a fault"), ("long", f"ValueError: {'x' * 100}")):
        (index,) = [index for index, line in enumerate(lines) if line.rstrip().endswith(f"/{name}")]
        assert lines[index + 1].rstrip() == " " * (lines[index].index("outputs/") + 2) + reason
    assert sum(line.startswith(" ") for line in lines) == 2  # the others have finished
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    (reason,) = [line.strip() for line in call(runs)[1].splitlines() if "ValueError: xxx" in line]
    assert (len(reason), "…" in reason) == (90, True)


def test_long_names_are_shortened_for_a_person_and_still_differ(call, tmp_path, monkeypatch):
    long = "digits-dcgan-experiment_fastgan-discriminator.channels_4-generator.channels_4-seed_0"
    names = [f"{long}-419a10", f"{long}-77eb53", "digits-dcgan", f"{'a' * 40}1{'b' * 40}", f"{'a' * 40}2{'b' * 40}"]
    for name in names:
        write_run(tmp_path / "outputs" / "day" / name, fid=2.0)
    whole = sorted(f"outputs/day/{name}" for name in names)
    assert sorted(listed(call(runs)[1])) == whole  # no terminal
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    shown = listed(call(runs)[1])
    assert len(set(shown)) == len(names)
    assert "outputs/day/digits-dcgan" in shown
    assert "outputs/day/digits-dcgan-experiment_fastgan-discrim…nels_4-seed_0-419a10" in shown
    assert f"outputs/day/{names[3]}" in shown  # whose middle tells it apart
    assert max(len(Path(name).name) for name in shown if "…" in name) == 60
    _, out, _ = call(runs, "compare", *whole[3:])
    assert "…" in out


@pytest.mark.usefixtures("outputs")
def test_runs_are_filtered_and_sorted(call):
    _, out, _ = call(runs, "sort=fid", "group=losses")
    assert [name.rpartition("-")[0].rpartition("_")[2] for name in listed(out)] == ["hinge", "hinge", "wasserstein"]
    _, out, _ = call(runs, "name=*hinge*", "outputs/losses")
    assert len(listed(out)) == 2
    _, out, _ = call(runs, "status=[failed,running]")
    assert listed(out) == ["outputs/2026-11-21/mine"]


@pytest.mark.parametrize(("measure", "first"), [("fid", "hinge"), ("is", "hinge")])  # is: higher is better
def test_the_best_comes_first_and_what_has_no_number_last(call, outputs, measure, first):
    final = {name: {"value": float("nan")} for name in ("fid", "is")}
    write_run(outputs / "losses" / "a_nan", record={"final": final})
    write_run(outputs / "losses" / "b_none", record={"final": {}}).metrics_file.unlink()
    _, out, _ = call(runs, f"sort={measure}", "outputs/losses")
    names = [name.rpartition("/")[2] for name in listed(out)]
    assert first in names[0]
    assert "wasserstein" in names[2]
    assert sorted(names[3:]) == ["a_nan", "b_none"]


@pytest.mark.usefixtures("outputs")
def test_values_of_flags_are_no_folders(call):
    code, out, err = call(runs, "outputs", "--cfg", "job", "-cd", "outputs")
    assert (code, err) == (0, "")
    assert "runs: outputs\n" in out


def test_folders_are_given_in_one_way(call, outputs):
    for verb in (["delete", "yes=true"], ["archive"], ["compare"], ["follow"], []):
        code, out, err = call(runs, *verb, "outputs/losses", "runs=outputs/2026-11-21")
        assert (code, out) == (2, "")
        assert "runs: given twice: outputs/losses and runs=outputs/2026-11-21" in err
    assert (outputs / "2026-11-21" / "mine").exists()


@pytest.mark.usefixtures("outputs")
def test_a_run_without_its_config_is_not_compared(call, outputs):
    (outputs / "losses" / "lost").mkdir()
    (outputs / "losses" / "lost" / "record.json").write_text('{"status": "finished"}')
    code, out, err = call(runs, "compare", "outputs/losses")
    assert code == 0
    assert "lost" not in out
    assert "Warning: outputs/losses/lost: not a run folder: config.yaml is missing; it is not compared" in err


def test_no_run_is_archived_if_one_cannot_be(call, outputs):
    code, _, err = call(runs, "archive", "outputs", "output=outputs/losses/digits-dcgan-loss_wasserstein-seed_0")
    assert code == 2
    assert "lies inside the run folder" in err
    assert not list(outputs.rglob("*.zip"))


@pytest.mark.usefixtures("outputs")
def test_runs_are_compared_side_by_side(call):
    hinge, wasserstein = "outputs/losses/digits-dcgan-loss_hinge-seed_0", "outputs/losses/*wasserstein*"
    code, out, err = call(runs, "compare", hinge, wasserstein)
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()[1:-1]}
    assert rows["loss"] == ["Hinge", "Wasserstein"]
    assert rows["fid"] == ["4.000", "9.000"]
    assert "seed" not in rows


def test_runs_are_archived(call, outputs):
    code, out, err = call(runs, "archive", "outputs/losses", "output=kept")
    assert (code, err) == (0, "")
    files = sorted(Path("kept/losses").iterdir())
    assert len(files) == 3
    with zipfile.ZipFile(files[0]) as packed:
        assert f"{files[0].stem}/config.yaml" in packed.namelist()
    assert str(files[0]) in out
    assert len(list((outputs / "losses").iterdir())) == 3


def test_nothing_is_deleted_before_somebody_has_said_so(call, outputs, monkeypatch):
    code, out, err = call(runs, "delete", "outputs/losses")
    assert code == 2
    assert len(listed(out)) == 3
    assert "yes: nothing is deleted; yes=true deletes what is listed above" in err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: "")
    assert call(runs, "delete", "outputs/losses")[0] == 0
    assert len(list((outputs / "losses").iterdir())) == 3
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert call(runs, "delete", "outputs/losses/digits-dcgan-loss_wasserstein-seed_0")[0] == 0
    code, out, _ = call(runs, "delete", "outputs/losses", "yes=true")
    assert code == 0
    assert "Deleted 2 runs" in out
    assert list((outputs / "losses").iterdir()) == []
    assert (outputs / "2026-11-21" / "mine").exists()


def test_one_run_that_must_stay_keeps_all(call, outputs):
    (outputs / "losses" / "no run").mkdir()
    (outputs / "losses" / "no run" / "config.yaml").touch()
    code, out, err = call(runs, "delete", "outputs/losses", "yes=true")
    assert (code, out) == (2, "")
    assert "runs: outputs/losses/no run has no record of a run" in err
    assert len(list((outputs / "losses").iterdir())) == 4


def test_a_run_is_followed_to_its_end(outputs, tmp_path):
    run = write_run(outputs / "now" / "run", status="running", record={"reason": None, "budget": {"images": 200_000}})
    program = "from gan_experiments.cli.runs import main; main()"
    command = [sys.executable, "-c", program, "follow", "every=0.05"]
    with run.lock():
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline().startswith("run: 100,000/200,000 images · FID ")
        with run.metrics_file.open("a") as table:
            table.write("110000,0.7,110.0,5.5,8.7\n")
        assert process.stdout.readline() == "run: 110,000/200,000 images · FID 5.500, IS 8.700\n"
        run.update_record(status="diverged", reason="NaN in the loss")
    assert process.stdout.readline() == "outputs/now/run: diverged\n"
    assert process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["runs=[]"], "runs: empty"),
        (["nowhere"], "runs: nowhere: there is no such folder"),
        (["status=gone"], "status: 'gone' is not one of"),
        (["status=diverged"], "status: none of 4 runs is diverged (failed, finished)"),
        (["name=*minimax*"], "name: no run matches '*minimax*'"),
        (["sort=kid"], "sort: no run has a value 'kid'; did you mean"),
        (["delete"], "runs: missing"),
        (["follow"], "none of these is running"),
        (["compare", "outputs/2026-11-21"], "one run alone"),
        (["yes=true"], "yes: no such key"),
    ],
)
@pytest.mark.usefixtures("outputs")
def test_wrong_input_is_a_clear_line(call, arguments, text):
    code, out, err = call(runs, *arguments)
    assert (code, out) == (2, "")
    assert text in err


@pytest.mark.usefixtures("outputs")
def test_without_torch(tmp_path):
    program = (
        "import sys; from gan_experiments.cli import runs\n"
        "try: runs.main()\nexcept SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'pytorch_lightning', 'scipy', 'matplotlib'} & set(sys.modules)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_of_every_verb(call):
    for verb in ("", "follow", "compare", "archive", "delete"):
        words = [verb] if verb else []
        code, out, _ = call(runs, *words, "--help")
        assert code == 0
        assert f"usage: {' '.join(['gan-runs', *words])} [group" in out


@pytest.mark.usefixtures("outputs")
def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    program = "from gan_experiments.cli.runs import main; main()"
    for arguments in ("", "compare outputs"):
        command = f"{sys.executable} -c '{program}' {arguments} | true"
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stderr == ""
