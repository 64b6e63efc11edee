import json
import re
import subprocess
import sys

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from gan_experiments.config.check import check_config
from gan_experiments.config.command_schemas import EvaluateConfig, SampleConfig
from gan_experiments.config.compose import CommandLine, check_command_line, compose
from gan_experiments.config.files import conf_dir
from gan_experiments.config.grid import combinations
from gan_experiments.config.schema import Config
from gan_experiments.core.types import ConfigError


def check(*overrides, name="train", schema=Config, **options):
    return check_command_line(name, schema, overrides, **options)


def problems(*overrides, **options):
    """What is wrong with the names and the root's own values."""
    return [str(problem) for problem in check(*overrides, **options).problems]


def value_problems(*overrides, name="train", schema=Config, **options):
    """What is wrong with the values and the parts of a command line whose names are right."""
    line = check(*overrides, name=name, schema=schema, **options)
    assert line.problems == []
    return [str(problem) for problem in check_config(line.config(), schema, line.trusted).problems]


def test_the_defaults_compose():
    assert problems() == []
    assert "hydra" not in compose("train")


def test_everything_is_reported_at_once():
    lines = problems(
        "modle=dcgan", "model=dcgn", "loss=hing", "batch_size=abc", "seed=-1", "model.generator.chanels=3", "+foo=3",
        "word", "a=[", "d_steps=1,2", "~nothing", "++bar=1", "ema.half_lief=1", "trainer.precision=16-mixed",
    )  # fmt: skip
    for start in (
        "modle: no such key; did you mean 'model'?",
        "model: no option 'dcgn'; did you mean 'dcgan'?",
        "loss: no option 'hing'; did you mean 'hinge'?",
        "batch_size: 'abc' is not an integer >= 1",
        "seed: -1 is not",
        "model.generator.chanels: no such key; did you mean 'channels'?",
        "foo: no such key",
        "bar: no such key",
        "'word' is not of the form key=value",
        "'a=[' cannot be read",
        "d_steps: 2 values need -m",
        "nothing: no such key to delete",
        "ema.half_lief: no such key; did you mean 'half_life'?",
        "trainer.precision: 16-mixed needs a GPU",  # a rule of a section needs no torch either
    ):
        assert any(line.startswith(start) for line in lines), start
    assert len(lines) == 14


def test_every_value_and_part_that_is_wrong_is_reported_at_once():
    lines = value_problems(
        "optimizer.generator.lr=-1", "model.generator.channels=0", "loss=ebgan", "+loss.margn=2", "loss.margin=-1",
        "penalty=[r1,lecam]", "penalty.r1.interval=x", "+optimizer.discriminator.eps=0",
    )  # fmt: skip
    for start in (
        "optimizer.generator.lr: -1 is not a number > 0",
        "model.generator.channels: 0 is not an integer in [1, 65536]",
        "loss.margn: no such key; did you mean 'margin'?",
        "loss.margin: -1 is not a number > 0",
        "penalty.r1.interval: 'x' is not an integer >= 1",
        "optimizer.discriminator.eps: 0 is not a number in (0, 1]",
        "loss: ",  # needs a discriminator with another output
    ):
        assert any(line.startswith(start) for line in lines), start
    assert len(lines) == 7


def test_a_key_that_other_options_have_is_said_to_be_theirs():
    (line,) = problems("dataset.root=pictures")
    assert re.search("; those of dataset that have it: .*image_folder", line)
    (line,) = problems("dataset=polygons", "dataset.random_crop=4")  # which the others inherit
    assert re.search("; those of dataset that have it: afhq, .* and [0-9]+ more$", line)
    assert "base" not in line


def test_a_key_of_the_root_has_no_group_that_others_could_have():
    (line,) = problems("format=onnx", name="sample", schema=SampleConfig)[:1]
    assert line == "format: no such key"


