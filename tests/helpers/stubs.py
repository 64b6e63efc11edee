"""A generator whose images say what they were made from: each pixel is a number of the latent vector."""

from types import SimpleNamespace

import torch
from torch import nn

from gan_experiments.core.contracts import Generator
from gan_experiments.core.types import DataFacts

CELL = 34  # pixels from one 2x2 image to the next in a sheet: enlarged 16 times, 2 between


class Echo(Generator):
    def __init__(self, num_classes=0, image_size=2):
        super().__init__(DataFacts("echo", image_size, 1 if image_size > 1 else 2, num_classes))
        self.latent_dim, self.conditional = 4, num_classes > 0
        self.unused = nn.Parameter(torch.zeros(1))
        self.asked = []

    def forward(self, latents, labels=None):
        self.asked.append((latents, labels))
        images = torch.tanh(latents / 4).view(-1, 1, 2, 2)
        return images if labels is None else torch.full_like(images, 0.1) * labels.view(-1, 1, 1, 1)


def cells(sheet, columns):
    """Return the images of a sheet in rows: uint8 ``(rows, columns, 2, 2)``."""
    rows = sheet.shape[1] // CELL
    picked = [[sheet[0, 2 + CELL * r :, 2 + CELL * c :][8:32:16, 8:32:16] for c in range(columns)] for r in range(rows)]
    return torch.stack([torch.stack(row) for row in picked])


def real(count=50):
    images = torch.randint(0, 256, (count, 1, 2, 2), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    return SimpleNamespace(facts=DataFacts("echo", 2, 1), images=images, labels=None, fingerprint="echo")
