import subprocess
import sys

import pytest
import torch

from gan_experiments.config.targets import RefusedTargetError, find_class, to_trust, untrustworthy

HOSTILE = [
    "torch.load",
    "torch.hub.load",
    "torch.Tensor",
    "os.system",
    "builtins.eval",
    "pathlib.Path.unlink",
    "subprocess.Popen",
    "gan_experiments.cli._command.sys.exit",
    "gan_experiments.cli._command.command",
    "gan_experiments.cli.train.main",
    "gan_experiments.runs.folder.Path",
    "gan_experiments.runs.folder.yaml",
    "gan_experiments.core.contracts.nn.Module",
    "gan_experiments.training.build.construct",
    "gan_experiments.core.contracts.Tensor",
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
]


@pytest.mark.parametrize("target", HOSTILE)
def test_what_a_config_may_not_name(target):
    with pytest.raises(RefusedTargetError) as refusal:
        find_class(target)
    assert str(refusal.value).isprintable()


def test_what_a_config_may_name():
    for target in ("torch.optim.Adam", "torch.nn.ReLU", "gan_experiments.losses.hinge.Hinge"):
        assert find_class(target).__name__ == target.rpartition(".")[2]
    assert find_class("torch.nn.ReLU") is torch.nn.ReLU


def test_trust_opens_one_package_and_not_what_it_imports(package):
    name = package(one="from pathlib import Path\nclass One: ...")
    with pytest.raises(RefusedTargetError, match=rf"add trusted=\[{name}\]"):
        find_class(f"{name}.one.One")
    assert find_class(f"{name}.one.One", [name]).__name__ == "One"
    with pytest.raises(RefusedTargetError, match=r"'pathlib\.\S*Path' is not in the packages"):
        find_class(f"{name}.one.Path", [name])


def test_trust_in_a_package_is_none_in_one_whose_name_begins_so(package, tmp_path):
    name = package()
    (tmp_path / f"{name}_evil.py").write_text("class One: ...")
    assert find_class(f"{name}_evil.One", [f"{name}_evil"]).__name__ == "One"
    with pytest.raises(RefusedTargetError, match="is not in the packages"):
        find_class(f"{name}_evil.One", [name])


def test_nothing_outside_the_allow_list_is_imported(package, tmp_path):
    name = package(__init__="from pathlib import Path\nPath('imported').touch()", one="class One: ...")
    code = "from gan_experiments.config.targets import find_class, RefusedTargetError\n"
    code += "import sys\nfor target in sys.argv[1:]:\n"
    code += "    try: find_class(target)\n    except RefusedTargetError: pass\n    else: raise SystemExit(target)\n"
    targets = [f"{name}.one.One", f"{name}.One", f"{name}", f"gan_experiments.{name}.One", f"torch.nn.{name}.One"]
    subprocess.run([sys.executable, "-c", code, *targets], cwd=tmp_path, check=True)
    assert not (tmp_path / "imported").exists()


def test_a_hostile_target_imports_nothing():
    code = "import sys\nfrom gan_experiments.config.targets import find_class, RefusedTargetError\n"
    code += "before = set(sys.modules)\nfor target in sys.argv[1:]:\n"
    code += "    try: find_class(target)\n    except RefusedTargetError: pass\n"
    code += "print(sorted(set(sys.modules) - before))"
    hostile = ["torch.load", "torch.hub.load", "os.system", "subprocess.Popen", "webbrowser.open", "this.Zen", ""]
    hostile += [
        "gan_experiments.cli.train.main",
        "antigravity.Fly",
        "gan_experimentsx.Evil",
        "torch.utils.data.Dataset",
    ]
    done = subprocess.run([sys.executable, "-c", code, *hostile], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("init", "path"),
    [
        ("from .one import One as Other", "Other"),
        ("from PACKAGE.one import One", "One"),
        ("from .sub import *", "One"),
        ("from .sub import One", "One"),
        ("try:\n    from .one import One\nexcept ImportError:\n    One = None", "One"),
        ("def __getattr__(name):\n    from .one import One\n    return One", "Lazy"),
    ],
)
def test_reexports_are_followed(package, init, path):
    name = package(__init__=init, one="class One: ...", sub__of____init__="from ..one import One")
    assert find_class(f"{name}.{path}", [name]).__module__ == f"{name}.one"