@pytest.mark.parametrize("betas", ["0.9", "x", "0.5,0.9", "null", "true"])
def test_betas_of_any_type_are_a_problem_or_none(betas):
    (change,) = {line.partition(":")[0] for line in problems(f"optimizer.generator.betas={betas}")} or {""}
    assert change == ("optimizer.generator.betas" if "," in betas else "")


def test_a_component_that_the_files_do_not_have_is_added_by_a_plus():
    added = "callbacks.timer._target_=pytorch_lightning.callbacks.Timer"
    assert problems(added) == [f"callbacks.timer._target_: no such key; to add a component: +{added}"]
    assert value_problems(f"+{added}") == []


def test_a_key_that_the_files_do_not_have_needs_a_plus():
    (line,) = problems("optimizer.generator.amsgrad=true")
    known = "optimizer.generator.amsgrad: no such key (lr, betas, fused)"
    assert line == f"{known}; +optimizer.generator.amsgrad=... passes it to Adam"
    assert value_problems("+optimizer.generator.amsgrad=true") == []
    (line,) = value_problems("+optimizer.generator.amsgard=true")
    assert line.startswith("optimizer.generator.amsgard: no such key; did you mean 'amsgrad'?")
    assert value_problems("++optimizer.generator.amsgrad=3") == ["optimizer.generator.amsgrad: 3 is not true or false"]


def test_several_components_of_a_group():
    assert list(compose("train", ["penalty=[r1,lecam]", "penalty.r1.interval=16"]).penalty) == ["r1", "lecam"]
    assert compose("train", ["penalty=[r1,lecam]", "penalty.r1.interval=16"]).penalty.r1.interval == 16
    assert list(compose("train", ["penalty=r1"]).penalty) == ["r1"]
    assert compose("train", ["penalty=none"]).penalty == {}
    assert problems("penalty=[r1,lecm]") == [problems("penalty=lecm")[0]]


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ("penalty=none penalty.r1.weight=3", "penalty=r1 penalty.r1.weight=3"),
        ("penalty=r1 +penalty.lecam.weight=1", "penalty=[r1,lecam] penalty.lecam.weight=1"),
        ("augment=none augment.ada.target=0.5", "augment=ada augment.ada.target=0.5"),
        (
            "metrics=native metrics.features.mind.directions=10",
            "metrics=[native,mind] metrics.features.mind.directions=10",
        ),
    ],
)
def test_an_option_of_a_group_that_takes_several_has_to_be_chosen(given, choice):
    key = choice.split()[1].partition("=")[0]
    assert problems(*given.split()) == [f"{key}: {key.split('.')[-2]} is not chosen; to choose it: {choice}"]


def test_a_value_in_the_place_of_an_option_says_how_to_choose_it():
    assert problems("augment.ada=3") == ["augment.ada: ada is not chosen; to choose it: augment=ada"]
    assert value_problems("+augment.ada._target_=gan_experiments.augment.ada.ADA") == []


def test_an_option_that_only_some_jobs_of_a_sweep_have():
    lines = problems("penalty=r1,lecam", "penalty.r1.weight=1,2", multirun=True)
    advice = "sweep it by itself: -m penalty=r1 penalty.r1.weight=1,2"
    assert lines == [f"penalty.r1.weight: only runs with penalty=r1 have it; {advice}"]


@pytest.mark.parametrize(
    ("choice", "advice"),
    [
        ("mind", "mind needs an extractor; add one: metrics=[native,mind]"),
        ("[kid,prdc]", "kid,prdc needs an extractor; add one: metrics=[native,kid,prdc]"),
        ("pairs", "psnr,ssim goes with others, which say how often and with how many samples: metrics=[native,...]"),
    ],
)
def test_a_measure_that_needs_others_is_one_problem(choice, advice):
    (line,) = problems(f"metrics={choice}")
    assert line.startswith(f"metrics: {advice}")


def test_values_of_a_sweep_of_what_is_not_chosen_are_one_problem():
    (line,) = problems("loss=hinge,minimax", "penalty.lecam.weight=1,2", multirun=True)
    assert line.endswith("penalty=[r1,lecam] penalty.lecam.weight=1,2")


