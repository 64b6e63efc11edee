"""Reads the weights that another run begins with: from a run folder, a checkpoint, a generator's file, or the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder, how_to_import
from gan_experiments.runs.hub import FILE, is_hub, local_file

if TYPE_CHECKING:
    from torch import Tensor

_FILE = ".safetensors"
_PREFIXES = {"ema": "ema.module.", "raw": "generator."}  # of the generator in a checkpoint


class Source(NamedTuple):
    """Weights to begin with.

    Attributes:
        weights: Of each network by its name: names in the network to tensors.
        origin: Where they come from, for the record: plain values.
    """

    weights: dict[str, dict[str, Tensor]]
    origin: dict[str, Any]


def find_source(init_from: str) -> Path:
    """Return the file of weights that ``init_from`` stands for, downloaded from the Hub if need be; imports no torch.

    Raises:
        ConfigError: There is none.
    """
    if is_hub(init_from):
        return local_file(init_from, "init_from")
    path = Path(init_from).expanduser()
    if (path / FILE).is_file() and not RunFolder(path).config_file.is_file():
        return path / FILE
    if path.is_dir():
        run = RunFolder(path)
        if not run.config_file.is_file():
            raise ConfigError(f"init_from: {path} is not a run folder: config.yaml is missing")
        path = run.checkpoint("last")
    if not path.is_file():
        hint = how_to_import(path) or "; of the Hub: hub:owner/name"
        raise ConfigError(f"init_from: there is no run folder and no file {path}{hint}")
    if path.suffix not in (_FILE, ".ckpt"):
        text = f"init_from: {path} is no run folder, no checkpoint (.ckpt) and no generator ({_FILE})"
        raise ConfigError(f"{text}{how_to_import(path)}")
    return path


def read_source(init_from: str, generator: str = "ema") -> Source:
    """Read the weights of all networks of a source.

    Args:
        init_from: A run folder, a checkpoint, the file of a generator, a folder with that, or ``hub:owner/name``.
        generator: The averaged generator, ``ema``, or the ``raw`` one.

    Raises:
        ConfigError: There is no such source, it is damaged, or has no raw generator.
    """
    path = find_source(init_from)
    from gan_experiments.core.weights import hash_weights

    if path.suffix == _FILE:
        if generator == "raw":
            raise ConfigError(f"init.generator: {path} holds the averaged generator only")
        from gan_experiments.runs.generator_file import read_generator_file

        weights, metadata = read_generator_file(path)
        networks = {"generator": weights}
        seen: Any = metadata.get("images_seen")
        folder = RunFolder(path.parent)
    else:
        from gan_experiments.runs.checkpoints import below, load_checkpoint

        checkpoint = load_checkpoint(path)
        prefixes = {"generator": _PREFIXES[generator], "discriminator": "discriminator.", "encoder": "encoder."}
        networks = {name: below(checkpoint["state_dict"], prefix) for name, prefix in prefixes.items()}
        seen, folder = checkpoint["images_seen"], RunFolder(path.parent.parent)
    networks = {name: weights for name, weights in networks.items() if weights}
    hashes = {name: hash_weights(weights) for name, weights in networks.items()}
    return Source(networks, {"file": str(path.resolve()), "images_seen": seen, "hashes": hashes} | _run(folder))


def _run(folder: RunFolder) -> dict[str, Any]:
    """Return what the record of the run of a source says of it."""
    record = folder.record()
    dataset = record.get("dataset")
    known = {"dataset": dataset.get("name") if isinstance(dataset, Mapping) else None, "seed": record.get("seed")}
    known |= {key: record.get(key) for key in ("git", "imported", "init_from")}
    return {key: value for key, value in known.items() if value is not None}
