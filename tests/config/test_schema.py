from dataclasses import fields

import pytest
import yaml
from gan_experiments.config.loader import Loader, conf_dir, root_dir
from gan_experiments.config.programs import CompareConfig, DataConfig, EvaluateConfig, ExportConfig, SampleConfig
from gan_experiments.config.sources import find_module
from gan_experiments.config.validation import source_of
from omegaconf import OmegaConf

from gan_experiments.config.compose import compose
from gan_experiments.config.schema import (
    PLACES,
    Config,
    check,
    check_config,
)

SCHEMAS = {
    "train": Config,
    "evaluate": EvaluateConfig,
    "sample": SampleConfig,
    "export": ExportConfig,
    "data": DataConfig,
    "compare": CompareConfig,
}
GROUPS = [group for group in sorted(conf_dir().iterdir()) if root_dir(group.name) == conf_dir()]
OPTIONS = [(group.name, file.stem) for group in GROUPS for file in sorted(group.glob("*.yaml"))]
RUN = ["run=outputs/x"]
MISSING = {"evaluate": RUN, "sample": RUN, "export": RUN, "compare": ["study=outputs/x"]}


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_of_every_group_is_right(group, option):
    if group == "output":
        assert check(compose("sample", [*RUN, f"output={option}"]), SampleConfig) == []
        return
    # A measure without a rhythm of its own is there to be added to others.
    adds = group == "metrics" and "\nevery:" not in (conf_dir() / group / f"{option}.yaml").read_text()
    line = f"{group}=[native,{option}]" if adds else f"{group}={option}"
    others = {"model": "loss", "metrics": "dataset", "dataset_defaults": "dataset"}
    problems, other = {}, others.get(group, "model")
    for choice in Loader("train").options(other):
        found = check_config(compose("train", [f"{other}={choice}", line])).problems
        problems[choice] = [problem for problem in found if not problem.missing]
        if not problems[choice]:
            return
    # One at least must go with it: some losses want a discriminator of their own, some measures a dataset.
    pytest.fail(str(problems))


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_the_root_configs_are_right(name, schema):
    assert check(compose(name, MISSING.get(name, [])), schema) == []


@pytest.mark.parametrize("schema", SCHEMAS.values())
def test_every_field_is_in_the_docstring(schema):
    for field in fields(schema):
        assert f"        {field.name}: " in schema.__doc__


@pytest.mark.parametrize("schema", SCHEMAS.values())
def test_reading_a_schema_agrees_with_importing_it(schema):
    assert list(source_of(schema).signature.parameters) == [field.name for field in fields(schema)]


@pytest.mark.parametrize("place", sorted({place.base for place in PLACES.values()}))
def test_the_bases_of_places_exist_where_they_are_said_to(place):
    module, _, name = place.rpartition(".")
    assert name in find_module(module).symbols


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
        ("ema=3", "ema: 3 is not a mapping of half_life, start, rampup"),
        ("ema.half_lief=3", "ema.half_lief: no such key; did you mean 'half_life'?"),
        ("trainer.precision=16", "trainer.precision: 16 is not one of 32-true, bf16-mixed, 16-mixed"),
        ("trainer.devices=0", "trainer.devices: 0 is not an integer >= 1 or 'auto'"),
        ("metrics.samples=1", "metrics.samples: 1 is not an integer >= 2"),
        ("optimizer.generator.lr=-1", "optimizer.generator.lr: -1 is not a number > 0"),
        ("optimizer.generator.betas=[0.5,1.0]", "optimizer.generator.betas[1]: 1.0 is not a number in [0, 1)"),
        ("optimizer.generator.eps=0", "optimizer.generator.eps: 0 is not a number > 0"),
        ("optimizer.generator.params=3", "optimizer.generator.params: is given by the program"),
        ("optimizer.clip.generator=0", "optimizer.clip.generator: 0 is not a number > 0 or null"),
        ("name=../x", "name: '../x' is not a folder name"),
        ("name=.hidden", "name: '.hidden' is not a folder name"),
        ("name='a b'", "name: 'a b' is not a folder name"),
        ("resume=3", "resume: 3 is not text or null"),
        ("modle=dcgan", "modle: no such key; did you mean 'model'?"),
        ("lr=0.1", "lr: no such key; did you mean 'optimizer.generator.lr' or 'optimizer.discriminator.lr'?"),
        ("model.generator.chanels=3", "model.generator.chanels: no such key; did you mean"),
        ("model.generator.facts=3", "model.generator.facts: is given by the program"),
        ("model.loss=3", "model.loss: is given by the program"),
        ("loss._target_=gan_experiments.penalties.r1.R1", "loss._target_: R1 is not a Loss"),
        ("model.generator._target_=gan_experiments.networks.dcgan.DCGANDiscriminator",
         "model.generator._target_: DCGANDiscriminator is not a Generator"),
        ("optimizer.generator._target_=torch.nn.ReLU", "optimizer.generator._target_: ReLU is not a Optimizer"),
        ("loss={}", None),
    ],
)  # fmt: skip
def test_one_thing_wrong_is_one_line(override, problem):
    problems = check(compose("train", [override]))
    if problem is None:
        assert problems == []
    else:
        assert [line for line in problems if line.startswith(problem)]
        assert all(line.startswith(problem.partition(".")[0].partition(":")[0]) for line in problems)


def test_a_key_that_is_absent_is_missing():
    config = compose("train")
    OmegaConf.set_struct(config, False)
    del config["batch_size"]
    assert check(config) == ["batch_size: missing: an integer >= 1"]


def test_a_config_cannot_trust_itself():
    config = compose("train", ["trusted=[my_package]", "loss._target_=my_package.Evil"])
    assert any(line.startswith("loss._target_: 'my_package.Evil' is not in") for line in check(config))
