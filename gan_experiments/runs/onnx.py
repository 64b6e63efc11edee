"""Exports a generator to ONNX and checks the file against torch."""

from __future__ import annotations

import json
import logging
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from gan_experiments.core.contracts import Generator
from gan_experiments.core.files import replacing
from gan_experiments.core.randomness import Stream
from gan_experiments.core.text import first_line
from gan_experiments.core.torch_version import too_old
from gan_experiments.core.translator import Translator
from gan_experiments.core.types import ConfigError

TOLERANCE = 1e-4  # largest difference from torch; images are in [-1, 1]
PACKAGES = ("onnx", "onnxruntime", "onnxscript")
_VERBOSE = ("onnxscript", "onnx_ir")  # loggers that report every simplified graph
_TRACED, _CHECKED = 2, (1, 2, 5)  # batch sizes
_EXPORTS_ALL = (2, 8)  # a version of torch that exports every network of ours; 2.6 lacks batch norm


def require_onnx() -> None:
    """Check that the packages of the extra ``onnx`` are installed.

    Raises:
        ConfigError: Names the missing ones, and how to install them.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ConfigError(f"ONNX needs {', '.join(missing)}: pip install 'gan-experiments[onnx]'")


def export_onnx(generator: Generator | Translator, path: Path) -> float:
    """Write a generator as one ONNX file with the inputs ``latents`` and, if it is conditional, ``labels``.

    The file of a translator has the input ``inputs``, of the size that it was trained on. The batch size is dynamic.
    Metadata of the model say what goes in, what comes out, and of which data it is. The file is written only if ONNX
    Runtime agrees with torch.

    Args:
        generator: The generator or translator, on the CPU and in evaluation mode.
        path: The file, which is replaced.

    Returns:
        The largest observed difference between the two.

    Raises:
        ConfigError: A package is missing, torch cannot export the network, or the outputs differ by more than 1e-4.
    """
    require_onnx()
    for name in _VERBOSE:
        logging.getLogger(name).setLevel(logging.WARNING)
    inputs = _inputs(generator, _TRACED)
    batch = torch.export.Dim("batch")
    with replacing(path) as temporary, warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings("ignore", message=".*axis name: batch will not be used.*")  # labels share it
        try:
            torch.onnx.export(
                generator, tuple(inputs.values()), str(temporary), dynamo=True, external_data=False, verbose=False,
                input_names=list(inputs), output_names=["images"], dynamic_shapes=tuple({0: batch} for _ in inputs),
            )  # fmt: skip
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            newer = f"; more networks can be, with {least}" if (least := too_old(_EXPORTS_ALL)) else ""
            name = type(generator).__name__
            raise ConfigError(f"{name} cannot be exported to ONNX: {_root(error)}{newer}") from error
        _add_metadata(generator, temporary)
        difference = max(_difference(generator, temporary, size) for size in _CHECKED)
        if not difference <= TOLERANCE:
            raise ConfigError(f"ONNX Runtime is {difference:.2g} from torch, more than {TOLERANCE:g}: not written")
    return difference


def _add_metadata(generator: Generator | Translator, path: Path) -> None:
    """Add to a file what a script needs that has nothing else; ONNX Runtime shows it as the model's metadata."""
    import onnx

    model = onnx.load(str(path))
    facts = generator.facts
    size = f"{facts.height}, {facts.width}) in [-1, 1]"
    if isinstance(generator, Translator):
        given = {"inputs": f"float32 (batch, {generator.input_channels}, {size}"}
    else:
        given = {"latents": f"float32 (batch, {generator.latent_dim}), standard normal"}
        if generator.conditional:
            given["labels"] = f"int64 (batch), 0 to {facts.num_classes - 1}"
    described = {
        **given,
        "images": f"float32 (batch, {facts.channels}, {size}",
        "facts": json.dumps(facts.as_dict()),
        "architecture": json.dumps(getattr(generator, "architecture", None)),
        "producer": f"gan-experiments {version('gan-experiments')}",
    }
    onnx.helper.set_model_props(model, described)
    onnx.save(model, str(path))


def _root(error: BaseException) -> str:
    """Return the first line of the message of the error that caused ``error``."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)


def _inputs(generator: Generator | Translator, batch: int) -> dict[str, Tensor]:
    stream = Stream("export", batch)
    if isinstance(generator, Translator):
        size = generator.facts.shape[1:]
        return {"inputs": stream.uniform(batch, generator.input_channels, *size) * 2 - 1}
    inputs = {"latents": stream.normal(batch, generator.latent_dim)}
    if generator.conditional:
        inputs["labels"] = stream.integers(generator.facts.num_classes, batch)
    return inputs


def _difference(generator: Generator | Translator, path: Path, batch: int) -> float:
    import onnxruntime

    inputs = _inputs(generator, batch)
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
        images = session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]
    except Exception as error:  # the runtime's errors have no common base class
        name = type(generator).__name__
        raise ConfigError(f"ONNX Runtime cannot run {name} on a batch of {batch}: {_root(error)}") from error
    return float((torch.from_numpy(images) - generator(*inputs.values())).abs().max())
