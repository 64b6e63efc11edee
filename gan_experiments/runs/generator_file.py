"""The file of a trained generator, which needs only torch and safetensors to be loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import nn
from torch.nn.functional import normalize
from torch.overrides import TorchFunctionMode

from gan_experiments.config.annotations import model_of
from gan_experiments.config.arguments import checked
from gan_experiments.config.signatures import Slot
from gan_experiments.config.targets import TARGET, RefusedTargetError, find_class
from gan_experiments.core.contracts import Generator
from gan_experiments.core.files import write_tensors
from gan_experiments.core.memory import within_memory
from gan_experiments.core.text import first_line
from gan_experiments.core.translator import Translator
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.core.weights import hash_weights
from gan_experiments.runs.checkpoints import check_weights, load_weights
from gan_experiments.runs.hub import local_file


@checked
def load_generator(path: str | os.PathLike[str], trusted: Sequence[str] = ()) -> Generator | Translator:
    """Load ``generator.safetensors`` of a run: the EMA generator, on the CPU and in evaluation mode.

    ``generator(latents, labels)`` maps standard normal latents ``(B, generator.latent_dim)`` and, if
    ``generator.conditional``, labels ``(B,)`` to images ``(B, C, H, W)`` in [-1, 1]; ``generator.facts`` describes the
    data it was trained on. Untrusted files are safe to load: they contain tensors and text, and a file that names a
    class other than a generator of this package is refused. The file of a translator gives the translator from A to B.

    Args:
        path: The file, a ``Run``, a folder with it, such as that of a run, or ``hub:owner/name``, a repository of the
            Hugging Face Hub, of which nothing else is read.
        trusted: Other packages in which the class of a generator may be defined.

    Raises:
        ConfigError: The file is missing or damaged, or names another class; or the Hub does not have it.
    """
    path = local_file(os.fspath(path), "load_generator")
    weights, metadata = read_generator_file(path)
    try:
        architecture, facts = (json.loads(metadata[key]) for key in ("architecture", "facts"))
    except (KeyError, ValueError):
        raise ConfigError(f"{path}: not a generator of a run: its architecture and facts cannot be read") from None
    generator = _build(architecture, facts, trusted, path, weights)
    load_weights(generator, weights, Path(path))
    if metadata.get("checksum") not in (None, hash_weights(weights)):  # earlier versions wrote none
        raise ConfigError(f"{path}: damaged: its weights do not have the checksum that was written with them")
    return generator.eval().requires_grad_(False)


def write_generator_file(generator: Generator | Translator, images_seen: int, path: Path) -> None:
    """Write the weights of a generator, with its architecture and the data's facts as JSON metadata."""
    weights = {key: value.detach().cpu().contiguous() for key, value in generator.state_dict().items()}
    architecture: Any = generator.architecture
    metadata = {"architecture": json.dumps(architecture), "facts": json.dumps(generator.facts.as_dict())}
    metadata |= {"images_seen": str(images_seen), "checksum": hash_weights(weights)}
    write_tensors(path, weights, metadata)


def read_generator_file(path: Path) -> tuple[dict[str, torch.Tensor], Mapping[str, str]]:
    """Read the weights and the metadata of a file, without the network they are for.

    Raises:
        ConfigError: The file is missing or damaged.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ConfigError(f"{path}: damaged, or not a safetensors file: {error}") from None


def _build(
    architecture: Any, facts: Any, trusted: Sequence[str], path: str | Path, weights: Mapping[str, torch.Tensor]
) -> Generator | Translator:
    """Build the network of an architecture, if it is that of the weights, without changing the global random state."""
    try:
        if not isinstance(architecture, Mapping) or TARGET not in architecture:
            raise RefusedTargetError("its architecture names no class")
        network = find_class(architecture[TARGET], trusted)
        if not issubclass(network, (Generator, Translator)):
            raise RefusedTargetError(f"{_path(network)} is not a Generator or Translator")
        plain = {key: value for key, value in architecture.items() if key != TARGET}
        with torch.random.fork_rng(devices=[]), within_memory(str(path), plain):
            options = {key: _built(value, trusted) for key, value in plain.items()}
            model_of(cast(type, network), Slot(provided=frozenset({"facts"}))).model_validate(plain, context={})
            if bare := _without_storage(network, facts, options):  # a few bytes can ask for more than there is
                check_weights(bare, weights, Path(path))
            generator = network(DataFacts(**facts), **options)
    except ConfigError:
        raise
    except RefusedTargetError as error:
        raise ConfigError(f"{path}: refused: {error}") from None
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, detail["loc"]))
        raise ConfigError(f"{path}: its architecture cannot be built: {where}: {detail['msg']}") from None
    except Exception as error:  # whatever a constructor raises for what a stranger has written
        raise ConfigError(f"{path}: its architecture cannot be built: {first_line(error)}") from None
    return generator


def _without_storage(network: type[nn.Module], facts: Any, options: Mapping[str, Any]) -> nn.Module | None:
    """Build a network whose weights take no memory; ``None`` if it looks at their values, as a user's may."""
    try:
        with torch.device("meta"), _ShapesAlone():
            return network(DataFacts(**facts), **options)
    except (ConfigError, NotImplementedError, RuntimeError):
        return None


class _ShapesAlone(TorchFunctionMode):
    """Computes no largest singular values of weights without values: spectral normalization takes seconds for them."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (normalize, torch.mv) and args and args[0].is_meta:
            out = (kwargs or {}).get("out")
            return args[0].new_empty(args[0].shape[: args[0].dim() - (func is torch.mv)]) if out is None else out
        return func(*args, **(kwargs or {}))


def _built(value: Any, trusted: Sequence[str]) -> Any:
    """Return an option with its components built; only classes of ``torch.nn`` and of trusted packages are."""
    if isinstance(value, Mapping) and TARGET in value:
        part, allowed = find_class(value[TARGET], trusted), ("torch.nn", *trusted)
        if not _path(part).startswith(tuple(f"{package}." for package in allowed)):
            raise RefusedTargetError(f"{_path(part)} inside a generator is not of {' or '.join(allowed)}")
        return part(**{key: _built(item, trusted) for key, item in value.items() if key != TARGET})
    if isinstance(value, Mapping):
        return {key: _built(item, trusted) for key, item in value.items()}
    return [_built(item, trusted) for item in value] if isinstance(value, list) else value


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