def test_a_class_is_suggested_and_not_the_module_of_its_name():
    with pytest.raises(RefusedTargetError, match="did you mean 'Adam'"):
        find_class("torch.optim.Adamm")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("one.Oen", "did you mean 'One'"),
        ("oen.One", "did you mean 'one'"),
        ("one.One.method", "there is no module One in PACKAGE.one"),
        ("one.sys.exit", "there is no module sys in PACKAGE.one"),
        ("one.f", "of type function"),
        ("one.value", "of type int"),
        ("one", "of type module"),
        ("one.path", "of type module"),
    ],
)
def test_a_path_that_names_no_class_is_explained(package, target, reason):
    name = package(
        one="import sys, json.decoder as path\nclass One:\n    def method(self): ...\ndef f(): ...\nvalue = 3\n"
    )
    with pytest.raises(RefusedTargetError) as refusal:
        find_class(f"{name}.{target}", [name])
    assert reason.replace("PACKAGE", name) in str(refusal.value)


def test_a_package_that_is_not_there():
    with pytest.raises(RefusedTargetError, match=r"no package no_such_package; .* PYTHONPATH"):
        find_class("no_such_package.one.One", ["no_such_package"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("class One(:", "SyntaxError"),
        ("from nowhere_at_all import Base", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("from PACKAGE.two import X", "ImportError"),
        ("raise RuntimeError('one\\ntwo\\x1b[31m')", "RuntimeError: one"),
        ("raise RuntimeError('x' * 10**6)", "RuntimeError: xxx"),
        ("import sys\nsys.exit('bye')", "SystemExit: bye"),
    ],
)
def test_a_trusted_module_that_cannot_be_imported_is_one_line(package, text, reason):
    name = package(one=text, two="from PACKAGE.one import X")
    with pytest.raises(RefusedTargetError) as refusal:
        find_class(f"{name}.one.One", [name])
    line = str(refusal.value)
    assert line.startswith(f"{name}.one cannot be imported: {reason}")
    assert line.isprintable()
    assert len(line) < 300


@pytest.mark.parametrize("name", ["{}", "torch.nn.{}", "gan_experiments.{}.One", "gan_experiments.cli.{}", "{}.One"])
def test_a_long_target_is_shortened(name):
    with pytest.raises(RefusedTargetError) as refusal:
        find_class(name.format("x" * 10**6))
    assert len(str(refusal.value)) < 500


def test_what_cannot_be_trusted():
    assert untrustworthy(["my_package", "a.b"]) == []
    assert len(untrustworthy(["os", "torch", "builtins", "a b", "", 3, "os.path"])) == 7


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("gan_experiment.losses.hinge.Hinge", "; did you mean gan_experiments.losses.hinge.Hinge?"),
        ("torch.optm.SGD", "; did you mean torch.optim.SGD?"),
        ("torchvision.models.ResNet", "; if torchvision is yours, add trusted=[torchvision]"),
        ("torch.hub.load", "pytorch_lightning)"),
        (
            "gan_experiments.losses.hinge",
            "but of type module; did you mean gan_experiments.losses.hinge.Hinge?",
        ),
        ("gan_experiments.core.checks", "; its classes are ConfigView, Problem"),
        ("hinge", "'hinge' is not the dotted path of a class, such as torch.nn.ReLU"),
    ],
)
def test_a_target_that_is_nearly_right_is_answered_with_the_right_one(target, said):
    with pytest.raises(RefusedTargetError) as refusal:
        find_class(target)
    assert str(refusal.value).endswith(said)


def test_a_package_that_does_not_exist_is_looked_for_beside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RefusedTargetError, match=r"there is no package my_parst; put PYTHONPATH=FOLDER before"):
        find_class("my_parst.One", ["my_parst"])
    (tmp_path / "my_parts.py").touch()
    with pytest.raises(RefusedTargetError, match=r"there is no package my_parst; did you mean 'my_parts'\?$"):
        find_class("my_parst.One", ["my_parst"])


def test_what_has_to_be_trusted_for_a_class():
    assert to_trust("mine.One") == ("mine",)
    assert to_trust("mine.One", ["other"]) == ("other", "mine")
    assert to_trust("mine.One", ["mine"]) == to_trust("torch.nn.ReLU") == to_trust("os.system") == ()
