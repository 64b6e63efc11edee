import copy

import pytest
import torch
from tiny import SGD
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from gan_experiments.core.images import to_float
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import DataFacts
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.pix2pix import Pix2Pix
from gan_experiments.training.build import build

BATCH = 8


@pytest.mark.parametrize("noise", [True, False])
def test_training_is_the_algorithm_written_by_hand(tiny, tmp_path, noise):
    """Isola et al. 2017, equation 4, and the order of the steps in the authors' code."""
    options = ["model=pix2pix", "metrics=none", "budget.images=24", f"model.generator.noise={str(noise).lower()}"]
    parts = build(
        tiny(*options, "model.l1=10", "ema.half_life=30", "ema.rampup=null", *SGD), RunFolder(tmp_path / "run")
    )
    generator, discriminator = (copy.deepcopy(getattr(parts.system, name)) for name in ("generator", "discriminator"))
    average = copy.deepcopy(generator)
    parts.trainer.fit(parts.system, datamodule=parts.data)
    train, order = parts.data, parts.data.order(0)
    optimizers = [torch.optim.SGD(network.parameters(), 1e-3) for network in (discriminator, generator)]
    for step in range(3):
        images = train.images[train.training[order.indices(step * BATCH, BATCH)]]
        inputs = to_float(train.inputs.task(images, Stream(0, "task", step)))
        images = to_float(images)
        fake = generator(inputs, Stream(0, "dropout", step))
        real, made = (discriminator(torch.cat([inputs, each], 1)) for each in (images, fake.detach()))
        optimizers[0].zero_grad()
        (cross_entropy(real, torch.ones_like(real)) + cross_entropy(made, torch.zeros_like(made))).backward()
        optimizers[0].step()
        output = discriminator(torch.cat([inputs, fake], 1))
        optimizers[1].zero_grad()
        (cross_entropy(output, torch.ones_like(output)) + 10 * (fake - images).abs().mean()).backward()
        optimizers[1].step()
        for mean, weight in zip(average.parameters(), generator.parameters(), strict=True):
            mean.data.lerp_(weight.data, 1 - 0.5 ** (BATCH / 30))
    system = parts.system
    pairs = (system.generator, generator), (system.discriminator, discriminator), (system.ema.module, average)
    for ours, theirs in pairs:
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_the_discriminator_sees_input_and_image_together():
    facts = Pix2Pix.network_facts(DataFacts("x", 8, 3, input_channels=1))
    assert {name: each.channels for name, (_, each) in facts.items()} == {"generator": 3, "discriminator": 4}
