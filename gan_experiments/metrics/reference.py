"""The real images' side of a comparison, extracted once and kept in the cache folder."""

from __future__ import annotations

import glob
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

from gan_experiments.core.cache import cache_folder
from gan_experiments.core.distributed import from_all_processes
from gan_experiments.core.files import replacing
from gan_experiments.metrics.collect import KEPT, Collected, Collector, merged
from gan_experiments.metrics.extractors.base import Extractor, ImageSource, hash_weights
from gan_experiments.metrics.features import FeatureSet
from gan_experiments.metrics.moments import Moments
from gan_experiments.metrics.uncertainty import halved

_VERSION = 1  # of the file's content
_PART = 1000  # features that are added up at a time
_UNREADABLE = (SafetensorError, RuntimeError, KeyError, TypeError, ValueError, OSError)


class Reference:
    """Real images in the features of one extractor, from the cache if they have been extracted before.

    A file that keeps more than is asked for will do, and so will one that keeps features, whatever its splits.

    Args:
        data: The images.
        extractor: Prepared.
        keeps: What measures need of every image beside the moments.
        samples: Generated images that will be compared with them, which the real_baseline's splits are cut to.
        cache_dir: Where it is kept; ``None``: the user's cache folder.
    """

    def __init__(
        self, data: ImageSource, extractor: Extractor, keeps: Sequence[str], samples: int, cache_dir: str | None = None
    ) -> None:
        self.membership = halved(len(data.images), samples)
        self._data = data
        self._keeps = sorted(set(keeps) - {"labels"})  # they are the dataset's own
        of = {
            "version": _VERSION,
            "data": data.fingerprint,
            "images": len(data.images),
            "extractor": extractor.provenance(),
        }
        self._of = json.dumps(of, sort_keys=True)
        self._real_baseline = self.membership.sum(1).tolist()
        self._recipe = json.dumps(
            {"of": self._of, "keeps": self._keeps, "real_baseline": self._real_baseline}, sort_keys=True
        )
        self._name = f"{data.facts.name}-{extractor.name}-{_short_hash(self._of)}"
        folder = Path(cache_dir) if cache_dir else cache_folder()
        self.path = folder / "statistics" / f"{self._name}-{_short_hash(self._recipe)}.safetensors"

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
        path = self.path if self.path.exists() else self._with_more()
        if path is None:
            return None
        try:
            with safe_open(path, framework="pt") as file:
                tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
            recipe = json.loads(metadata["recipe"])
            if metadata["content"] == hash_weights(tensors) and recipe["of"] == self._of:
                placed = {name: values.to(_place(device)) for name, values in tensors.items()}
                return self._collected(placed, again=recipe["real_baseline"] != self._real_baseline)
        except _UNREADABLE:
            pass
        warnings.warn(f"{path} is damaged: the real images are extracted again", stacklevel=2)
        return None

    def _with_more(self) -> Path | None:
        """Find a file of the same images and extractor that keeps more, or keeps features for other splits."""
        for path in sorted(self.path.parent.glob(f"{glob.escape(self._name)}-*.safetensors")):
            try:
                with safe_open(path, framework="pt") as file:
                    recipe = json.loads(file.metadata()["recipe"])
                alike = recipe["real_baseline"] == self._real_baseline or "features" in recipe["keeps"]
                if alike and set(self._keeps) <= set(recipe["keeps"]):
                    return path
            except _UNREADABLE:
                continue
        return None

    def _collected(self, tensors: Mapping[str, Tensor], again: bool) -> Collected:
        labels = None if self._data.labels is None else self._data.labels.to(tensors["0.0.count"].device)
        if again:  # the splits are others, so their moments are added up from the features
            collector = Collector(self.membership, ())
            for start, part in enumerate(torch.split(tensors["features"], _PART)):
                collector.add(start * _PART, part, None, None)
            moments = collector.collected().moments
        else:
            moments = self._stored(tensors)
        whole = FeatureSet(merged(moments[0]), tensors.get("features"), tensors.get("logits"), labels)
        return Collected(whole, self.membership, moments)

    def _stored(self, tensors: Mapping[str, Tensor]) -> list[list[Moments]]:
        states: dict[str, dict[str, Tensor]] = {}
        for name, values in tensors.items():
            place, dot, key = name.rpartition(".")
            if dot:
                states.setdefault(place, {})[key] = values
        splits = range(len(self.membership))
        return [[Moments.from_state(states[f"{split}.{part}"]) for part in range(2)] for split in splits]

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


def _short_hash(recipe: str) -> str:
    return hashlib.blake2b(recipe.encode(), digest_size=8).hexdigest()


def _place(device: torch.device) -> Any:
    return "cpu" if device.type == "mps" else device
