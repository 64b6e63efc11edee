"""Parts of transformers over patches of images, as GAT has them (Hyun et al. 2025): attention, feed-forward, places.

B: batch, T: tokens, W: width of a token, N: heads, D: width of a head.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention, silu

from gan_experiments.core.checks import ConfigView, Problem
from gan_experiments.core.contracts import Penalty
from gan_experiments.core.rules import image_size, option
from gan_experiments.core.types import ConfigError, DataFacts

_BASE = 10_000  # of the frequencies of places


class Attention(nn.Module):
    """Multi-head self-attention with normalized queries and keys, which the places of their patches turn (RoPE).

    Args:
        width: Width of a token.
        heads: Number of heads.
        side: Patches along a side of the image; tokens before those of the patches have no place.
        fused: Whether fused kernels compute it in training too; they cannot be differentiated twice.
    """

    cosines: Tensor
    sines: Tensor

    def __init__(self, width: int, heads: int, side: int, fused: bool) -> None:
        super().__init__()
        self.heads, self.fused, depth = heads, fused, width // heads
        self.inputs = nn.Linear(width, 3 * width)
        self.query_norm, self.key_norm = nn.RMSNorm(depth), nn.RMSNorm(depth)
        self.out = nn.Linear(width, width)
        speeds = _BASE ** -(torch.arange(0, depth // 2, 2) / (depth // 2))
        along = (torch.arange(side)[:, None] * speeds).repeat_interleave(2, dim=1)  # (side, D / 2)
        rows, columns = along[:, None].expand(-1, side, -1), along[None].expand(side, -1, -1)
        angles = torch.cat([rows, columns], dim=2).flatten(0, 1)  # (side^2, D)
        self.register_buffer("cosines", angles.cos(), persistent=False)
        self.register_buffer("sines", angles.sin(), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, T, W)`` to the same shape."""
        parts = self.inputs(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (3, B, N, T, D)
        query, key, value = parts.unbind(0)
        query, key = self._turned(self.query_norm(query)), self._turned(self.key_norm(key))
        with nullcontext() if self.fused or not torch.is_grad_enabled() else sdpa_kernel(SDPBackend.MATH):
            attended = scaled_dot_product_attention(query, key, value.to(query.dtype))
        result: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return result

    def _turned(self, vectors: Tensor) -> Tensor:
        free = vectors.shape[2] - len(self.cosines)  # tokens without a place
        placed = vectors[:, :, free:]
        across = torch.stack([-placed[..., 1::2], placed[..., ::2]], dim=-1).flatten(-2)
        turned = placed * self.cosines + across * self.sines
        return torch.cat([vectors[:, :, :free].to(turned.dtype), turned], dim=2)


class FeedForward(nn.Module):
    """SwiGLU with about ``8 / 3`` as many hidden units as a token has numbers (Shazeer 2020)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, 2 * int(2 / 3 * 4 * width))
        self.out = nn.Linear(self.hidden.out_features // 2, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, T, W)`` to the same shape."""
        gate, value = self.hidden(tokens).chunk(2, dim=-1)
        result: Tensor = self.out(silu(gate) * value)
        return result


def places(width: int, side: int) -> Tensor:
    """Return sines and cosines of the column and the row of each patch: ``(1, side^2, W)``."""
    speeds = _BASE ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    angles = torch.arange(side)[:, None] * speeds  # (side, W / 4)
    along = torch.cat([angles.sin(), angles.cos()], dim=1).float()  # (side, W / 2)
    columns, rows = along[None].expand(side, -1, -1), along[:, None].expand(-1, side, -1)
    return torch.cat([columns, rows], dim=2).flatten(0, 1)[None]


def side_of(facts: DataFacts, width: int, heads: int, patch: int) -> int:
    """Return the number of patches along a side of the images.

    Raises:
        ConfigError: Patches or heads do not fit.
    """
    if problem := _misfit(facts.shorter_side, patch) or _misfit_of_heads(width, heads):
        raise ConfigError(f"model: {problem}")
    return facts.shorter_side // patch


def check_transformer(key: str, config: ConfigView, generator: bool) -> Iterator[Problem]:
    """Refuse patches and heads that do not fit, and what differentiates fused attention twice."""
    size = image_size(config)
    width, heads, patch = (option(config, key, name) for name in ("width", "heads", "patch"))
    if isinstance(size, int) and isinstance(patch, int) and (problem := _misfit(size, patch)):
        yield Problem(f"{key}.patch", problem)
    if isinstance(width, int) and isinstance(heads, int) and (problem := _misfit_of_heads(width, heads)):
        yield Problem(f"{key}.width", f"{problem}, of {key}.heads")
    for name, penalty in config.components("penalty").items() if option(config, key, "fused") else ():
        alone = getattr(penalty, "needs_latents", False)  # it differentiates the generator alone
        both = getattr(penalty, "latents", Penalty.latents) is not Penalty.latents
        if getattr(penalty, "second_order", False) and (both or alone is generator):
            text = f"penalty.{name} differentiates twice, which fused attention cannot be; set it to false"
            yield Problem(f"{key}.fused", f"{text}, or take penalty=approximate_r1_r2")
    if not generator and option(config, key, "fused") and config.get("model.unroll_steps"):
        text = "model.unroll_steps differentiates twice, which fused attention cannot be; set one of them to false or 0"
        yield Problem(f"{key}.fused", text)


def initialize(network: nn.Module) -> None:
    """Initialize linear layers and patch embeddings by Xavier's rule, and embeddings from N(0, 0.02)."""
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.xavier_uniform_(module.weight.view(len(module.weight), -1))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, 0.0, 0.02)


def _misfit(size: int, patch: int) -> str:
    """Return what is wrong with patches of images of ``size`` pixels; empty if nothing is."""
    if size == 1:
        return "a transformer sees patches of images, not points"
    fits = ", ".join(str(divisor) for divisor in range(1, size) if size % divisor == 0)
    return f"patches of {patch} pixels do not divide the {size} of an image; {fits} do" if size % patch else ""


def _misfit_of_heads(width: int, heads: int) -> str:
    """Return what is wrong with heads whose numbers, in pairs, two coordinates turn; empty if nothing is."""
    return f"{width} is not a multiple of 4 x {heads} heads" if width % (4 * heads) else ""
