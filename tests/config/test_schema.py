import re
from dataclasses import fields

import pytest
import quick_configs
import yaml
from hydra.types import RunMode
from omegaconf import OmegaConf
from tiny import LARGE, TRANSLATORS

from gan_experiments.config import command_schemas, schema
from gan_experiments.config.check import check_config
from gan_experiments.config.command_schemas import (
    CompareConfig,
    ConvertConfig,
    DataConfig,
    DiagnoseConfig,
    EvaluateConfig,
    ExportConfig,
    RunsArchiveConfig,
    RunsCompareConfig,
    RunsConfig,
    RunsDeleteConfig,
    RunsFollowConfig,
    SampleConfig,
    ShardsConfig,
    TranslateConfig,
)
from gan_experiments.config.compose import check_command_line, compose
from gan_experiments.config.files import INHERITED, conf_dir, own_files
from gan_experiments.config.schema import Config
from gan_experiments.config.signatures import slot_of
from gan_experiments.core.types import ConfigError

SCHEMAS = {
    "train": Config,
    "evaluate": EvaluateConfig,
    "sample": SampleConfig,
    "export": ExportConfig,
    "data": DataConfig,
    "compare": CompareConfig,
    "shards": ShardsConfig,
    "convert": ConvertConfig,
    "translate": TranslateConfig,
    "diagnose": DiagnoseConfig,
    "runs": RunsConfig,
    "runs_follow": RunsFollowConfig,
    "runs_compare": RunsCompareConfig,
    "runs_archive": RunsArchiveConfig,
    "runs_delete": RunsDeleteConfig,
}
GROUPS = [path for path in sorted(conf_dir().iterdir()) if path.is_dir()]
OPTIONS = [(group.name, file.stem) for group in GROUPS for file in sorted(group.glob("*.yaml"))]
OPTIONS = [(group, option) for group, option in OPTIONS if option != INHERITED]
DEFAULTS = ("dcgan", "digits", "non_saturating")  # go with most options
RUN = ["run=outputs/x"]
MISSING = {
    "evaluate": RUN,
    "sample": RUN,
    "export": RUN,
    "diagnose": RUN,
    "shards": ["output=x"],
    "convert": ["output=x"],
}
MISSING |= {f"runs_{verb}": ["runs=x"] for verb in ("compare", "archive", "delete")}
MISSING["translate"] = [*RUN, "input=x", "output=y"]
SLOTS = {
    name: each
    for module in (schema, command_schemas)
    for name, each in vars(module).items()
    if hasattr(each, "__metadata__") and slot_of(each).bases
}


def errors(config, schema=Config, trusted=()):
    """Return what is wrong with a config, a line each."""
    return [str(problem) for problem in check_config(config, schema, trusted).errors]


def differences(lines):
    """Return the parts of a config that tests/helpers/quick_configs.py puts together otherwise than Hydra."""
    files = own_files("train")
    quick = quick_configs.put_together(files, lines)
    original = type(files.loader).load_configuration(files.loader, "train", lines, RunMode.RUN)
    config = OmegaConf.masked_copy(original, [str(name) for name in original if name != "hydra"])
    pairs = [(quick.config, config), (quick.hydra, original.hydra)] if quick else []
    return [both for both in pairs if len(set(map(_shown, both))) > 1]


def _shown(part):
    values = OmegaConf.to_container(part)
    values.get("runtime", {}).pop("cwd", None)  # where the first test was that has composed it
    return repr(values)


@pytest.mark.parametrize(
    "lines",
    [
        ["experiment=wgan_gp", "loss=hinge"],  # which the experiment chooses as well
        ["model=vae", "conditioning=acgan"],  # each changes what the other chooses
        ["conditioning=reacgan", "penalty=[r1,lecam]"],
        ["metrics=[native]", "dataset=ring", "dataset_defaults=ring"],
        ["loss=none", "task=denoise", "augment=[diffaugment,ada]"],
    ],
    ids=str,
)
def test_the_tests_put_choices_together_as_hydra_does(lines):
    assert quick_configs.put_together(own_files("train"), lines) is not None
    assert differences(lines) == []


