import pytest
from omegaconf import OmegaConf

from gan_experiments.cli import train
from gan_experiments.config import plugins
from gan_experiments.config.check import check_config
from gan_experiments.config.compose import check_command_line
from gan_experiments.config.files import conf_dir
from gan_experiments.config.grid import combinations
from gan_experiments.config.plugins import HELD, PLUGINS, not_installed, plugin_defaults, unknown_option
from gan_experiments.config.schema import Config
from gan_experiments.sweeps.launch import sweep_problems


@pytest.fixture
def bare(monkeypatch):
    """A machine on which only the package itself is installed."""
    monkeypatch.setattr(plugins, "module_exists", lambda name: False)


def problems(*overrides):
    line = check_command_line("train", Config, overrides, multirun=True)
    found = [*line.problems, *sweep_problems(line)]
    if not found:
        found += [problem for config in combinations(line) for problem in check_config(config, Config).errors]
    return list(dict.fromkeys(map(str, found)))


@pytest.mark.parametrize(("choice", "plugin"), PLUGINS.items())
def test_a_plugin_that_is_not_installed_is_said_before_anything_starts(bare, call, tmp_path, choice, plugin):
    code, out, err = call(train, "-m", "seed=0,1", choice, "loss=hing")
    assert code == 2
    assert f"pip install gan-experiments[{plugin.extra}]" in err
    assert "did you mean 'hinge'" in err  # with everything else that is wrong
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_every_extra_is_one(request):
    text = (request.config.rootpath / "pyproject.toml").read_text()
    extras = text.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    assert all(f"\n{plugin.extra} = [" in extras for plugin in PLUGINS.values())


def test_hydras_own_need_nothing():
    assert not_installed("hydra/launcher", ["basic"]) is None
    assert problems("seed=0,1") == []


@pytest.mark.parametrize(
    ("override", "instead"),
    [
        ("hydra.run.dir=here", "output_dir=... and name=... say where a run of gan-train lies"),
        ("hydra.verbose=true", "job.log"),
        ("++hydra.verbose=true", "job.log"),
        ("hydra/job_logging=default", "job.log"),
        ("hydra/hydra_logging=nothing", "job.log"),
        ("hydra.job_logging.level=DEBUG", "job.log"),
        ("hydra.sweep.subdir=x", "name=..."),
        ("hydra.output_subdir=x", "config.yaml"),
        ("hydra.job.chdir=true", "output_dir=..."),
        ("hydra.job.name=x", "name=..."),
        ("hydra.searchpath=[file:///tmp]", "--config-dir"),
        ("+hydra.callbacks.mine=x", "+callbacks.mine._target_=..."),
        ("hydra.help.header=x", "--help"),
        ("hydra/help=default", "--help"),
        ("hydra.swep.dir=x", "did you mean 'hydra.sweep.dir'?"),
        ("hydra.runtime.cwd=x", "used are hydra/launcher, "),
        ("hydra.sweep={dir: x}", "used are hydra/launcher, "),
        ("~hydra.job", "used are hydra/launcher, "),
    ],
)
@pytest.mark.parametrize("multirun", [False, True])
def test_what_would_do_nothing_is_refused_with_what_does(override, instead, multirun):
    line = check_command_line("train", Config, [override, "loss=hinge"], multirun=multirun)
    (problem,) = line.problems
    assert problem.key == override.lstrip("+~").partition("=")[0]
    assert problem.text.startswith("is not used here; ")
    assert instead in problem.text
    assert line.hydra_lines == []


def test_what_is_so_anyhow_may_be_said():
    assert problems("seed=0,1", *(f"{key}={value}" for key, value in HELD.items())) == []
    assert check_command_line("train", Config, ["hydra.mode=RUN", "hydra.job.chdir=false"]).problems == []
    (problem,) = problems("seed=0,1", "hydra.mode=RUN")
    assert problem == "hydra.mode: is not used here; -m makes a sweep, and without it there is one run"


def test_a_variable_of_the_environment_reaches_the_jobs(call, tmp_path):
    (tmp_path / "file").touch()
    variable = f"+hydra.job.env_set.GAN_EXPERIMENTS_CACHE={tmp_path / 'file' / 'x'}"
    code, _, err = call(train, "-m", "seed=0,1", "budget.images=128", variable)
    assert code == 1
    assert err.count("$GAN_EXPERIMENTS_CACHE: ") == 2


