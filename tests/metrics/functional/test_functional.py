"""The public functions of the package."""

import inspect

import pytest

from gan_experiments.metrics import functional


@pytest.mark.parametrize("name", functional.__all__)
def test_every_export_is_documented_and_typed(name):
    exported = getattr(functional, name)
    assert exported.__module__.startswith("gan_experiments.metrics.functional")
    assert inspect.getdoc(exported)
    if inspect.isfunction(exported):
        assert set(exported.__annotations__) == {*inspect.signature(exported).parameters, "return"}
