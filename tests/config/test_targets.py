import pytest
import torch

from gan_experiments.config.sources import NotFound
from gan_experiments.config.targets import distrust, find_target


@pytest.mark.parametrize(
    "target",
    [
        "torch.load",
        "torch.hub.load",
        "torch.Tensor",
        "os.system",
        "builtins.eval",
        "pathlib.Path.unlink",
        "subprocess.Popen",
        "gan_experiments.cli._main.sys.exit",
        "gan_experiments.runs.folder.Path",
        "gan_experiments.runs.folder.yaml",
        "gan_experiments.core.contracts.nn.Module",
        "gan_experiments.training.build.construct",
        "gan_experiments.core.contracts.Tensor",
        "gan_experiments.cli._main._Job",
        "torch.optim.lr_scheduler",
        "torch.nn.functional.relu",
        "torch.nn.Module.load_state_dict",
        "torch.nn.init",
        "torchmetrics.functional.accuracy",
        "pytorch_lightning.cli.LightningCLI",
        "pytorch_lightning.seed_everything",
        "pytorch_lightning.Fabric",
        "gan_experiments",
        "gan_experimentsx.Evil",
        "",
        ".",
        "gan_experiments..x",
        "gan_experiments.\x1b[31m",
        None,
        3,
        ["torch.nn.ReLU"],
    ],
)
def test_what_a_config_may_not_name(target):
    with pytest.raises(NotFound):
        find_target(target)


def test_what_a_config_may_name():
    for target in ("torch.optim.Adam", "torch.nn.ReLU", "gan_experiments.losses.hinge.Hinge"):
        assert find_target(target).name == target.rpartition(".")[2]
    assert find_target("torch.nn.ReLU").load() is torch.nn.ReLU


def test_trust_opens_one_package_and_not_what_it_imports(package):
    name = package(one="from pathlib import Path\nclass One: ...")
    with pytest.raises(NotFound, match=rf"add trusted=\[{name}\]"):
        find_target(f"{name}.one.One")
    assert find_target(f"{name}.one.One", [name]).name == "One"
    with pytest.raises(NotFound, match="comes from pathlib"):
        find_target(f"{name}.one.Path", [name])


def test_trust_in_a_package_is_none_in_one_whose_name_begins_so(package, tmp_path):
    name = package()
    (tmp_path / f"{name}_evil.py").write_text("class One: ...")
    assert find_target(f"{name}_evil.One", [f"{name}_evil"]).name == "One"
    with pytest.raises(NotFound, match="is not in the packages"):
        find_target(f"{name}_evil.One", [name])


def test_what_cannot_be_trusted():
    assert distrust(["my_package", "a.b"]) == []
    assert len(distrust(["os", "torch", "builtins", "a b", "", 3, "os.path"])) == 7
