import pytest
import torch

from gan_experiments.core import torch_version as versions
from gan_experiments.core import types
from gan_experiments.core.types import ConfigError, DataFacts


def test_the_version_is_the_one_that_runs():
    major, minor = versions.torch_version()
    assert torch.__version__.startswith(f"{major}.{minor}.")


@pytest.mark.parametrize(("installed", "old"), [("2.9.1+cu128", True), ("2.10.0", False), ("3.0.0a1", False)])
def test_versions_are_compared_as_numbers(monkeypatch, installed, old):
    versions.torch_version.cache_clear()
    monkeypatch.setattr(versions, "version", lambda _: installed)
    text = versions.too_old((2, 10))
    versions.torch_version.cache_clear()
    assert text == ("torch 2.10 or newer, this is 2.9.1+cu128" if old else "")


def test_data_of_sixteen_bits_are_refused_where_torch_cannot_index_them(monkeypatch):
    monkeypatch.setattr(types, "too_old", lambda least: f"torch {least}, this is 2.6")
    assert DataFacts("shallow", 8, 1).bits == 8
    with pytest.raises(ConfigError, match=r"^dataset.bits: images of 16 bits need torch \(2, 10\), this is 2.6"):
        DataFacts("deep", 8, 1, bits=16)
