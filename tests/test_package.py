"""The names of the package, which are imported when they are used."""

import inspect
import subprocess
import sys

import pytest

import gan_experiments

FUNCTIONS = ("compose", "train", "load_run", "evaluate", "compare", "load_generator")
CLASSES = ("Run", "Comparison", "EvaluationResult", "ConfigError", "DivergedError")


def test_the_names_of_the_api():
    assert set(gan_experiments.__all__) == {*FUNCTIONS, *CLASSES}
    assert set(gan_experiments.__all__) <= set(dir(gan_experiments))
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


def test_a_function_is_not_hidden_by_a_package_of_its_name():
    run("import gan_experiments.cli.compare, gan_experiments as gan\nassert all(map(callable, map(gan.__getattr__, "
        "gan.__all__)))\nassert all(callable(getattr(gan, name)) for name in gan.__all__)")  # fmt: skip