def test_what_is_not_chosen_need_not_be_readable(folder):
    (line,) = problems("penalty.mine.weight=3", config_dir=folder(penalty__mine="a: [b"))
    assert line.startswith("penalty.mine.weight: ")


def test_a_component_of_ones_own_may_be_named_as_an_option_is():
    given = ["penalty=none", "+penalty.r1.weight=3", "+penalty.r1._target_=gan_experiments.penalties.r2.R2"]
    assert value_problems(*given) == []


def test_what_the_option_that_is_guessed_lacks_is_not_asked_for():
    (line,) = problems("metrics=fd", name="evaluate", schema=EvaluateConfig)  # taken for sfid, which goes with others
    assert line.startswith("metrics: no option 'fd'")
    (line,) = problems("dataset=image_folde")
    assert line.startswith("dataset: no option 'image_folde'; did you mean 'image_folder'?")


def test_what_is_below_an_option_that_does_not_exist_is_checked_against_the_nearest():
    assert len(problems("model=mpl", "model.generator.hidden=[8]")) == 1
    assert len(problems("model=mpl", "model.generator.channels=8")) == 2
    assert len(problems("model=qqqqqq", "model.generator.anything=8")) == 1


@pytest.mark.parametrize(
    ("given", "handed"),
    [
        ("seed=3", "seed=3"),
        ("+seed=3", "++seed=3"),
        ("++seed=3", "++seed=3"),
        ("+optimizer.generator.amsgrad=true", "++optimizer.generator.amsgrad=true"),
        ("loss=hinge", "loss=hinge"),
        ("+loss=hinge", "loss=hinge"),
        ("++loss=hinge", "loss=hinge"),
        ("~callbacks.samples", "~callbacks.samples"),
        ("name=null", "name=null"),
        ("hydra.sweep.dir=x", "hydra.sweep.dir=x"),
    ],
)
def test_overrides_are_handed_to_hydra_as_it_takes_them(given, handed):
    line = check(given)
    assert line.problems == []
    assert line.hydra_lines + line.overrides == [handed]


def test_experiments_change_groups_and_values(folder):
    text = (
        "# @package _global_\ndefaults:\n  - override /loss: wasserstein\n  - override /penalty: [r1, lecam]\nseed: 7\n"
    )
    directory = folder(experiment__mine=text)
    config = compose("train", ["experiment=mine"], directory)
    assert config.loss._target_.endswith("Wasserstein")
    assert list(config.penalty) == ["r1", "lecam"]
    assert config.seed == 7
    assert compose("train", ["experiment=mine", "seed=8", "loss=hinge"], directory).seed == 8
    assert problems("experiment=mine", config_dir=directory) == []
    assert "did you mean 'mine'" in problems("experiment=mien", config_dir=directory)[0]


def test_what_an_experiment_says_of_data_that_cannot_do_it_is_left_out(folder):
    line = check("experiment=fastgan", "dataset=polygons")
    assert line.problems == []
    assert "horizontal_flip" not in line.config().dataset
    assert line.left_out == [
        "dataset.horizontal_flip: True of experiment=fastgan is left out: dataset=polygons has no horizontal_flip"
    ]
    assert check("experiment=fastgan", "dataset=cifar10").left_out == []
    assert compose("train", ["experiment=fastgan", "dataset=cifar10"]).dataset.horizontal_flip
    line = check("experiment=fastgan", "dataset=image_folder", "dataset.root=pictures")  # whose file leaves root open
    assert (line.problems, line.left_out) == ([], [])
    assert line.config().dataset.root == "pictures"
    line = check("experiment=fastgan", "dataset=polygons", "~dataset.horizontal_flip")
    assert (line.problems, line.left_out) == ([], [])


