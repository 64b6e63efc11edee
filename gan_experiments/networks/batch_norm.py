"""Batch normalization over the batches of all processes."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn import functional as differentiable
from torch.nn.modules.batchnorm import _BatchNorm


class SynchronizedBatchNorm(_BatchNorm):
    """Batch normalization whose statistics in training are those of the batch of all processes.

    In evaluation and with one process it computes what its base class does. Unlike ``nn.SyncBatchNorm`` it also runs on
    the CPU and can be differentiated twice, as gradient penalties need. All processes have equally many samples.

    Attributes:
        alone: Whether it normalizes over the batch of this process all the same.
    """

    alone: bool = False

    def forward(self, input: Tensor) -> Tensor:
        """Normalize ``(B, C, ...)``, in float32; the result has the type of ``input``."""
        several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        if self.alone or not (self.training and several):
            return super().forward(input)
        self._check_input_dim(input)  # type: ignore[no-untyped-call]
        maps = input.float()
        count = dist.get_world_size() * maps.numel() // maps.shape[1]
        dims = [0, *range(2, maps.dim())]
        per_channel = [1, -1] + [1] * (maps.dim() - 2)
        mean = _sum_over_processes(maps.sum(dims)) / count
        centered = maps - mean.view(per_channel)
        variance = _sum_over_processes(centered.square().sum(dims)) / count
        self._track(mean, variance * count / (count - 1))
        normalized = centered * (variance + self.eps).rsqrt().view(per_channel)
        if self.affine:
            normalized = normalized * self.weight.view(per_channel) + self.bias.view(per_channel)
        result: Tensor = normalized.to(input.dtype)
        return result

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def synchronize_batch_norm(network: nn.Module) -> None:
    """Make every batch normalization of ``network`` a :class:`SynchronizedBatchNorm`, also those of derived classes."""
    for module in network.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, (SynchronizedBatchNorm, nn.SyncBatchNorm)):
            # Last of the bases: it stands between a derived class, which may call super().forward, and _BatchNorm.
            module.__class__ = type(type(module).__name__, (type(module), SynchronizedBatchNorm), {})


def _sum_over_processes(values: Tensor) -> Tensor:
    """Return the sum of all processes; in the backward pass their gradients are added up likewise."""
    total: Tensor = differentiable.all_reduce(values)  # type: ignore[no-untyped-call]
    return total
