import pytest

from gan_experiments.config.compose import check_command_line
from gan_experiments.config.schema import Config

REFUSED = "says what only the command line can"


def problems(directory, *overrides, name="train", multirun=False):
    return [str(p) for p in check_command_line(name, Config, overrides, directory, multirun=multirun).problems]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hydra: {job_logging: {handlers: {a: {(): torch.hub.load}}}}", "hydra.job_logging"),
        ("hydra: {hydra_logging: {root: {handlers: []}}}", "hydra.hydra_logging"),
        ("hydra: {job: {env_set: {LD_PRELOAD: x.so}}}", "hydra.job"),
        ("hydra: {run: {dir: /tmp/x}}", "hydra.run"),
        ("hydra: {searchpath: ['pkg://antigravity']}", "hydra.searchpath"),
        ("hydra: {callbacks: {a: {_target_: os.system}}}", "hydra.callbacks"),
        ("hydra: {sweep: {dir: /tmp/x}}", "hydra.sweep.dir"),
        ("hydra: {sweep: {dir: '${output_dir}/../x'}}", "hydra.sweep.dir"),
        ("hydra: {sweep: {dir: '${seed}/x'}}", "hydra.sweep.dir"),
        ("hydra: {sweep: {subdir: ../x}}", "hydra.sweep.subdir"),
        ("hydra: {launcher: {setup: [id]}}", "hydra.launcher.setup"),
        ('hydra: {launcher: {partition: "gpu\\nid"}}', "hydra.launcher.partition"),
        ("hydra: {launcher: {timeout_min: '1; id'}}", "hydra.launcher.timeout_min"),
        ("hydra: {launcher: {_target_: evil.Launcher}}", "hydra.launcher._target_"),
        ("hydra: {launcher: {submitit_folder: /tmp/x}}", "hydra.launcher.submitit_folder"),
        ("hydra: {sweeper: {storage: 'sqlite:////tmp/x.db'}}", "hydra.sweeper.storage"),
        ("hydra: {sweeper: {_target_: evil.Sweeper}}", "hydra.sweeper._target_"),
        ("hydra: {sweeper: {params: {hydra.job.env_set.LD_PRELOAD: x}}}", "hydra.sweeper.params.hydra.job"),
        ("hydra: {sweeper: {params: {+hydra/job_logging: evil}}}", "hydra.sweeper.params.+hydra/job_logging"),
        ("hydra: {sweeper: {params: {+trusted: '[evil]'}}}", "hydra.sweeper.params.+trusted"),
        ("hydra: {sweeper: {params: '${other}'}}\nother: {hydra.job.chdir: true}", "hydra.sweeper.params"),
        ("hydra: ${other}\nother: {job: {chdir: true}}", "hydra"),
        ("hydra: {sweeper: '${other}'}\nother: {storage: 'sqlite:////tmp/x.db'}", "hydra.sweeper"),
        ("defaults: [override /hydra/job_logging: none]", "defaults"),
        ("defaults: [override /hydra/launcher: ray_aws]", "defaults"),
        ("defaults: [override /hydra/launcher: '${seed}']", "defaults"),
        ("defaults: ['/loss@hydra.job_logging: hinge']", "defaults"),
        ("defaults: [{/loss@_global_.hydra.launcher: hinge}]", "defaults"),
        ("defaults: [{/hydra/job_logging: [evil]}]", "defaults"),
        ("name: x-${oc.env:HOME}", "name"),
        ("name: ${oc.decode:'x'}", "name"),
        ("name: ${${a}:HOME}\na: oc.env", "name"),
        ("dataset: {root: '${oc.env:${a},none}'}\na: HOME", "dataset.root"),
        ("'${oc.env:HOME}': 1", "oc.env"),
        ("penalty: [a, '${python_version:}']", "penalty.1"),
        ("hydra: {sweeper: {params: {name: '$\\{oc.env:HOME\\}'}}}", "hydra.sweeper.params.name"),
    ],
)
def test_what_is_for_the_command_line_is_refused_by_its_key(folder, text, said):
    directory = folder(study__evil=f"# @package _global_\n{text}\n")
    found = problems(directory, "study=evil", multirun=True)
    assert len(found) == 1
    assert found[0].startswith("study: ")
    assert REFUSED in found[0]
    assert said in found[0].partition(REFUSED)[2]