def test_what_an_experiment_says_of_a_penalty_that_has_been_replaced_is_left_out():
    line = check("experiment=fastgan", "dataset=cifar10", "penalty=r1", "augment=none")
    assert line.problems == []
    assert list(line.config().penalty) == ["r1"]
    why = "of experiment=fastgan is left out:"
    assert line.left_out == [
        f"augment.diffaugment: {{'cutout': 0.0}} {why} augment=none has no diffaugment",
        f"penalty.reconstruction: {{'weight': 8.0}} {why} penalty=r1 has no reconstruction",
    ]
    assert check_config(line.config(), Config).errors == []


@pytest.mark.parametrize("group", ["experiment=fastgan", "experiment=baseline"])
def test_what_a_command_line_says_of_data_that_cannot_do_it_is_refused(group):
    (problem,) = problems(group, "dataset=polygons", "dataset.horizontal_flip=true")
    assert problem.startswith("dataset.horizontal_flip: no such key")


def test_what_an_experiment_says_that_no_dataset_has_is_refused(folder):
    directory = folder(experiment__mine="# @package _global_\ndataset:\n  horizontal_flp: true\n")
    line = check("experiment=mine", "dataset=digits", config_dir=directory)
    assert line.left_out == []
    assert line.config().dataset.horizontal_flp
    (problem,) = check_config(line.config(), Config).errors
    assert problem.key == "dataset.horizontal_flp"


def suited(*overrides, config_dir=None):
    config = compose("train", overrides, config_dir)
    networks = config.model.generator._target_.rpartition(".")[2]
    return networks, [*config.metrics.get("features", {}), *config.metrics.get("measures", {})]


@pytest.mark.parametrize("dataset", ["ring", "grid", "swiss_roll"])
def test_points_come_with_networks_and_measures(dataset):
    assert suited(f"dataset={dataset}") == ("MLPGenerator", ["known_distribution"])
    assert compose("train", [f"dataset={dataset}"]).callbacks.samples.count == 1000
    assert problems(f"dataset={dataset}") == []


@pytest.mark.parametrize("dataset", ["polygons", "stacked_digits", "stacked_mnist"])
def test_known_truths_come_with_their_measures(dataset):
    assert suited(f"dataset={dataset}") == ("DCGANGenerator", ["fid", "is", "known_distribution"])
    assert problems(f"dataset={dataset}") == []


def test_what_is_named_goes_before_the_defaults_of_a_dataset(folder):
    assert suited("dataset=ring", "model=dcgan", "metrics=native") == ("DCGANGenerator", ["fid", "is"])
    assert compose("train", ["dataset=ring", "callbacks.samples.count=9"]).callbacks.samples.count == 9
    assert suited("dataset=ring", "dataset_defaults=none") == suited()
    text = "# @package _global_\ndefaults:\n  - override /model: sngan\ncallbacks:\n  samples:\n    count: 5\n"
    directory = folder(experiment__mine=text)
    config = compose("train", ["dataset=ring", "experiment=mine"], directory)
    assert config.callbacks.samples.count == 5
    assert config.model.generator._target_ == compose("train", ["model=sngan"]).model.generator._target_
    assert list(config.metrics.measures) == ["known_distribution"]


def test_hydra_gets_the_defaults_of_one_dataset_that_has_any(folder):
    assert check("dataset=ring").overrides == ["dataset=ring", "dataset_defaults=ring"]
    assert check("dataset=ring", "dataset_defaults=none").overrides == ["dataset=ring", "dataset_defaults=none"]
    assert check("dataset=digits").overrides == ["dataset=digits"]
    line = check("dataset=polygons,digits", multirun=True)
    assert line.overrides == ["dataset=polygons,digits"]  # each job adds its own
    assert [list(line.config([index]).metrics.get("measures", {})) for index in (0, 1)] == [["known_distribution"], []]
    assert "dataset_defaults" not in str(compose("data", ["dataset=ring"]))
    assert list(compose("evaluate", ["dataset=ring"]).metrics.features) == ["fid", "is"]


