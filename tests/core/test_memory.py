import numpy as np
import pytest
import torch

from gan_experiments.core import memory
from gan_experiments.core.memory import show_bytes, total_memory, used_memory, within_memory
from gan_experiments.core.types import ConfigError

MANY = 10**13  # numbers: 40 TB


@pytest.mark.parametrize(
    "allocate",
    [
        lambda: torch.empty(MANY),
        lambda: torch.zeros(MANY, dtype=torch.uint8),
        lambda: torch.randn(MANY, generator=torch.Generator()),
        lambda: torch.randperm(MANY),
        lambda: torch.arange(MANY),
        lambda: torch.nn.Linear(10**7, 10**7),
        lambda: torch.empty(2**40, 2**40),
        lambda: torch.empty(10**30),
        lambda: np.zeros(10**15),
        lambda: torch.zeros(1).expand(MANY).contiguous(),
    ],
)
def test_what_no_machine_holds_is_an_error_of_the_config(allocate):
    text = r"^model.generator: too large for the .* of memory here \(channels=9\): "
    options = {"latent_dim": 3, "hidden": [4, 5], "channels": 9}
    with pytest.raises(ConfigError, match=text), within_memory("model.generator", options):
        allocate()


def test_allocations_are_refused_together_before_the_system_ends_the_process(monkeypatch):
    limit, kept = used_memory() + 2**28, []
    monkeypatch.setattr(memory, "total_memory", lambda: limit)
    with pytest.raises(ConfigError, match=r"needs another 134\.2 MB beside"), within_memory("dataset"):
        kept += [torch.ones(2**25) for _ in range(4)]


def test_other_errors_and_smaller_tensors_pass():
    with within_memory("dataset"):
        assert len(torch.randn(10, generator=torch.Generator().manual_seed(0)).clone()) == 10
    for error in (ConfigError("mine"), ValueError("odd"), KeyError("x")):
        with pytest.raises(type(error)), within_memory("dataset"):
            raise error


def test_numbers_drawn_are_those_that_are_drawn_without_it():
    expected = torch.randn(5, generator=torch.Generator().manual_seed(3))
    with within_memory("dataset"):
        assert torch.equal(torch.randn(5, generator=torch.Generator().manual_seed(3)), expected)


def test_sizes():
    assert 2**27 < used_memory() < total_memory()
    assert [show_bytes(size) for size in (0, 999, 1500, 2.5e9, 4e15)] == [
        "0.0 bytes",
        "999.0 bytes",
        "1.5 kB",
        "2.5 GB",
        "4,000.0 TB",
    ]
