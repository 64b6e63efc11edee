"""Compares runs bit for bit."""

import csv

import torch
from safetensors.torch import load_file

from gan_experiments.runs.checkpoints import load_checkpoint


def assert_same(one, other, where="checkpoint"):
    """Compare containers and tensors bit for bit."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            if "seconds" not in str(key):
                assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{where}[{index}]")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    else:
        assert one == other, where


def assert_same_run(one, other):
    for name in ("last", "best"):
        left, right = (load_checkpoint(run.checkpoint(name)) for run in (one, other))
        for part in ("state_dict", "optimizer_states", "callbacks", "statistics", "images_seen"):
            assert_same(left[part], right[part], f"{name}.{part}")
    left, right = (
        [{key: value for key, value in row.items() if not key.startswith("speed/")} for row in rows(run)]
        for run in (one, other)
    )
    assert left == right
    assert len({row["images_seen"] for row in left}) == len(left)
    assert_same(load_file(one.generator_file), load_file(other.generator_file))
    pictures = [{path.name: path.read_bytes() for path in run.samples.iterdir()} for run in (one, other)]
    assert pictures[0] == pictures[1]


def rows(run):
    with run.metrics_file.open() as file:
        return list(csv.DictReader(file))