def packs():
    """Return choices in which every option occurs that tests/helpers/quick_configs.py can put together with others.

    Each option joins the first choices with which it goes; alone if there are none.
    """
    files, chosen = own_files("train"), []
    for group, option in [each for each in OPTIONS if each[0] in files.groups]:
        if quick_configs.chosen_with({group: option}) is None:
            continue
        fits = (pack for pack in chosen if group not in pack)
        pack = next((each for each in fits if quick_configs.chosen_with({**each, group: option}) is not None), None)
        if pack is None:
            chosen.append(pack := {})
        pack[group] = option
    return [[f"{group}={option}" for group, option in pack.items()] for pack in chosen]


def test_the_tests_put_every_option_together_as_hydra_does():
    chosen = packs()
    tried = {line for lines in chosen for line in lines}
    left = [(group, option) for group, option in OPTIONS if f"{group}={option}" not in tried]
    assert [each for each in left if each[0] not in ("output", "study")] == [("dataset", "two_classes")]
    assert all(quick_configs.put_together(own_files("train"), lines) for lines in chosen)
    assert [lines for lines in chosen if differences(lines)] == []


@pytest.mark.parametrize(
    "lines",
    [
        ["experiment=sagan", "dataset=ring", "dataset_defaults=ring"],  # both choose a model
        ["study=losses"],  # chooses an experiment, and sets what Hydra's own node is for
        ["loss=hinge", "batch_size=3"],
        ["loss=nowhere"],
        ["+loss=hinge"],
    ],
    ids=str,
)
def test_what_is_not_that_simple_is_left_to_hydra(lines):
    assert quick_configs.put_together(own_files("train"), lines) is None


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_of_every_group_is_right(group, option):
    if group == "output":
        assert errors(compose("sample", [*RUN, f"output={option}"]), SampleConfig) == []
        return
    # A measure without a rhythm of its own is there to be added to others.
    adds = group == "metrics" and "\nevery:" not in (conf_dir() / group / f"{option}.yaml").read_text()
    line = f"{group}=[native,{option}]" if adds else f"{group}={option}"
    # Some want more images than there are digits, some colours; translators want inputs, one measure a network.
    large = ["dataset=cifar10"] if group == "experiment" or option in {"colorize", *LARGE} else []
    large += ["task=denoise"] if option in TRANSLATORS and group in ("model", "experiment") else []
    large += ["model=stylegan3"] if option == "equivariance" else []
    others = {"model": "loss", "metrics": "dataset", "dataset_defaults": "dataset"}
    problems, other = {}, others.get(group, "model")
    choices = own_files("train").options(other)
    for choice in sorted(choices, key=lambda choice: (not option.startswith(choice), choice not in DEFAULTS)):
        lines = [f"{other}={choice}", line, *large]
        found = check_config(compose("train", lines), Config).errors
        problems[choice] = [problem for problem in found if not problem.missing]
        if not problems[choice]:
            return
        if all(problem.text.endswith(f"pip install 'gan-experiments[{option}]'") for problem in problems[choice]):
            pytest.skip(f"{option} is not installed")
    # One at least must go with it: some losses want a discriminator of their own, some measures a dataset.
    pytest.fail(str(problems))


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_the_root_configs_are_right(name, schema):
    problems = check_config(compose(name, MISSING.get(name, [])), schema).errors
    assert [str(problem) for problem in problems if problem.key != "dataset"] == []


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_the_file_of_a_command_says_what_each_key_means(name, schema):
    text = (conf_dir() / f"{name}.yaml").read_text()
    for field in fields(schema):
        assert re.search(rf'^( *- (optional )?)?"?{field.name}"?:(.*#| *$)', text, re.MULTILINE), field.name


@pytest.mark.parametrize("annotation", SLOTS.values(), ids=SLOTS)
def test_the_classes_that_slots_name_exist(annotation):
    assert slot_of(annotation).bases
    assert all(isinstance(base, type) for base in slot_of(annotation).bases)