def test_a_folder_of_the_users_adds_options(folder):
    directory = folder(loss__mine="_target_: gan_experiments.losses.hinge.Hinge\n")
    assert problems("loss=mine", config_dir=directory) == []
    assert "(" in problems("loss=mine")[0]


def test_a_saved_config_repeats_its_run(folder):
    config = compose("train", ["loss=hinge", "penalty=r1", "seed=5"])
    directory = folder(config=OmegaConf.to_yaml(config, resolve=True))
    assert compose("config", [], directory) == config
    assert check_command_line("config", Config, ["seed=6"], directory).problems == []
    (problem,) = check_command_line("config", Config, ["loss=minimax"], directory).problems
    assert str(problem) == "loss: 'minimax' is not a component (a mapping with a _target_) or null"


def test_a_config_from_a_stranger_is_refused(folder):
    config = compose("train")
    OmegaConf.set_struct(config, False)
    config.loss = {"_target_": "torch.load", "f": "x"}
    config.penalty = {"b": {"_target_": "evil.Class"}}
    config.trusted = ["evil"]
    line = check(name="config", config_dir=folder(config=OmegaConf.to_yaml(config)))
    assert line.problems == []
    assert line.trusted == []
    errors = check_config(line.config(), Config, line.trusted).errors
    assert {problem.key for problem in errors} == {"loss._target_", "penalty.b._target_"}


def test_trust_comes_from_the_command_line():
    assert check_command_line("train", Config, ["trusted=[a,b]"]).trusted == ["a", "b"]
    assert check_command_line("train", Config, ["+trusted=[a]", "++trusted=[b]"]).trusted == ["b"]
    assert problems("trusted=[os]")[0].startswith("trusted: 'os'")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [1", "cannot be read"),
        ("- 1", "must be a DictConfig"),
        ("seed: " + "{a: " * 3000 + "1" + "}" * 3000, "nested deeper"),
        ("seed: ${d_steps}\nd_steps: ${seed}", "cannot be resolved"),
        ("\x00", "cannot be"),
        ("seed: !!python/object/apply:os.system [id]", "cannot be read"),
        ("", "missing"),
    ],
)
def test_broken_files_are_problems(folder, text, reason):
    found = check_command_line("config", Config, [], folder(config=text))
    assert any(reason in problem.text for problem in found.problems)


def test_folders_and_configs_that_do_not_exist(tmp_path):
    with pytest.raises(ConfigError, match="--config-dir"):
        compose("train", [], tmp_path / "none")
    with pytest.raises(ConfigError, match="--config-name"):
        compose("trian")


def test_a_group_that_is_not_in_the_defaults_list_is_appended_by_a_plus(folder):
    own = folder(config=OmegaConf.to_yaml(compose("train")), size__small="# @package _global_\nbatch_size: 8")
    assert compose("train", ["+size=small"], own).batch_size == 8
    assert problems("+size=smal", config_dir=own) == ["size: no option 'smal'; did you mean 'small'? (small)"]
    assert compose("config", ["+loss=wasserstein"], own).loss._target_.endswith(".Wasserstein")
    assert compose("export", ["+output=file"], own).output == "file"  # no option of the group of that name


def test_sweeps_are_checked_value_by_value():
    assert problems("loss=hinge,minimax", "seed=0,1,2", "d_steps=range(1,4)", multirun=True) == []
    lines = problems("loss=hinge,hing", "seed=0,-1", "optimizer.generator.lr=interval(-1,1)", "a=1,2", multirun=True)
    assert {line.partition(":")[0] for line in lines} == {"loss", "optimizer.generator.lr", "a", "seed"}
    assert len(lines) == 4


def test_every_value_is_checked_without_m_too():
    lines = problems("seed=0,-1")
    assert [line.partition(":")[0] for line in lines] == ["seed", "seed"]
    assert any("-1 is not an integer" in line for line in lines)


