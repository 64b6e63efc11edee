"""Batches of a dataset as a run would see them, without a trainer."""

import itertools
from contextlib import closing
from types import SimpleNamespace

import torch

from gan_experiments.core.clock import Clock


def loader(data, start=0, rank=0, world_size=1, device="cpu", batch_size=12):
    """Return the dataloader of a process, from a position of the clock on."""
    module = SimpleNamespace(clock=Clock(batch_size, budget=10**9, images_seen=start), seed=4)
    strategy = SimpleNamespace(root_device=torch.device(device))
    data.trainer = SimpleNamespace(lightning_module=module, world_size=world_size, global_rank=rank, strategy=strategy)
    return data.train_dataloader()


def first_batches(data, count, **options):
    """Return the first batches of a process; see ``loader`` for the options."""
    endless = iter(loader(data, **options))
    if not hasattr(endless, "close"):
        return list(itertools.islice(endless, count))
    with closing(endless):
        return list(itertools.islice(endless, count))
