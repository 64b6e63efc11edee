"""States of features: collected in batches, added up over processes by torchmetrics, in parts that can be left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat
from torchmetrics.utilities.distributed import gather_all_tensors

from gan_experiments.metrics.feature_set import PER_IMAGE, FeatureSet, PartitionedFeatures, merge_moments
from gan_experiments.metrics.moments import Moments

_HEAD = 3  # numbers before the tensors of a packed state: part, samples in the sums, features


def _live_name(state: str) -> str:
    """Return the name of the attribute that holds the moments of a state."""
    return f"_live_{state}"


class MomentsState:
    """A state of a metric that holds the moments of parts of a set, and is a list of tensors to torchmetrics.

    The list has a vector for each part, which says which part it is: lists of several processes, one after the other,
    add up when they are assigned.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._live = _live_name(name)

    def __get__(self, metric: Metric, owner: type | None = None) -> list[Tensor]:
        return [_pack(part, moments, metric.device) for part, moments in enumerate(vars(metric)[self._live])]

    def __set__(self, metric: Metric, packed: Sequence[Tensor]) -> None:
        vars(metric)[self._live] = _unpack(packed)


class FeatureStates(Metric):
    """A metric with states of the features of real and of generated images.

    ``real_features``, ``fake_features``, ``real_moments`` ...: lists, which are joined over processes.
    """

    full_state_update = False
    real_moments = MomentsState()
    fake_moments = MomentsState()

    def keep(self, side: str, names: Iterable[str]) -> None:
        """Add the states of the ``real`` or the ``fake`` images: ``moments``, ``features``, ``logits``, ``labels``."""
        for name in names:
            self.add_state(f"{side}_{name}", [], dist_reduce_fx=None if name == "moments" else "cat")

    def collect(self, side: str, membership: Tensor, parts: int, features: Tensor, logits: Any, labels: Any) -> None:
        """Add a batch to ``real`` or ``fake``: features ``(B, F)``, logits ``(B, K)`` and labels ``(B,)`` or ``None``.

        ``membership`` says to which of the ``parts`` each image belongs: int64, ``(B,)``.
        """
        features, logits, labels = cpu_if_mps(features, logits, labels)
        if f"{side}_moments" in self._defaults:
            self._add_to_moments(side, membership.to(features.device), parts, features.double())
        for name, values in zip(PER_IMAGE, (features.float(), logits, labels), strict=True):
            if f"{side}_{name}" in self._defaults and values is not None:
                getattr(self, f"{side}_{name}").append(values.float() if name == "logits" else values)

    def collected(self, side: str, membership: Tensor | None = None) -> PartitionedFeatures:
        """Return the images so far; ``membership`` ``(N,)`` of all of them, by default a single part."""
        moments = vars(self).get(_live_name(f"{side}_moments"), [])
        kept: dict[str, Any] = {name: self._kept(f"{side}_{name}") for name in PER_IMAGE}
        whole = FeatureSet(merge_moments(moments) if moments else None, **kept)
        if membership is None:
            membership = torch.zeros(len(whole), dtype=torch.int64)
        return PartitionedFeatures(whole, membership, moments)

    def _add_to_moments(self, side: str, membership: Tensor, parts: int, exact: Tensor) -> None:
        name = _live_name(f"{side}_moments")
        if not vars(self)[name]:
            vars(self)[name] = [Moments(exact.shape[1]) for _ in range(parts)]
        for index, part in enumerate(vars(self)[name]):
            part.update(exact[membership == index] if parts > 1 else exact)

    def _kept(self, state: str) -> Tensor | None:
        values = getattr(self, state) if state in self._defaults else []
        joined: Tensor | None = dim_zero_cat(values) if len(values) else None
        return joined if joined is not None and len(joined) else None


def gather_rows(values: Tensor, group: Any = None) -> list[Tensor]:
    """Return a state ``(B, ...)`` of all processes by rank; one without rows takes type and shape of the others.

    To torchmetrics a list without tensors is float32 ``(0,)``, which it cannot exchange with anything else.
    """
    kinds: list[Any] = [None] * dist.get_world_size(group)
    dist.all_gather_object(kinds, (values.numel(), values.dtype, values.shape[1:]), group)
    if not values.numel():
        _, dtype, shape = max(kinds, key=itemgetter(0))
        values = values.new_zeros(0, *shape, dtype=dtype)
    return gather_all_tensors(values, group)


def cpu_if_mps(*values: Any) -> tuple[Any, ...]:
    """Return tensors on MPS, which does not support float64, on the CPU, and everything else as it is."""
    return tuple(each.cpu() if each is not None and each.device.type == "mps" else each for each in values)


def _pack(part: int, moments: Moments, device: torch.device) -> Tensor:
    state = moments.state()
    summed, num_features = state.pop("count").tolist()
    head = torch.tensor([part, summed, num_features], dtype=torch.float64)
    tensors = [state[name].flatten() for name in ("shift", "sum", "products", "rows") if name in state]
    return torch.cat([head.to(tensors[0].device if tensors else device), *tensors])


def _unpack(packed: Sequence[Tensor]) -> list[Moments]:
    parts: dict[int, Moments] = {}
    for vector in packed:
        part, summed, size = (int(number) for number in vector[:_HEAD].tolist())
        state, rest = {"count": torch.tensor([summed, size])}, vector[_HEAD:].double()
        if summed:
            sums, rest = rest[: (2 + size) * size].view(-1, size), rest[(2 + size) * size :]
            state |= {"shift": sums[0], "sum": sums[1], "products": sums[2:]}
        if len(rest):
            state["rows"] = rest.view(-1, size)
        moments = Moments.from_state(state)
        if part in parts:
            parts[part].merge(moments)
        else:
            parts[part] = moments
    return [parts[part] for part in sorted(parts)]
