"""StyleGAN2 layers: equalized learning rate, modulated convolution, mapping network, minibatch standard deviation.

B: batch, C, I, O: channels, D: length of a style, H, W: height and width, K: kernel size.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear

from gan_experiments.networks.conditioning import one_hot_of
from gan_experiments.networks.resample import Filter

_EPSILON = 1e-8


def activation(values: Tensor) -> Tensor:
    """LeakyReLU(0.2), scaled to approximately keep the second moment of normal values."""
    return leaky_relu(values, 0.2) * math.sqrt(2)


def unit_length(vectors: Tensor) -> Tensor:
    """Scale vectors ``(B, D)`` to a mean square of 1 (Karras et al. 2018, section 4.2)."""
    return vectors * (vectors.square().mean(dim=1, keepdim=True) + _EPSILON).rsqrt()


class EqualizedLinear(nn.Module):
    """A linear layer whose weights are drawn from N(0, 1) and scaled in use (Karras et al. 2018, section 4.1).

    Adam moves every weight by about the same amount, so all layers learn equally fast, regardless of fan-in.

    Args:
        fan_in: Length of the input.
        fan_out: Length of the output.
        bias: Initial value of the biases.
        lr_multiplier: Factor of the learning rate of this layer.
    """

    def __init__(self, fan_in: int, fan_out: int, bias: float = 0.0, lr_multiplier: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((fan_out,), bias / lr_multiplier))
        self.gain = lr_multiplier / math.sqrt(fan_in)
        self.lr_multiplier = lr_multiplier

    def forward(self, values: Tensor) -> Tensor:
        """Map ``(..., fan_in)`` to ``(..., fan_out)``."""
        return linear(values, self.weight * self.gain, self.bias * self.lr_multiplier)


class EqualizedConv2d(nn.Module):
    """A convolution whose weights are drawn from N(0, 1) and scaled in use; keeps or halves the image size.

    Args:
        fan_in: Input channels.
        fan_out: Output channels.
        kernel_size: Odd.
        bias: Whether the layer has a bias.
        downsample: Filter the image, then halve it.
    """

    def __init__(
        self, fan_in: int, fan_out: int, kernel_size: int, bias: bool = True, downsample: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(fan_out)) if bias else None
        self.gain = 1 / math.sqrt(fan_in * kernel_size**2)
        self.padding = 0 if downsample else kernel_size // 2
        self.stride = 2 if downsample else 1
        # Such that the filter leaves the 2 (H / 2 - 1) + K pixels that the strided kernel needs.
        self.filter = Filter(padding=kernel_size // 2 + 1) if downsample else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, I, H, W)`` to ``(B, O, H, W)``, or to half of that size."""
        weight = self.weight * self.gain
        return conv2d(self.filter(images), weight, self.bias, stride=self.stride, padding=self.padding)


class ModulatedConv2d(nn.Module):
    """A convolution whose weights are scaled by a style, and then to unit length (Karras et al. 2020, eq. 1-3).

    Every sample has its own weights. That equals scaling the input and the output of one shared convolution, which
    needs neither the memory of those weights nor grouped convolutions.

    Args:
        fan_in: Input channels.
        fan_out: Output channels.
        kernel_size: Odd.
        style_dim: Length of a style vector.
        demodulate: Scale the weights of every output channel to unit length.
        upsample: Double the image, then filter it.
        padding: Zeros added on every side; ``None``: as many as keep the size.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        kernel_size: int,
        style_dim: int,
        demodulate: bool = True,
        upsample: bool = False,
        padding: int | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in, kernel_size, kernel_size))
        self.style = EqualizedLinear(style_dim, fan_in, bias=1.0)
        self.gain = 1 / math.sqrt(fan_in * kernel_size**2)
        self.padding = kernel_size // 2 if padding is None else padding
        self.demodulate = demodulate
        self.upsample = upsample
        self.filter = Filter(padding=1, gain=4.0) if upsample else nn.Identity()

    def forward(self, images: Tensor, styles: Tensor) -> Tensor:
        """Map ``(B, I, H, W)`` and styles ``(B, D)`` to ``(B, O, H, W)``, or to twice that size."""
        scales, weight = self.style(styles), self.weight * self.gain
        images = images * scales[:, :, None, None]
        if self.upsample:
            # 2 H + 1 pixels, which the filter reduces to 2 H: a quarter of the work of convolving the doubled image
            images = conv_transpose2d(images, weight.transpose(0, 1), stride=2)
        else:
            images = conv2d(images, weight, padding=self.padding)
        images = self.filter(images)
        return images * self._shrinkage(weight, scales)[:, :, None, None] if self.demodulate else images

    def _shrinkage(self, weight: Tensor, scales: Tensor) -> Tensor:
        """Return the reciprocal norm of the weights of each sample and output channel: ``(B, O)``."""
        with torch.autocast(weight.device.type, enabled=False):
            squares = weight.square().sum(dim=(2, 3))
            lengths = linear(scales.to(weight.dtype).square(), squares)
            return (lengths + _EPSILON).rsqrt()


class MappingNetwork(nn.Module):
    """Latents, labels, or both to styles: ``layers`` fully connected layers (Karras et al. 2019, section 2).

    Labels are embedded in ``style_dim`` dimensions and concatenated to the latents (Karras et al. 2020, StyleGAN2-ADA).

    Args:
        latent_dim: Length of a latent vector; 0: labels only.
        num_classes: Number of classes; 0: latents only.
        style_dim: Length of a style vector, and width of all layers.
        layers: Number of layers.
        lr_multiplier: Factor of their learning rate.
    """

    def __init__(self, latent_dim: int, num_classes: int, style_dim: int, layers: int, lr_multiplier: float) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        self.embedding = EqualizedLinear(num_classes, style_dim) if num_classes else None
        widths = [latent_dim + (style_dim if num_classes else 0)] + [style_dim] * layers
        self.layers = nn.ModuleList(
            EqualizedLinear(fan_in, style_dim, lr_multiplier=lr_multiplier) for fan_in in widths[:-1]
        )

    def forward(self, latents: Tensor | None, labels: Tensor | None = None) -> Tensor:
        """Map latents ``(B, latent_dim)`` and labels ``(B,)`` to styles ``(B, D)``.

        Raises:
            ValueError: There are classes, but no labels are given.
        """
        parts = [] if latents is None else [unit_length(latents)]
        if self.embedding is not None:
            classes = one_hot_of(labels, self.num_classes, self.embedding.weight)
            parts.append(unit_length(self.embedding(classes)))
        values = torch.cat(parts, dim=1)
        for layer in self.layers:
            values = activation(layer(values))
        return values
