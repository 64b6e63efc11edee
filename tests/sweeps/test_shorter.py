import pytest

from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.plan import Job, Sweep
from gan_experiments.sweeps.shorter import shorter_runs


def old(folder, name, *overrides, budget=100):
    run = RunFolder(folder / name)
    run.path.mkdir(parents=True)
    run.update_record(overrides=list(overrides), budget={"images": budget})
    return run


def new(folder, *overrides, budget=200):
    return Job("new", RunFolder(folder / "-".join(overrides)), budget, {}, overrides=overrides)


def test_runs_that_could_have_been_made_longer_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "my study"
    old(study, "hinge-0", "loss=hinge", "seed=0")
    old(study, "hinge-1", "loss=hinge", "seed=1", "budget.images=100")
    jobs = [new(study, "seed=0", "loss=hinge", "budget.images=200"), new(study, "loss=hinge", "seed=1")]
    (line,) = shorter_runs(Sweep(study, jobs, False), ["mine"])
    assert line == (
        "2 new runs begin with no images seen beside runs of a smaller budget.images; to make such a run longer "
        "instead: gan-train resume='my study/hinge-0' 'trusted=[mine]' budget.images=200"
    )


@pytest.mark.parametrize(
    ("before", "budget"),
    [(["loss=hinge", "seed=1"], 100), (["loss=hinge", "seed=0"], 200), (["loss=hinge", "seed=0"], 300), ([], 100)],
)
def test_other_runs_and_longer_ones_are_not(tmp_path, before, budget):
    old(tmp_path, "old", *before, budget=budget)
    assert shorter_runs(Sweep(tmp_path, [new(tmp_path, "loss=hinge", "seed=0")], False), []) == []


def test_a_sweep_over_budgets_is_left_alone(tmp_path):
    short = old(tmp_path, "short", "seed=0", "budget.images=100")
    jobs = [Job("short", short, 100, short.record(), overrides=("seed=0", "budget.images=100"))]
    jobs.append(new(tmp_path, "seed=0", "budget.images=200"))
    assert shorter_runs(Sweep(tmp_path, jobs, False), []) == []


def test_records_that_cannot_be_read_are_passed_over(tmp_path):
    run = old(tmp_path, "old", "seed=0")
    for wrong in ({"overrides": 3}, {"budget": None}, {"budget": {"images": "many"}}):
        run.update_record(**{"overrides": ["seed=0"], "budget": {"images": 100}, **wrong})
        assert shorter_runs(Sweep(tmp_path, [new(tmp_path, "seed=0")], False), []) == []
