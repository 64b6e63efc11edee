"""The names of the package, which are imported when they are used."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import gan_experiments

FUNCTIONS = ("compose", "train", "load_run", "evaluate", "compare", "load_generator")
CLASSES = ("Run", "Comparison", "EvaluationResult", "ConfigError", "DivergedError")


def test_the_names_of_the_api():
    assert set(gan_experiments.__all__) == {*FUNCTIONS, *CLASSES}
    assert dir(gan_experiments) == sorted(gan_experiments.__all__)  # and nothing that the module itself imports
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gan_experiments.nothing


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_typed_and_documented(name):
    function = getattr(gan_experiments, name)
    signature = inspect.signature(function)
    assert "Raises:" in function.__doc__
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(each.annotation is not inspect.Parameter.empty for each in signature.parameters.values())
    assert all(each in function.__doc__ for each in signature.parameters)


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_and_errors_of_names_need_no_torch(tmp_path):
    code = """
import sys
from pathlib import Path
import gan_experiments
assert {"torch", "hydra", "omegaconf", "numpy"}.isdisjoint(sys.modules)
for function in (gan_experiments.compose, gan_experiments.train):
    try:
        function(["model=dcgn", "seed=x"])
    except gan_experiments.ConfigError as error:
        assert len(error.problems) == 2
    else:
        raise AssertionError
run = gan_experiments.Run("nowhere")
run.status, run.record, repr(run), run._repr_html_()
assert callable(gan_experiments.compare)
assert {"torch", "pytorch_lightning"}.isdisjoint(sys.modules)
assert "matplotlib.pyplot" not in sys.modules
"""
    run(code)


@pytest.mark.slow
def test_a_function_is_not_hidden_by_a_package_of_its_name():
    run("import gan_experiments.cli.compare, gan_experiments as gan\nassert all(map(callable, map(gan.__getattr__, "
        "gan.__all__)))\nassert all(callable(getattr(gan, name)) for name in gan.__all__)")  # fmt: skip


def test_every_way_to_install_asks_for_the_same():
    root = Path(__file__).parent.parent
    text = (root / "pyproject.toml").read_text()
    needed = re.findall(r'^    "([^"]+)",', text.partition("\ndependencies = [")[2].partition("\n]")[0], re.MULTILINE)
    names = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
    conda = yaml.safe_load((root / "environment.yml").read_text())["dependencies"]
    listed = [each for each in conda if isinstance(each, str) and not each.startswith(("python=", "pip"))]
    assert listed == [re.sub(r"^(torch|matplotlib)\b(?![a-z-])", lambda name: names[name[0]], each) for each in needed]
    copied = re.findall(r"^COPY (.+) \S+$", (root / "Dockerfile").read_text(), re.MULTILINE)
    allowed = set((root / ".dockerignore").read_text().split())
    for name in " ".join(copied).split():
        assert (root / name).exists(), name
        assert f"!{name}" in allowed
    packed = re.search(r"^only-include = \[(.*)\]", text, re.MULTILINE)[1]
    assert set(re.findall(r'"(\w+)"', packed)) <= set(" ".join(copied).split()), "what the wheel has, the image has"