def test_every_combination_of_a_grid_is_checked():
    overrides = ["trainer=gpu", "penalty=none,r1", "trainer.precision=32-true,16-mixed", "seed=0,1"]
    line = check(*overrides, multirun=True)
    assert line.problems == []
    configs = list(combinations(line))
    assert len(configs) == 4  # no rule depends on the seed
    (problem,) = {str(problem) for config in configs for problem in check_config(config, Config).errors}
    assert problem.startswith("trainer.precision: 16-mixed")


def test_every_value_that_another_sweeper_may_draw_is_checked():
    pytest.importorskip("optuna", reason="optuna is not installed: pip install 'gan-experiments[optuna]'")
    overrides = ["hydra/sweeper=optuna", "loss=hinge,minimax", "optimizer.generator.lr=interval(-1,1)", "d_steps=1,2"]
    line = check(*overrides, multirun=True)
    assert line.problems == []
    configs = list(combinations(line))
    assert {config.loss._target_.rpartition(".")[2] for config in configs} == {"Hinge", "Minimax"}
    assert {config.optimizer.generator.lr for config in configs} == {-1, 1}
    assert {config.d_steps for config in configs} == {1, 2}
    assert len(configs) == 4  # one after the other


def test_a_grid_beyond_counting_is_refused():
    (told,) = problems("seed=range(0,100)", "batch_size=range(1,101)", multirun=True)
    assert told == "a sweep of 10,000 jobs; the limit is 5,000"
    (told,) = problems("seed=range(1,1000000000000)", multirun=True)
    assert told == "a sweep of 10,000 jobs or more; the limit is 5,000"


@pytest.mark.parametrize(
    ("overrides", "wrong"),
    [
        (["seed=range(0,4000)"], 0),
        (["seed=range(0,1000)", "loss=hinge,minimax", "d_steps=0,1"], 1),
        (["seed=0,1,x,99999999999999999999,3"], 2),
        (["seed=range(1,1000000)", "d_steps=1,0"], 2),
        (["seed=range(-1000000,-1)", "batch_size=range(-1000,1000)"], 9),  # the first values, and the number of jobs
    ],
)
def test_many_jobs_are_checked_by_composing_few_configs(monkeypatch, overrides, wrong):
    composed = []
    config = CommandLine.config
    monkeypatch.setattr(CommandLine, "config", lambda self, *chosen: composed.append(0) or config(self, *chosen))
    assert len(problems(*overrides, multirun=True)) == wrong
    assert len(composed) < 12


def test_a_sweep_over_models_checks_their_keys():
    (line,) = problems("model=dcgan,mlp", "model.generator.channels=8", multirun=True)
    assert line.startswith("model.generator.channels: no such key")


def test_sweeps_of_a_file_are_checked(folder):
    text = "# @package _global_\nhydra:\n  sweeper:\n    params:\n      seed: 0,x\n"
    directory = folder(experiment__mine=text)
    assert problems("experiment=mine", config_dir=directory, multirun=True) == ["seed: 'x' is not an integer >= 0"]
    assert problems("experiment=mine", "seed=1,2", config_dir=directory, multirun=True) == []


def test_the_sweeps_of_a_file_trust_nobody(folder):
    text = "# @package _global_\nhydra:\n  sweeper:\n    params:\n      trusted: '[evil]'\n"
    found = check_command_line("train", Config, ["experiment=mine"], folder(experiment__mine=text), multirun=True)
    assert found.trusted == []


def test_compose_raises_for_what_cannot_be_composed():
    with pytest.raises(ConfigError) as caught:
        compose("train", ["loss=hing", "=", "hydra.nothing=3"])
    assert len(caught.value.problems) == 3


def test_interpolations_of_hydra_are_resolved():
    assert problems("name=${hydra:runtime.choices.loss}") == []
    assert problems("seed=${hydra:runtime.choices.loss}") == ["seed: 'non_saturating' is not an integer >= 0"]


def test_missing_values_are_marked():
    (problem,) = check_command_line("sample", SampleConfig, []).problems
    assert (problem.key, problem.missing) == ("run", True)


