"""Virtual batch normalization: by the statistics of a fixed reference batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

REFERENCE = 64  # samples of the reference batch
_EPSILON = 1e-5


class VirtualBatchNorm(nn.Module):
    """Batch normalization of each sample by a reference batch and itself (Salimans et al. 2016, section 3.5).

    The first ``reference`` samples of the input are the reference batch, which is normalized by its own statistics. The
    result for a sample does not depend on the others of its batch, and is the same in training and evaluation.

    Args:
        channels: Channels of the feature map, or features of a vector.
        reference: Samples of the reference batch.
    """

    def __init__(self, channels: int, reference: int = REFERENCE) -> None:
        super().__init__()
        self.reference = reference
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, input: Tensor) -> Tensor:
        """Normalize ``(reference + B, C, ...)``, in float32; the result has the type of ``input``."""
        maps = input.float().flatten(2) if input.ndim > 2 else input.float()[:, :, None]  # (reference + B, C, pixels)
        given = maps[: self.reference]
        of_reference = torch.var_mean(given, dim=(0, 2), correction=0, keepdim=True)
        of_samples = torch.var_mean(maps[self.reference :], dim=2, correction=0, keepdim=True)
        share = 1 / (self.reference + 1)  # of a sample in the statistics it is normalized by
        mean = torch.lerp(of_reference[1].expand_as(of_samples[1]), of_samples[1], share)
        first, last = (variance + (own - mean).square() for variance, own in (of_reference, of_samples))
        normalized = torch.cat(
            [
                (given - of_reference[1]) * (of_reference[0] + _EPSILON).rsqrt(),
                (maps[self.reference :] - mean) * (torch.lerp(first, last, share) + _EPSILON).rsqrt(),
            ]
        )
        result = torch.addcmul(self.bias[:, None], normalized, self.weight[:, None])
        return result.view_as(input).to(input.dtype)
