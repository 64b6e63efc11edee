"""Features of any network of timm: DINOv2 and CLIP for the distances of recent papers, ConvNeXt, SigLIP ..."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Interval
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.transforms.functional import to_pil_image

from gan_experiments.core.cache import cache_folder
from gan_experiments.core.images import to_eight_bits
from gan_experiments.core.types import ConfigError, PositiveInt
from gan_experiments.core.weights import WeightsMissingError, find_weights, hash_weights, read_weights
from gan_experiments.metrics.extractors.base import Extractor, ImageSource

Side = Annotated[int, Interval(ge=8, le=4096)]
CropShare = Annotated[float, Interval(ge=0.1, le=1)]

_OFFSET = 0.1  # that DINOv2's code adds to the number of patches before it resamples its position embeddings


class TimmNetwork(Extractor):
    """Features of any network of timm, from images prepared as the network's own evaluation prepares them.

    Each image becomes a Pillow image of 8 bits, which timm's transform resizes, crops and normalizes, as dgm-eval
    (Stein et al. 2023) and CMMD (Jayasumana et al. 2024) do. Grey images are repeated in three channels. Nothing is
    downloaded: timm publishes no hash by which a download could be checked.

    Args:
        model: Its name in timm, with the tag of its weights: ``vit_large_patch14_dinov2.lvd142m``.
        weights: File of the weights, ``.safetensors`` or ``.pth``, with the names of timm or of the authors; default:
            ``weights/<model>.safetensors`` in the cache folder.
        features: ``embedding``, the input of the last layer; or ``output``, what that layer makes of it: CLIP's
            projection, whose class logits there are none of.
        image_size: Pixels that images are resized to; default: those of the published weights.
        crop: ``center``: the shorter side is resized, and the middle taken; ``squash``: both sides are, which is the
            same for square images; ``border``: the longer side, and the rest filled. Default: as published.
        crop_share: Share of the resized side that is kept; default: as published.
        positions: How position embeddings of another size are resampled: ``timm``, with antialiasing, or ``dinov2``,
            as DINOv2's code and so dgm-eval do.
        batch_size: Images at a time.

    Raises:
        ConfigError: timm is not installed, or has no such network.
    """

    packages: ClassVar[tuple[str, ...]] = ("timm", "pillow")
    of_photographs: ClassVar[bool] = True

    def __init__(
        self,
        model: str,
        weights: str | None = None,
        features: Literal["embedding", "output"] = "embedding",
        image_size: Side | None = None,
        crop: Literal["center", "squash", "border"] | None = None,
        crop_share: CropShare | None = None,
        positions: Literal["timm", "dinov2"] = "timm",
        batch_size: PositiveInt = 32,
    ) -> None:
        super().__init__()
        if find_spec("timm") is None:
            raise ConfigError(f"metrics: {model} needs timm: pip install 'gan-experiments[timm]'")
        from timm import get_pretrained_cfg, list_models
        from timm.data import create_transform, resolve_data_config

        published = get_pretrained_cfg(model) if model.partition(".")[0] in list_models() else None
        if published is None or not (published.hf_hub_id or published.url):
            similar = list_models(f"*{model.partition('.')[0].split('_')[0]}*", pretrained=True)[:8]
            hint = f"similar: {', '.join(similar) or 'none'}"
            raise ConfigError(f"metrics: timm has no model {model!r} with weights ({hint})")
        self.name = model
        self._weights = weights
        self._output = features == "output"
        self._positions = positions
        self._batch_size = batch_size
        self._published = published
        changed = {"crop_mode": crop, "crop_pct": crop_share, "input_size": image_size and (3, image_size, image_size)}
        chosen = {name: value for name, value in changed.items() if value is not None}
        self._preparation = resolve_data_config(chosen, pretrained_cfg=published.to_dict())
        self._transform = create_transform(**self._preparation)

    def load(self, data: ImageSource) -> None:
        """Load the weights from a file."""
        path = self._find_weights()
        network = self._build(read_weights(path), path)
        self.weight_hash = hash_weights(network.state_dict())
        self._network = network.eval().requires_grad_(False)
        with torch.no_grad():
            self.num_features = self(data.images[:1])[0].shape[1]
        keys = ("input_size", "interpolation", "crop_mode", "crop_pct", "mean", "std")
        self._details |= {
            "features": "output" if self._output else "embedding",
            "preparation": {"resize": "Pillow, 8 bits"} | {key: self._preparation[key] for key in keys},
            "positions": self._positions,
        }

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Map uint8 ``(B, C, H, W)`` to features ``(B, num_features)``, and the logits of a classifier ``(B, K)``."""
        embeddings, outputs = zip(*(self._part(part) for part in torch.split(images, self._batch_size)), strict=True)
        if self._output:
            return torch.cat(outputs), None
        return torch.cat(embeddings), torch.cat(outputs) if self._published.num_classes else None

    def _find_weights(self) -> Path:
        path = cache_folder() / "weights" / f"{self.name}.safetensors"
        if self._weights is not None or path.is_file():
            return find_weights(self._weights or str(path), self.name, "", "")
        hub = self._published.hf_hub_id
        source = f"model.safetensors of https://huggingface.co/{hub}" if hub else self._published.url
        raise WeightsMissingError(
            f"the weights of {self.name} are not here, and are not downloaded: put {source} at {path}, or name the "
            "file by metrics.weights="
        )

    def _build(self, state: dict[str, Tensor], path: Path) -> nn.Module:
        """Return the network with its weights, of which timm converts the names that their authors gave."""
        from timm import create_model

        size = self._preparation["input_size"][1]
        sized = {"img_size": size} if self._published.fixed_input_size else {}
        try:
            if self._positions == "dinov2":
                state = state | {"pos_embed": resample_positions(state["pos_embed"], size, state)}
            with torch.random.fork_rng(devices=[]):  # initial weights, which are replaced
                network: nn.Module = create_model(
                    self.name, pretrained=True, pretrained_cfg_overlay={"state_dict": state}, **sized
                )
        except (RuntimeError, KeyError, AttributeError, TypeError, ValueError, AssertionError) as error:
            text = f"{path} holds the weights of another network than {self.name}"
            raise ConfigError(f"metrics.weights: {text}: {' '.join(str(error).split())[:200]}") from error
        return network

    def _part(self, images: Tensor) -> tuple[Tensor, Tensor]:
        network = self.network
        pictures = [to_pil_image(image) for image in to_eight_bits(images).cpu().expand(-1, 3, -1, -1)]
        pixels = torch.stack([self._transform(picture) for picture in pictures]).to(images.device)
        embedding = network.forward_head(network.forward_features(pixels), pre_logits=True)
        return embedding, network.get_classifier()(embedding)


def resample_positions(positions: Tensor, size: int, state: dict[str, Tensor]) -> Tensor:
    """Resample position embeddings ``(1, 1 + n * n, D)`` to an image of ``size`` pixels as DINOv2's code does.

    Bicubic, without antialiasing, and by a scale with an offset (Oquab et al. 2023, ``interpolate_pos_encoding``).
    """
    patches, side = size // state["patch_embed.proj.weight"].shape[-1], math.isqrt(positions.shape[1] - 1)
    if patches == side:
        return positions
    grid = positions[:, 1:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    grid = interpolate(grid, scale_factor=(patches + _OFFSET) / side, mode="bicubic")
    return torch.cat([positions[:, :1].float(), grid.permute(0, 2, 3, 1).flatten(1, 2)], 1)