def test_jobs_that_can_go_on_get_other_defaults():
    assert plugin_defaults(["seed=0", "hydra/launcher=joblib"]) == {"hydra.launcher.batch_size": "1"}
    assert plugin_defaults(["seed=0"]) == {}


@pytest.mark.submitit
@pytest.mark.parametrize("key", ["tasks_per_node", "nodes"])
def test_a_job_of_several_tasks_is_refused(key):
    pytest.importorskip("submitit", reason="submitit is not installed: pip install 'gan-experiments[slurm]'")
    (line,) = problems("seed=0,1", "hydra/launcher=submitit_slurm", f"hydra.launcher.{key}=2")
    assert line.startswith(f"hydra.launcher.{key}: 2: a job is one task")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ("hydra/sweeper=optuna", "hydra.sweeper.direction=minimize"),
            "no such option; did you mean 'better'? (",
        ),
        (("hydra/sweeper=optuna", "hydra.sweeper.measure=kid"), "no such option; did you mean 'objectives'? (better,"),
        (("hydra/sweeper=sequential", "hydra.sweeper.objectives=kid"), "no such option; did you mean 'measure'? (bas"),
        (("hydra/sweeper=optuna", "hydra.sweeper.better.fid=lower"), "is not there yet: +hydra.sweeper.better.fid=..."),
        (("hydra.sweeper.n_trials=3",), "no such option; hydra/sweeper=optuna has it"),
        (("hydra.sweeper.max_batch=3",), "no such option; did you mean 'max_batch_size'? (max_batch_size, params)"),
        (("hydra.launcher.n_jobs=3",), "no such option, nor any other; hydra/launcher= chooses one that has some"),
    ],
)
def test_an_option_that_a_launcher_or_a_sweeper_lacks_is_answered_with_what_it_has(overrides, said):
    key = overrides[-1].partition("=")[0]
    (line,) = [line for line in problems("loss=hinge,wasserstein", *overrides) if line.startswith(key)]
    assert line.startswith(f"{key}: {said}")


def test_an_option_without_a_value_is_one():
    node = OmegaConf.create({"launcher": {"_target_": "a.B", "partition": "???", "gpus": None}})
    assert unknown_option("hydra.launcher.partition", node, conf_dir()) == ""
    said = unknown_option("hydra.launcher.partitions", node, conf_dir())
    assert said == "no such option; did you mean 'partition'? (gpus, partition)"


SEARCH = ("hydra/sweeper=optuna", "optimizer.generator.lr=tag(log,interval(1e-5,1e-2))")


@pytest.mark.optuna
def test_one_mistake_in_a_search_is_one_problem():
    pytest.importorskip("optuna", reason="optuna is not installed: pip install 'gan-experiments[optuna]'")
    (line,) = problems("hydra.sweeper.n_trials=2", "hydra.sweeper.n_trails=2", "study=search")
    assert line.startswith("hydra.sweeper.n_trails: no such option; did you mean 'n_trials'? (better, n_jobs,")


@pytest.mark.optuna
@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("hydra.sweeper.n_trials=0", "hydra.sweeper.n_trials: 0 is not an integer >= 1"),
        ("hydra.sweeper.sampler=tpee", "hydra.sweeper.sampler: 'tpee'"),
        ("hydra.sweeper.objectives=[]", "hydra.sweeper.objectives: empty"),
        ("hydra.sweeper.objectives=[fid,fid]", "hydra.sweeper.objectives: names an objective twice"),
        ("hydra.sweeper.objectives=[fid,images_per_second]", "hydra.sweeper.pruner: needs a single objective"),
        (
            "hydra.sweeper.objectives=[images_per_second]",
            "hydra.sweeper.pruner: cannot use the cost images_per_second",
        ),
        ("hydra.sweeper.n_trails=3", "hydra.sweeper.n_trails"),
        ("batch_size=interval(2,1)", "batch_size: interval(2.0, 1.0) is empty"),
        ("hydra.sweeper.per=[optimizer.generator.lr]", "optimizer.generator.lr: hydra.sweeper.per needs single values"),
        ("optimizer.discriminator.lr=interval(-1,1)", "optimizer.discriminator.lr: -1.0 is not a number > 0"),
    ],
)
def test_what_is_wrong_with_a_search_is_said_before_it_starts(override, reason):
    pytest.importorskip("optuna", reason="optuna is not installed: pip install 'gan-experiments[optuna]'")
    assert problems(*SEARCH, "hydra.sweeper.storage=sqlite:///${output_dir}/search.db") == []
    found = problems(*SEARCH, override)
    assert any(line.startswith(reason) for line in found), found
