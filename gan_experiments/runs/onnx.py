"""A generator as ONNX, which other runtimes read; checked against torch before there is a file."""

from __future__ import annotations

import logging
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.files import replacing
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError

TOLERANCE = 1e-4  # largest difference from torch, images being in [-1, 1]
PACKAGES = ("onnx", "onnxruntime", "onnxscript")
_TALKATIVE = ("onnxscript", "onnx_ir")  # they tell of every graph they have simplified
_TRACED, _CHECKED = 2, (1, 2, 5)  # batch sizes


def require_onnx() -> None:
    """Refuse to go on without the packages of the extra.

    Raises:
        ConfigError: Names those that are missing, and how to get them.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigError(f"ONNX needs {', '.join(missing)}: pip install 'gan-experiments[onnx]'")


def export_onnx(generator: Generator, path: Path) -> float:
    """Write a generator as one ONNX file with the inputs ``latents`` and, if it is conditional, ``labels``.

    The batch size is free. ONNX Runtime must agree with torch before the file appears.

    Args:
        generator: On the CPU, in evaluation mode.
        path: The file; it is replaced.

    Returns:
        The largest difference between the two that was seen.

    Raises:
        ConfigError: A package is missing, torch cannot translate the network, or the two differ by more than 1e-4.
    """
    require_onnx()
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    inputs = _inputs(generator, _TRACED)
    batch = torch.export.Dim("batch")
    with replacing(path) as temporary, warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings("ignore", message=".*axis name: batch will not be used.*")  # of labels: it is the same
        try:
            torch.onnx.export(
                generator, tuple(inputs.values()), str(temporary), dynamo=True, external_data=False, verbose=False,
                input_names=list(inputs), output_names=["images"], dynamic_shapes=tuple({0: batch} for _ in inputs),
            )  # fmt: skip
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            raise ConfigError(f"{type(generator).__name__} cannot be written as ONNX: {_root(error)}") from error
        difference = max(_difference(generator, temporary, size) for size in _CHECKED)
        if not difference <= TOLERANCE:
            raise ConfigError(f"ONNX Runtime is {difference:.2g} from torch, more than {TOLERANCE:g}: not written")
    return difference


def _root(error: BaseException) -> str:
    """Return the first line of what an error came from in the end."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _inputs(generator: Generator, batch: int) -> dict[str, Tensor]:
    stream = Stream("export", batch)
    inputs = {"latents": stream.normal(batch, generator.latent_dim)}
    if generator.conditional:
        inputs["labels"] = stream.integers(generator.facts.num_classes, batch)
    return inputs


def _difference(generator: Generator, path: Path, batch: int) -> float:
    import onnxruntime

    inputs = _inputs(generator, batch)
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
        images = session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]
    except Exception as error:  # the runtime's have no class of their own above them
        name = type(generator).__name__
        raise ConfigError(f"ONNX Runtime cannot run {name} on a batch of {batch}: {_root(error)}") from error
    return float((torch.from_numpy(images) - generator(*inputs.values())).abs().max())
