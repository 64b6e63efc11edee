"""Reference statistics: features and moments of the real images, extracted once and cached."""

from __future__ import annotations

import glob
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gan_experiments.core.cache import cache_folder, read_or_make, short_hash, write_cached
from gan_experiments.core.distributed import all_gather
from gan_experiments.core.randomness import Stream
from gan_experiments.core.weights import hash_weights
from gan_experiments.metrics.collect import FeatureStates, cpu_if_mps
from gan_experiments.metrics.extractors.base import Extracted, Extractor, ImageSource, extract
from gan_experiments.metrics.feature_set import PER_IMAGE, FeatureSet, PartitionedFeatures, merge_moments
from gan_experiments.metrics.functional.expected_frechet import BASELINE_PARTS
from gan_experiments.metrics.moments import Moments
from gan_experiments.metrics.processes import Processes

_VERSION = 2  # of the content of the file
_READ_ERRORS = (SafetensorError, RuntimeError, KeyError, TypeError, ValueError, OSError)


class RealFeatures(FeatureStates):
    """Features of real images, collected as any metric collects them, from the image ``position`` of this process on.

    ``membership`` is the part that each image belongs to: int64, ``(N,)``.
    """

    def __init__(self, membership: Tensor, keeps: Iterable[str], position: int) -> None:
        super().__init__()
        self._membership = membership
        self._parts = int(membership.max()) + 1
        self._position = position
        self.keep("real", ["moments", *keeps])

    def update(self, images: Extracted, labels: Tensor | None = None) -> None:
        """Add the features of the next images."""
        chosen = slice(self._position, self._position + len(images.features))
        self._position = chosen.stop
        self.collect("real", self._membership[chosen], self._parts, *images, labels)

    def compute(self) -> PartitionedFeatures:
        """Return the images of all processes."""
        return self.collected("real", self._membership)


class ReferenceStatistics:
    """Real images in the features of one extractor, read from the cache if they have been extracted before.

    A file that keeps more of every image than is needed is used too. The extractor has been prepared.
    """

    def __init__(self, data: ImageSource, extractor: Extractor, keeps: Sequence[str]) -> None:
        # Whatever the seed of a run: runs on one dataset share their real baseline.
        self.membership = Stream("real baseline", "parts").permutation(len(data.images)) % BASELINE_PARTS
        self._data = data
        self._extractor = extractor
        self._keeps = sorted(set(keeps) - {"labels", "moments"})  # the dataset has the labels; moments are always kept
        source = {
            "version": _VERSION,
            "data": data.fingerprint,
            "images": len(data.images),
            "extractor": extractor.provenance(),
        }
        self._source = json.dumps(source, sort_keys=True)
        self._recipe = json.dumps({"of": self._source, "keeps": self._keeps}, sort_keys=True)
        self._name = f"{data.facts.name}-{extractor.name}-{short_hash(self._source)}"
        self.path = cache_folder() / "statistics" / f"{self._name}-{short_hash(self._recipe)}.safetensors"

    def get(self, batch_size: int, device: torch.device, processes: Processes) -> PartitionedFeatures:
        """Read the statistics onto a device, or extract them there together with the other processes and write them.

        Raises:
            OSError: The file cannot be written.
        """
        count = len(self._data.images)
        first = processes.batches(count, batch_size)[0][0]

        def extract_all() -> PartitionedFeatures:
            return self._extract(first, processes.each_batch(count, batch_size), device)

        if processes.world_size == 1:
            statistics = read_or_make(self.path, lambda: self._read(device), lambda: self._write(extract_all()))
        else:
            # Extraction needs all ranks, so either all of them read or none does, and none may wait for a lock.
            cached = self._read(device)
            everywhere = all(all_gather(cached is not None))
            statistics = cached if cached is not None and everywhere else extract_all()
            if processes.rank == 0 and not everywhere:
                self._write(statistics)
        statistics.whole.num_classes = self._data.facts.num_classes
        statistics.whole.trained = self._data.trained
        statistics.source = self._source
        return statistics

    def _extract(self, first: int, batches: Iterable[tuple[int, int]], device: torch.device) -> PartitionedFeatures:
        labels = None if self._data.labels is None else self._data.labels.to(device)
        network = self._extractor.to(device)
        features = RealFeatures(self.membership, (*self._keeps, "labels"), first)
        for start, stop in batches:
            extracted = extract(network, self._data.images[start:stop].to(device))
            if features.device != (target := cpu_if_mps(extracted.features)[0].device):
                features.to(target)
            features.update(extracted, None if labels is None else labels[start:stop])
        return features.compute()

    def _read(self, device: torch.device) -> PartitionedFeatures | None:
        path = self.path if self.path.exists() else self._find_compatible()
        if path is None:
            return None
        try:
            with safe_open(path, framework="pt") as file:
                tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
            recipe = json.loads(metadata["recipe"])
            if metadata["content"] == hash_weights(tensors) and recipe["of"] == self._source:
                target = "cpu" if device.type == "mps" else device
                tensors = {name: values.to(target) for name, values in tensors.items()}
                return self._from_tensors(tensors)
        except _READ_ERRORS:
            pass
        warnings.warn(f"{path} is damaged: the real images are extracted again", stacklevel=2)
        return None

    def _find_compatible(self) -> Path | None:
        """Return a file of the same images and extractor that keeps more."""
        for path in sorted(self.path.parent.glob(f"{glob.escape(self._name)}-*.safetensors")):
            try:
                with safe_open(path, framework="pt") as file:
                    recipe = json.loads(file.metadata()["recipe"])
                if set(self._keeps) <= set(recipe["keeps"]):
                    return path
            except _READ_ERRORS:
                continue
        return None

    def _from_tensors(self, tensors: Mapping[str, Tensor]) -> PartitionedFeatures:
        labels = None if self._data.labels is None else self._data.labels.to(tensors["0.0.count"].device)
        heads = [f"0.{part}." for part in range(int(self.membership.max()) + 1)]
        moments = [
            Moments.from_state({name.removeprefix(head): tensors[name] for name in tensors if name.startswith(head)})
            for head in heads
        ]
        whole = FeatureSet(merge_moments(moments), tensors.get("features"), tensors.get("logits"), labels)
        return PartitionedFeatures(whole, self.membership, moments)

    def _write(self, statistics: PartitionedFeatures) -> PartitionedFeatures:
        tensors = {
            f"0.{part}.{key}": values
            for part, moments in enumerate(statistics.moments)
            for key, values in moments.state().items()
        }
        kept = {name: getattr(statistics.whole, name) for name in PER_IMAGE if name in self._keeps}
        tensors |= {name: values for name, values in kept.items() if values is not None}
        tensors = {name: values.cpu().contiguous() for name, values in tensors.items()}
        metadata = {"recipe": self._recipe, "content": hash_weights(tensors)}
        write_cached(self.path, tensors, metadata)
        return statistics