def test_what_is_printed_holds_no_control_characters(folder):
    directory = folder(loss__mine="_target_: '\\e[31m'\n'\\e[0m': 1\n", model__broken="a: [\\e[31m")
    lines = problems(
        "a=\x1b[31m", "\x1b[31m", "b=\x1b", "\x1b=1", "seed=\x1b", "+ema.\x1b=1", "loss=\x1b", "+loss.a=${\x1b}",
        "loss=mine", "model=broken", "~\x1b", "name='${oc.env:\x1b}'", config_dir=directory,
    )  # fmt: skip
    assert len(lines) >= 8
    assert all(line.isprintable() for line in lines)


def test_warnings_are_no_problems():
    checked = check_config(check("model=mlp", "penalty=[r1,wgan_gp]").config(), Config)
    assert checked.errors == []
    assert len(checked.warnings) == 1


def test_a_composed_config_can_be_changed_and_the_next_is_as_before():
    compose("train").seed = 5
    compose("train").optimizer.generator.lr = -1
    assert compose("train").seed == 0
    assert problems() == []


def test_the_hydra_of_the_process_is_left_alone(folder):
    directory = folder(loss__mine="_target_: gan_experiments.losses.hinge.Hinge\n")
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        before = GlobalHydra.instance().hydra
        compose("train", ["loss=mine"], directory)
        assert GlobalHydra.instance().hydra is before
    with pytest.raises(ConfigError, match="no option 'mine'"):
        compose("train", ["loss=mine"])


HEAVY = {"torch", "torchvision", "torchmetrics", "pytorch_lightning"}


QUESTIONS = [
    ("train", ["loss=hing", "modle=dcgan", "model.generator.chanels=3", "seed=-1"], 2),
    ("train", ["-m", "seed=0,1", "loss=hing"], 2),
    ("train", ["--help"], 0),
    ("train", ["--version"], 0),
    ("train", ["--cfg", "job"], 0),
    ("train", ["--cfg", "all", "loss=hinge"], 0),
    ("evaluate", ["run=x", "seed=x"], 2),
    ("sample", ["run=nowhere", "output=gird"], 2),
    ("data", ["describe", "dataset=digit"], 2),
]
ASK = """
import json, os, sys
from gan_experiments.cli import data, evaluate, sample, train

heavy, *questions = json.loads(sys.argv[1])
for command, arguments, _ in questions:
    if os.fork() == 0:  # a process that has imported the commands, and nothing else
        sys.argv[1:] = arguments
        try:
            globals()[command].main()
        except SystemExit as end:
            print(json.dumps([end.code or 0, sorted({*heavy} & {*sys.modules})]), file=sys.stderr, flush=True)
        os._exit(0)
    os.wait()
    print("end of an answer", file=sys.stderr, flush=True)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Return the folder in which the commands have been called and what each of them and Python said last."""
    folder = tmp_path_factory.mktemp("answers")
    command = [sys.executable, "-c", ASK, json.dumps([sorted(HEAVY), *QUESTIONS])]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return folder, done.stderr.split("end of an answer\n")


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=[" ".join(words) for _, words, _ in QUESTIONS])
def test_a_question_about_names_imports_no_torch(answers, number):
    folder, said = answers
    assert len(said) == len(QUESTIONS) + 1
    assert json.loads(said[number].splitlines()[-1]) == [QUESTIONS[number][2], []], said[number]
    assert list(folder.iterdir()) == []


def test_a_key_of_an_option_that_others_bring_along_is_no_option_that_is_not_chosen():
    (problem,) = problems("experiment=r3gan_narrow", "penalty.r1.weigt=3")
    assert problem.startswith("penalty.r1.weigt: no such key; did you mean 'weight'?")


def test_options_of_a_list_that_define_one_component_differently_are_refused():
    text = "r1 and r1_r2 both define r1, differently; take one, or give one of them another key"
    assert problems("penalty=[r1,r1_r2]") == [f"penalty: {text}"]
    assert problems("penalty=[r1,lecam]", "metrics=[native,kid,prdc]") == []
