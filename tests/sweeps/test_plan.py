"""Which jobs a sweep has, and which of their configs are still to be checked."""

import pytest

from gan_experiments.api.compose import compose
from gan_experiments.config.compose import check_command_line
from gan_experiments.config.schema import Config
from gan_experiments.core.types import ConfigError
from gan_experiments.sweeps.launch import tidy_overrides
from gan_experiments.sweeps.plan import pending, plan


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Plan a sweep in an empty folder; returns the command line and the jobs."""
    monkeypatch.chdir(tmp_path)

    def make(*overrides):
        line = check_command_line("train", Config, [*overrides, *tidy_overrides(overrides)], multirun=True)
        assert line.problems == []
        return line, plan(line)

    return make


def configs(line, sweep):
    return [(config.loss._target_.rpartition(".")[2], config.d_steps) for config in pending(line, sweep)]


def test_the_jobs_of_a_grid_in_their_order(planned, tmp_path):
    _, sweep = planned("loss=hinge,minimax", "seed=0,1", "hydra.sweep.dir=study")
    assert [job.name for job in sweep.jobs()] == [
        *("loss=hinge seed=0", "loss=hinge seed=1", "loss=minimax seed=0", "loss=minimax seed=1")
    ]
    assert {job.folder.path.parent.name for job in sweep.jobs()} == {"study"}
    assert sweep.to_come() == []
    assert list(tmp_path.iterdir()) == []


def test_configs_of_jobs_that_are_settled_are_not_checked_again(planned):
    overrides = ("loss=hinge,minimax", "seed=0,1", "d_steps=1,2", "hydra.sweep.dir=study")
    line, sweep = planned(*overrides)
    assert configs(line, sweep) == [("Hinge", 1), ("Hinge", 2), ("Minimax", 1), ("Minimax", 2)]
    for job in sweep.jobs()[:5]:  # of hinge all, of minimax one seed with one step
        job.folder.path.mkdir(parents=True)
        job.folder.update_record(status="finished")
    assert configs(*planned(*overrides)) == [("Minimax", 1), ("Minimax", 2)]
    for job in sweep.jobs()[5:]:
        job.folder.path.mkdir(parents=True)
        job.folder.update_record(status="diverged")
    assert configs(*planned(*overrides)) == []
    assert configs(*planned(*overrides, "retry=failed")) == [("Minimax", 1), ("Minimax", 2)]


def test_a_search_is_checked_until_it_has_all_its_jobs(planned):
    pytest.importorskip("optuna", reason="optuna is not installed: pip install 'gan-experiments[optuna]'")
    search = ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "loss=hinge,minimax", "hydra.sweep.dir=study")
    line, sweep = planned(*search)
    assert (sweep.jobs(), len(sweep.to_come())) == ([], 2)
    assert configs(line, sweep) == [("Hinge", 1), ("Minimax", 1)]
    for loss in ("hinge", "minimax"):
        folder = sweep.folder / f"digits-dcgan-loss_{loss}"
        folder.mkdir(parents=True)
        (folder / "record.json").write_text('{"status": "finished"}')
    assert configs(*planned(*search)) == []


def test_jobs_that_share_a_folder_are_refused(planned):
    with pytest.raises(ConfigError, match="the folder of 2 jobs; leave name out"):
        planned("seed=0,1", "name=one")
    with pytest.raises(ConfigError, match=r"the folder of 2 jobs; .* give each value once"):
        planned("seed=0,0")


def test_the_folder_of_a_sweep_may_refer_to_any_value(planned):
    _, sweep = planned(
        "loss=hinge,minimax", "hydra.sweep.dir='${hydra.runtime.choices.loss}-${d_steps}-${hydra:job.chdir}'"
    )
    assert [job.folder.path.parent.name for job in sweep.jobs()] == ["hinge-1-False", "minimax-1-False"]


def test_a_job_keeps_the_config_of_its_folder(planned):
    _, sweep = planned("seed=0,1", "hydra.sweep.dir=study")
    run = sweep.jobs()[1].folder
    run.write_config({**compose(["seed=1"]), "batch_size": 64})
    with pytest.raises(ConfigError) as error:
        planned("seed=0,1", "hydra.sweep.dir=study")
    assert error.value.problems[0] == "batch_size: 64 in study, 128 here (1 job: digits-dcgan-seed_1)"
