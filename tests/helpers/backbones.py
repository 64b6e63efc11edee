"""Weights in the right shapes for networks whose trained ones have to be downloaded."""

import torch
from torchvision.models import alexnet


def random_backbone(seed=0, network=alexnet):
    """Those of AlexNet's features; its classifier is 57 million weights that nobody uses."""
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in network(weights=None).features.state_dict().items()}
    generator = torch.Generator().manual_seed(seed)
    return {f"features.{name}": torch.randn(shape, generator=generator) / 30 for name, shape in shapes.items()}