def test_every_slot_of_the_config_is_filled_by_the_defaults():
    assert len(SLOTS) >= 12


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_file_says_what_it_is(group, option):
    text = (conf_dir() / group / f"{option}.yaml").read_text()
    assert text.startswith("# ")
    assert isinstance(yaml.safe_load(text), dict)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("seed=-1", "seed: -1 is not an integer >= 0"),
        ("batch_size=abc", "batch_size: 'abc' is not an integer >= 1"),
        ("budget.images=1e6", "budget.images: 1000000.0 is not an integer >= 1; write 1000000"),
        ("d_steps=true", "d_steps: true is not an integer >= 1"),
        ("ema=3", "ema: 3 is not a mapping of half_life, start, rampup, standing_batches"),
        ("ema.half_lief=3", "ema.half_lief: no such key; did you mean 'half_life'?"),
        ("trainer.precision=16", "trainer.precision: 16 is not one of 32-true, bf16-mixed, 16-mixed"),
        ("trainer.devices=0", "trainer.devices: 0 is not an integer >= 1 or 'auto'"),
        ("metrics.samples=1", "metrics.samples: 1 is not an integer >= 2"),
        ("optimizer.generator.lr=-1", "optimizer.generator.lr: -1 is not a number > 0"),
        ("optimizer.generator.betas=[0.5,1.0]", "optimizer.generator.betas[1]: 1.0 is not a number in [0, 1)"),
        ("optimizer.clip.generator=0", "optimizer.clip.generator: 0 is not a number > 0 or null"),
        ("name=../x", "name: '../x' is not a folder name"),
        ("name=.hidden", "name: '.hidden' is not a folder name"),
        ("name='a b'", "name: 'a b' is not a folder name"),
        ("+optimizer.generator.params=3", "optimizer.generator.params: is given by the program"),
        ("+model.generator.facts=3", "model.generator.facts: is given by the program"),
        ("+model.setup=3", "model.setup: is given by the program"),
        ("+model.loss=3", "model.loss: no such key; did you mean 'loss'?"),
        ("+optimizer.generator.eps=0", "optimizer.generator.eps: 0 is not a number in (0, 1]"),
        ("resume=3", "resume: 3 is not the folder of a run or null"),
        ("modle=dcgan", "modle: no such key; did you mean 'model'?"),
        ("lr=0.1", "lr: no such key; did you mean 'optimizer.generator.lr' or 'optimizer.discriminator.lr'?"),
        ("model.generator.chanels=3", "model.generator.chanels: no such key; did you mean"),
        ("loss._target_=gan_experiments.penalties.r1.R1",
         "loss._target_: gan_experiments.penalties.r1.R1 does not descend from gan_experiments.core.contracts.Loss"),
        ("model.generator._target_=gan_experiments.networks.dcgan.DCGANDiscriminator",
         "model.generator._target_: gan_experiments.networks.dcgan.DCGANDiscriminator does not descend from "),
        ("optimizer.generator._target_=torch.nn.ReLU",
         "optimizer.generator._target_: torch.nn.ReLU does not descend from torch.optim.optimizer.Optimizer"),
    ],
)  # fmt: skip
def test_one_thing_wrong_is_one_line(override, problem):
    try:
        lines = errors(compose("train", [override]))
    except ConfigError as error:
        lines = error.problems
    assert [line[: len(problem)] for line in lines if not line.startswith("penalty.r1: ")] == [problem]


def test_a_component_without_a_class_is_refused():
    config = compose("train")
    OmegaConf.set_struct(config, False)
    config.loss = {}
    (line,) = errors(config)
    assert line == "loss: {} is not a component (a mapping with a _target_) or null"
    assert errors(compose("train", ["loss={}"])) == []  # merged into what is there


def test_a_key_that_is_absent_is_missing():
    config = compose("train")
    OmegaConf.set_struct(config, False)
    del config["batch_size"]
    assert errors(config) == ["batch_size: missing: an integer >= 1"]


def test_a_config_cannot_trust_itself():
    config = compose("train", ["trusted=[my_package]", "loss._target_=my_package.Evil"])
    assert any(line.startswith("loss._target_: 'my_package.Evil' is not in") for line in errors(config))


def test_the_command_line_can(package):
    name = package(one="from gan_experiments.losses.hinge import Hinge\nclass Mine(Hinge): ...")
    line = check_command_line("train", Config, ["loss=hinge", f"loss._target_={name}.one.Mine", f"trusted=[{name}]"])
    assert line.problems == []
    assert errors(line.config(), Config, line.trusted) == []
