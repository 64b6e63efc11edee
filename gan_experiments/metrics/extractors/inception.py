"""Inception features of published FIDs: TensorFlow's Inception network of 2015, from torch-fidelity.

Szegedy et al. 2016; its use for the Fréchet distance: Heusel et al. 2017. torch-fidelity, pytorch-fid and torchmetrics
have the same weights but resize images differently, so the resize is part of the name.
"""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils import fuse_conv_bn_eval

from gan_experiments.core.images import to_eight_bits
from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.core.weights import find_weights, hash_weights, read_weights, refuse_other_weights, sha256_of
from gan_experiments.metrics.extractors.base import Extractor, ImageSource

_SIZE = 299
_DIGEST = "6726825d"  # first digits of the SHA-256 of the published weights; part of the name of their file
_STAGES = (
    "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "MaxPool_2",
    "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e",
    "Mixed_7a", "Mixed_7b", "Mixed_7c",
)  # fmt: skip
_SPATIAL = ("Mixed_6d", 7)  # the stage whose 1x1 convolution sFID looks at (TensorFlow's mixed_6), and its channels
_PROBE = 16  # real images on which bfloat16 is compared with float32


class Inception(Extractor):
    """Pool features and, without their bias, the 1,008 logits of the Inception network of 2015; or maps of features.

    Batch norms are folded into the convolutions and the memory format is channels last, which changes features by
    rounding only. Grey images are repeated in three channels.

    Args:
        weights: File of the weights; default: downloaded once into the cache folder.
        resize: Filter from any size to 299 pixels: ``tf1``, TensorFlow 1's bilinear filter, that of published FIDs and
            of torch-fidelity; ``antialiased``, torchmetrics' bilinear filter; ``pytorch_fid``, PyTorch's bilinear
            filter, with the scale to [-1, 1] of pytorch-fid; or ``clean_fid``, Pillow's bicubic filter on floats
            (Parmar et al. 2022). They give different FIDs.
        features: ``pool``, or ``spatial``: the first 7 channels of 17 x 17 pixels that sFID compares, without logits
            (Nash et al. 2021; the layer is that of the code of Dhariwal & Nichol 2021).
        precision: ``bfloat16`` is three times as fast on a CPU that supports it, and changes FID by several percent:
            its values cannot be compared with float32. The provenance has the relative error of its features.
        batch_size: Images at a time; default: 8 on the CPU, where that is fastest, 128 elsewhere.

    Raises:
        ConfigError: torch-fidelity is not installed.
    """

    packages: ClassVar[tuple[str, ...]] = ("torch-fidelity",)
    of_photographs: ClassVar[bool] = True

    def __init__(
        self,
        weights: str | None = None,
        resize: Literal["tf1", "antialiased", "pytorch_fid", "clean_fid"] = "tf1",
        features: Literal["pool", "spatial"] = "pool",
        precision: Literal["float32", "bfloat16"] = "float32",
        batch_size: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        if find_spec("torch_fidelity") is None:
            raise ConfigError("metrics: Inception needs torch-fidelity: pip install 'gan-experiments[inception]'")
        self._spatial = features == "spatial"
        unusual = [resize] * (resize != "tf1") + [features] * self._spatial
        self.name = "_".join(["inception", *unusual])
        self.num_features = 2023 if self._spatial else 2048
        self._weights = weights
        self._resize = resize
        self._precision = precision
        self._batch_size = batch_size

    def load(self, data: ImageSource) -> None:
        """Load the weights, and compare bfloat16 with float32 on a few of the images."""
        from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

        path = find_weights(self._weights, "Inception", URL_INCEPTION_V3, _DIGEST)
        state = read_weights(path)
        self._network = build(state, path)
        self.weight_hash = hash_weights(state)
        published = sha256_of(path).startswith(_DIGEST)
        self._details |= {"resize": self._resize, "precision": self._precision, "published": published}
        if self._precision == "bfloat16":
            probe = data.images[:_PROBE]
            exact, _ = self(probe)
            self._network.to(torch.bfloat16)
            drift = (self(probe)[0] - exact).norm() / exact.norm()
            self._details["drift"] = round(drift.item(), 6)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map uint8 ``(B, C, H, W)`` to pool features ``(B, 2048)`` and logits ``(B, 1008)``, or maps ``(B, 2023)``."""
        size = self._batch_size or (8 if images.device.type == "cpu" else 128)
        pieces = [self._part(part) for part in torch.split(images, size)]
        features, logits = zip(*pieces, strict=True)
        return torch.cat(features), None if self._spatial else torch.cat(logits)

    def _part(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        head: nn.Linear = self.network.get_submodule("fc")
        pixels = prepare_pixels(to_eight_bits(images).float().expand(-1, 3, -1, -1), self._resize)
        maps = pixels.to(head.weight.dtype).contiguous(memory_format=torch.channels_last)
        for stage in _STAGES:
            if self._spatial and stage == _SPATIAL[0]:
                convolution = self.network.get_submodule(f"{stage}.branch1x1")
                return convolution(maps)[:, : _SPATIAL[1]].float().flatten(1), None
            maps = self.network.get_submodule(stage)(maps)
        features = maps.float().mean((2, 3))
        return features, features @ head.weight.float().T


def build(state: dict[str, Tensor], path: Path) -> nn.Module:
    """Return torch-fidelity's network with weights of a file, its batch norms folded into convolutions, channels last.

    Raises:
        ConfigError: The weights are of another network.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import BasicConv2d, FeatureExtractorInceptionV3

    class Blank(FeatureExtractorInceptionV3):  # type: ignore[misc]
        """Does not load weights in its constructor, which would unpickle the file without restrictions."""

        def load_state_dict(self, *_: Any) -> None:
            pass

    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    with torch.device("meta"):  # random initial weights would take seconds
        network = Blank("inception", ["2048"], feature_extractor_weights_path=nothing)
    refuse_other_weights(state, network, path, "Inception")
    nn.Module.load_state_dict(
        network, {name: values.float() for name, values in state.items()}, strict=False, assign=True
    )
    for module in network.modules():
        if isinstance(module, BasicConv2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.bn)
            module.bn = nn.Identity()
    folded: nn.Module = network.requires_grad_(False).to(memory_format=torch.channels_last)
    return folded


def prepare_pixels(pixels: Tensor, resize: str) -> Tensor:
    """Resize float ``(B, 3, H, W)`` in [0, 255] to 299 pixels and scale it to about [-1, 1]."""
    size = (_SIZE, _SIZE)
    if resize == "pytorch_fid":
        return interpolate(pixels, size=size, mode="bilinear") / 127.5 - 1
    if resize == "clean_fid":
        pixels = interpolate(pixels, size=size, mode="bicubic", antialias=True).clamp(0, 255)
    elif resize == "antialiased":
        pixels = interpolate(pixels, size=size, mode="bilinear", antialias=True)
    else:
        pixels = resize_tf1(pixels, _SIZE)
    return (pixels - 128) / 128


def resize_tf1(images: Tensor, size: int) -> Tensor:
    """Resize float ``(B, C, H, W)`` to ``size`` as TensorFlow 1 does: bilinear, corners aligned, no antialias.

    The filter is separable, so it is two products with small matrices.
    """
    rows, columns = (_bilinear_tf1(length, size).to(images.device) for length in images.shape[2:])
    return rows @ images @ columns.T


def _bilinear_tf1(length: int, size: int) -> Tensor:
    """Return the matrix ``(size, length)`` that resizes one axis."""
    positions = torch.arange(size, dtype=torch.float32) * torch.tensor(length / size, dtype=torch.float32)
    lower = positions.floor().long().clamp_max(length - 1)
    share = positions - lower
    matrix = torch.zeros(size, length)
    order = torch.arange(size)
    matrix[order, lower] += 1 - share
    matrix[order, (lower + 1).clamp_max(length - 1)] += share
    return matrix
