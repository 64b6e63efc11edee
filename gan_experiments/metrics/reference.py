"""The real images' side of a comparison, extracted once and kept in the cache folder."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gan_experiments.cache import cache_folder
from gan_experiments.distributed import from_all_processes
from gan_experiments.files import replacing
from gan_experiments.metrics.collect import KEPT, Collected, merged
from gan_experiments.metrics.extractor import Extractor, ImageSource, hash_weights
from gan_experiments.metrics.features import FeatureSet
from gan_experiments.metrics.moments import Moments
from gan_experiments.metrics.uncertainty import halved

_VERSION = 1  # of the file's content


class Reference:
    """Real images in the features of one extractor, from the cache if they have been extracted before.

    Args:
        data: The images.
        extractor: Prepared.
        keeps: What measures need of every image beside the moments.
        samples: Generated images that will be compared with them, which the yardstick's splits are cut to.
        cache_dir: Where it is kept; ``None``: the user's cache folder.
    """

    def __init__(
        self, data: ImageSource, extractor: Extractor, keeps: Sequence[str], samples: int, cache_dir: str | None = None
    ) -> None:
        self.membership = halved(len(data.images), samples)
        self._data = data
        self._keeps = sorted(set(keeps) - {"labels"})  # they are the dataset's own
        self._recipe = json.dumps(
            {
                "version": _VERSION,
                "data": data.fingerprint,
                "images": len(data.images),
                "extractor": extractor.passport(),
                "keeps": self._keeps,
                "yardstick": self.membership.sum(1).tolist(),
            },
            sort_keys=True,
        )
        key = hashlib.blake2b(self._recipe.encode(), digest_size=8).hexdigest()
        folder = Path(cache_dir) if cache_dir else cache_folder()
        self.path = folder / "statistics" / f"{data.facts.name}-{extractor.name}-{key}.safetensors"

    def get(self, extract: Callable[[], Collected], device: torch.device, rank: int, world_size: int) -> Collected:
        """Read the statistics, or ``extract`` them together with the other processes and write them.

        Raises:
            OSError: They cannot be written.
        """
        found = self._read(device)
        here = found is not None
        # What processes do together must not depend on the rank.
        everywhere = here if world_size == 1 else all(from_all_processes(here))
        if found is not None and everywhere:
            return found
        collected = extract()
        if rank == 0:
            self._write(collected)
        return collected

    def _read(self, device: torch.device) -> Collected | None:
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
            if metadata["content"] == hash_weights(tensors) and metadata["recipe"] == self._recipe:
                return self._collected({name: values.to(_place(device)) for name, values in tensors.items()})
        except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError, OSError):
            pass
        warnings.warn(f"{self.path} is damaged: the real images are extracted again", stacklevel=2)
        return None

    def _collected(self, tensors: Mapping[str, Tensor]) -> Collected:
        states: dict[str, dict[str, Tensor]] = {}
        for name, values in tensors.items():
            place, dot, key = name.rpartition(".")
            if dot:
                states.setdefault(place, {})[key] = values
        splits = range(len(self.membership))
        moments = [[Moments.from_state(states[f"{split}.{part}"]) for part in range(2)] for split in splits]
        labels = None if self._data.labels is None else self._data.labels.to(tensors["0.0.count"].device)
        whole = FeatureSet(merged(moments[0]), tensors.get("features"), tensors.get("logits"), labels)
        return Collected(whole, self.membership, moments)

    def _write(self, collected: Collected) -> None:
        tensors = {
            f"{split}.{part}.{key}": values
            for split, parts in enumerate(collected.moments)
            for part, moments in enumerate(parts)
            for key, values in moments.state().items()
        }
        kept = {name: getattr(collected.whole, name) for name in KEPT if name in self._keeps}
        tensors |= {name: values for name, values in kept.items() if values is not None}
        tensors = {name: values.cpu().contiguous() for name, values in tensors.items()}
        metadata = {"recipe": self._recipe, "content": hash_weights(tensors)}
        with replacing(self.path) as temporary:
            save_file(tensors, temporary, metadata=metadata)


def _place(device: torch.device) -> Any:
    return "cpu" if device.type == "mps" else device
