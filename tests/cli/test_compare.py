import os
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic import write_run, write_study

from gan_experiments.cli import compare

FIDS = {"hinge": [4.0, 4.2, 4.1, 4.3, 3.9], "wasserstein": [9.0, 9.5, 8.7, 9.9, 9.2]}


def test_a_study_is_compared(call, tmp_path):
    write_study(tmp_path / "losses", FIDS)
    code, out, err = call(compare, "study=losses")
    assert (code, err) == (0, "")
    assert (
        "hinge ranks first with a median final FID of 4.100, mean 4.100 [3.904, 4.296]: better than wasserstein." in out
    )
    assert "report  losses/comparison/report.html" in out
    assert (tmp_path / "losses" / "comparison" / "runs.csv").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["losses"], "Hydra leaves nothing"
    code, out, _ = call(compare, "study=losses", "factor=loss", "baseline=wasserstein", "measure=is", "output=mine")
    assert code == 0
    assert "Against the baseline wasserstein: hinge is better." in out
    assert "gan-compare study=losses factor=loss baseline=wasserstein measure=is output=mine" in (
        Path("mine/report.md").read_text()
    )


def test_nothing_that_takes_long_is_imported_or_collected_at_the_end(tmp_path):
    write_study(tmp_path / "losses", {**FIDS, "minimax": [5.0, None, 5.2, None, 5.1]})
    program = "import atexit, gc, sys\nfrom gan_experiments.cli import compare\n"
    program += "atexit.register(lambda: print(gc.get_freeze_count() > 100_000))\n"
    program += "slow = {'torch', 'scipy.stats', 'scipy.optimize', 'matplotlib'} & set(sys.modules)\n"
    program += "try: compare.main()\nexcept SystemExit: pass\n"
    program += "print(sorted(slow | {'torch', 'scipy.stats', 'scipy.optimize'} & set(sys.modules)))"
    command = [sys.executable, "-c", program, "study=losses"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-2:] == ["[]", "True"], done.stderr
    assert "gan-compare" in (tmp_path / "losses" / "comparison" / "report.md").read_text()


def test_where_it_is_piped_no_name_of_an_arm_is_broken(call, tmp_path):
    for letter in "ab":
        write_run(tmp_path / "losses" / letter, config={"model": {"variant": letter * 40}})
    code, out, _ = call(compare, "study=losses")
    assert code == 0
    assert f"{'a' * 40} against {'b' * 40}" in out


def test_its_study_is_a_folder_and_no_option_of_the_group_of_that_name(call, tmp_path, monkeypatch):
    def ask(*words, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code, out, err = call(compare, *words)
        assert code in (None, 0), err
        return out

    assert ask("-sc", "query=bash", COMP_LINE="gan-compare study=").split() == []
    assert ask("-sc", "query=bash", COMP_LINE="gan-compare fac").split() == ["factor="]
    assert "study: outputs/losses" in ask("study=outputs/losses", "-i", "config")
    assert list(tmp_path.iterdir()) == []


def test_runs_from_anywhere_are_compared_as_those_of_a_study_are(call, tmp_path):
    for day in range(2):
        write_study(
            tmp_path / "outputs" / f"day{day}", {loss: fids[2 * day : 2 * day + 3] for loss, fids in FIDS.items()}
        )
    for run in (tmp_path / "outputs" / "day1").iterdir():  # other seeds than those of the first day
        text = (run / "config.yaml").read_text()
        seed = int(run.name.rpartition("_")[2])
        (run / "config.yaml").write_text(text.replace(f"\nseed: {seed}\n", f"\nseed: {seed + 3}\n"))
    code, out, err = call(compare, "runs=outputs/*/digits-*")
    assert (code, err) == (0, "")
    assert "hinge ranks first" in out
    assert "report  outputs/comparison/report.html" in out
    assert len((tmp_path / "outputs" / "comparison" / "runs.csv").read_text().splitlines()) == 13
    code, _, err = call(compare, "runs=[outputs/day0,outputs/day1/digits-dcgan-loss_hinge-seed_0]", "output=mine")
    assert (code, err) == (0, "")
    assert len(Path("mine/runs.csv").read_text().splitlines()) == 8


def test_without_torch_and_in_no_time(tmp_path):
    write_study(tmp_path / "losses", FIDS)
    program = (
        "import sys; from gan_experiments.cli import compare\n"
        "try: compare.main()\nexcept SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'pytorch_lightning', 'torchvision'} & set(sys.modules)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    command = [sys.executable, "-c", program, "study=losses"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "study: missing"),
        (["study=nowhere"], "study: there is no file or folder nowhere"),
        (["study=losses", "runs=losses"], "study: given together with runs"),
        (["runs=[]"], "runs: empty"),
        (["runs=nowhere/*"], "runs: nowhere/*: there is no such folder"),
        (["study=losses/digits-dcgan-loss_hinge-seed_0"], "is one run; a study is the folder above several"),
        (["study=empty"], "study: no run can be read in empty"),
        (["study=losses", "factor=penalty"], "factor: penalty is none in all 10 runs (what varies: loss)"),
        (["study=losses", "measure=kid"], "measure: no run has logged 'kid'"),
        (["study=losses", "score=last"], "score: 'last' is not one of final, best"),
        (["study=losses", "better=more"], "better: 'more' is not one of known, lower, higher"),
        (["study=losses", "threshold=low"], "threshold"),
        (["study=losses", "basline=hinge"], "basline"),
        (["study=losses", "factor=loss,seed"], "a list is written [loss,seed]"),
    ],
)
def test_wrong_input_is_a_clear_line(call, tmp_path, arguments, text):
    write_study(tmp_path / "losses", FIDS)
    (tmp_path / "empty").mkdir()
    code, out, err = call(compare, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("Config error: ")
    assert text in err
    assert not (tmp_path / "losses" / "comparison").exists()


def test_a_list_of_factors(call, tmp_path):
    for index, loss in enumerate(["hinge", "minimax"]):
        for seed in range(2):
            config = {"optimizer.generator.lr": 1e-4 * (1 + seed)}
            write_run(tmp_path / "study" / f"{index}{seed}", loss, config=config)
    code, out, _ = call(compare, "study=study", "factor=[loss,optimizer.generator.lr]")
    assert code == 0
    assert "hinge/0.0001" in out
    assert "one seed per arm" in out


def test_a_long_study_is_cut_short_in_the_terminal(call, tmp_path):
    for arm in range(40):
        write_run(tmp_path / "study" / f"{arm}", fid=4.0 + arm, config={"loss.weight": f"w{arm}"})
    code, out, _ = call(compare, "study=study")
    assert code == 0
    assert "the first 30 of 40 rows; the report has all" in " ".join(out.split())
    assert "w39" not in out