def test_a_file_cannot_be_put_into_hydras_node(folder):
    directory = folder(study__evil="# @package hydra.job_logging\nhandlers: {}\n", hydra__launcher__evil="a: 1\n")
    assert "@package hydra.job_logging" in problems(directory, "study=evil", multirun=True)[0]
    said = problems(directory, "hydra/launcher=evil", multirun=True)[0]
    assert f"no option 'evil'; files below {directory}/hydra are not read (basic, " in said
    folder(study__evil="# @package _global_\ndefaults: [/loss/../hydra/job_logging/evil@x]\n")
    assert problems(directory, "study=evil", multirun=True)
    folder(train="")
    assert problems(directory) == []  # ours goes first


def test_a_study_may_set_what_it_needs(folder):
    text = """# @package _global_
defaults:
  - override /loss: hinge
  - override /hydra/launcher: basic
budget: {images: 1000}
batch_size: ${d_steps}
name: ${hydra:runtime.choices.loss}
hydra:
  sweep: {dir: '${output_dir}/mine/now'}
  sweeper: {params: {seed: 'range(0,2)', optimizer.generator.lr: '1e-3,1e-4'}}
"""
    line = check_command_line("train", Config, ["study=mine"], folder(study__mine=text), multirun=True)
    assert line.problems == []
    assert [change.values for change in line.changes] == [("0", "1"), ("0.001", "0.0001"), ("mine",)]
    assert line.hydra.sweep.dir == "outputs/mine/now"


@pytest.mark.parametrize("key", ["output_dir", "metrics.extractors.native.cache_dir", "logger.tensorboard.save_dir"])
@pytest.mark.parametrize("value", ["/tmp/x", "../x", "~/x", "a/../../x", "file:x"])
def test_a_file_chooses_no_place_outside_the_output_folder(folder, key, value):
    keys = key.split(".")
    text = "# @package _global_\n" + "".join(f"{'  ' * i}{k}:\n" for i, k in enumerate(keys[:-1]))
    directory = folder(experiment__evil=f"{text}{'  ' * (len(keys) - 1)}{keys[-1]}: {value}\n")
    found = problems(directory, "experiment=evil")
    assert any(line.startswith(f"{key}: ") and "output folder" in line for line in found)
    if key == "output_dir" and "~" not in value:
        assert problems(directory, "experiment=evil", f"{key}={value}") == []


def test_to_choose_an_option_of_a_group_is_not_to_choose_the_places_in_it(folder):
    directory = folder(logger__evil="a: {_target_: pytorch_lightning.loggers.CSVLogger, save_dir: /tmp/hacked}\n")
    assert any(line.startswith("logger.a.save_dir: ") for line in problems(directory, "logger=evil"))
    assert problems(directory, "logger=evil", "logger.a.save_dir=/tmp/mine") == []


def test_a_place_of_a_sweeps_values_is_one_of_a_file(folder):
    text = "# @package _global_\nhydra: {sweeper: {params: {output_dir: '/tmp/a,/tmp/b'}}}\n"
    found = problems(folder(study__evil=text), "study=evil", multirun=True)
    assert any("'/tmp/b'" in line for line in found)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "a0: &a0 [x, x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)),
            "values",
        ),
        ("a: &a [*a]", "part of"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested"),
        ("a: " + "x" * 1_000_001, "longer"),
        ("a: !!python/object/apply:os.system [id]", "cannot be read"),
        ("a: !!binary x", "cannot be read"),
        ("? [a]\n: 1", "cannot be read"),
        ("a: 1\na: 2", "cannot be read"),
        ("\ud800".encode("utf-8", "surrogatepass"), "cannot be read"),
    ],
)
def test_bombs_and_what_is_no_config_are_refused(folder, tmp_path, text, reason):
    directory = folder(experiment__evil="")
    file = tmp_path / "experiment" / "evil.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    (line,) = problems(directory, "experiment=evil")
    assert line.startswith("experiment: ")
    assert reason in line
