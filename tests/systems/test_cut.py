import copy
from itertools import chain

import pytest
import torch
from tiny import SGD
from torch.nn.functional import cross_entropy, mse_loss

from gan_experiments.core.images import to_float
from gan_experiments.core.randomness import Stream, derive_seed
from gan_experiments.data.order import Order
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build

BATCH, PATCHES, TAU = 8, 9, 0.07
NETWORKS = ("generator", "discriminator", "projection")


def contrast(generator, projection, source, target, positions, mirrored):
    """The mean over depths of InfoNCE among the patches of each image, as in the authors' code, image by image."""
    queried, given = generator.encode(target), generator.encode(source)
    losses = []
    for depth, chosen in enumerate(positions):
        maps = queried[depth].flip(-1) if mirrored else queried[depth]
        each = []
        for one, other in zip(maps, given[depth].detach(), strict=True):
            q, k = (projection.layers[depth](maps.flatten(1).T[chosen]) for maps in (one, other))
            q, k = (each / each.norm(dim=1, keepdim=True).clamp_min(1e-7) for each in (q, k.detach()))
            similar = q @ k.T
            negatives = similar.masked_fill(torch.eye(len(q)).bool(), -10.0)
            logits = torch.cat([similar.diagonal()[:, None], negatives], 1) / TAU
            each.append(cross_entropy(logits, torch.zeros(len(q), dtype=torch.long)))
        losses.append(torch.stack(each).mean())
    return torch.stack(losses).mean()


@pytest.mark.parametrize("model", ["cut", "fastcut"])
def test_training_is_the_algorithm_written_by_hand(tiny, tmp_path, model):
    """The losses of the authors' cut_model.py."""
    parts = build(tiny(f"model={model}", "metrics=none", "budget.images=40", *SGD), RunFolder(tmp_path / "run"))
    generator, discriminator, projection = networks = [copy.deepcopy(getattr(parts.system, name)) for name in NETWORKS]
    parts.trainer.fit(parts.system, datamodule=parts.data)
    data, fast = parts.data, model == "fastcut"
    stored = data.inputs._stored
    orders = Order(data.num_training, 0), Order(len(stored.training), derive_seed(0, "inputs"))
    of_discriminator = torch.optim.SGD(discriminator.parameters(), 1e-3)
    of_generator = torch.optim.SGD(chain(generator.parameters(), projection.parameters()), 1e-3)
    flips = []
    for step in range(5):
        b = to_float(data.images[data.training[orders[0].indices(step * BATCH, BATCH)]])
        a = to_float(stored.images[stored.training[orders[1].indices(step * BATCH, BATCH)]])
        mirrored = fast and float(Stream(0, "flip", step).uniform(1)) < 0.5
        flips.append(mirrored)
        fake = generator(a.flip(-1) if mirrored else a)
        real, made = discriminator(b), discriminator(fake.detach())
        of_discriminator.zero_grad()
        (0.5 * (mse_loss(real, torch.ones_like(real)) + mse_loss(made, torch.zeros_like(made)))).backward()
        of_discriminator.step()
        rng = Stream(0, "patches", step)
        positions = [rng.permutation(area)[:PATCHES] for area in (14 * 14, 64, 16, 4, 4)]
        nce = contrast(generator, projection, a, fake, positions, mirrored)
        nce = 10 * nce if fast else 0.5 * (nce + contrast(generator, projection, b, generator(b), positions, False))
        output = discriminator(fake)
        of_generator.zero_grad()
        (mse_loss(output, torch.ones_like(output)) + nce).backward()
        of_generator.step()
    assert set(flips) == ({True, False} if fast else {False})
    for name, network in zip(NETWORKS, networks, strict=True):
        for one, other in zip(getattr(parts.system, name).parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=3e-5, msg=lambda text, name=name: f"{name}: {text}")
