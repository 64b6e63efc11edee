import copy
from itertools import chain

import torch
from tiny import SGD
from torch.nn.functional import l1_loss, mse_loss

from gan_experiments.core.images import to_float
from gan_experiments.core.randomness import Stream, derive_seed
from gan_experiments.core.types import DataFacts
from gan_experiments.data.order import Order
from gan_experiments.penalties.r1 import R1
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.cyclegan import CycleGAN
from gan_experiments.training.build import build

BATCH, POOL = 8, 12
NETWORKS = ("generator", "backward_generator", "discriminator", "backward_discriminator")


def test_training_is_the_algorithm_written_by_hand(tiny, tmp_path):
    """The losses of the authors' cycle_gan_model.py: MSE to 1 and 0, 10 cycle, 5 identity, half of the sum for D."""
    options = ["model=cyclegan", "metrics=none", "budget.images=40", f"model.pool={POOL}", *SGD]
    parts = build(tiny(*options), RunFolder(tmp_path / "run"))
    there, back, judge_b, judge_a = networks = [copy.deepcopy(getattr(parts.system, name)) for name in NETWORKS]
    parts.trainer.fit(parts.system, datamodule=parts.data)
    data, seed = parts.data, derive_seed(0, "inputs")
    stored = data.inputs._stored
    orders = Order(data.num_training, 0), Order(len(stored.training), seed)
    of_judges = torch.optim.SGD(chain(judge_b.parameters(), judge_a.parameters()), 1e-3)
    of_translators = torch.optim.SGD(chain(there.parameters(), back.parameters()), 1e-3)
    pools = {"": [], "backward_": []}

    def query(name, fakes, step):
        rng = Stream(0, "pool", *([name] if name else []), step)
        swapped, places = rng.uniform(BATCH) < 0.5, (rng.uniform(BATCH) * POOL).long()
        shown, held = [], pools[name]
        for index, fake in enumerate(fakes.detach()):
            if len(held) < POOL:
                held.append(fake)
                shown.append(fake)
            elif swapped[index]:
                shown.append(held[places[index]])
                held[places[index]] = fake
            else:
                shown.append(fake)
        return torch.stack(shown)

    def half(discriminator, real, fake):
        real, fake = discriminator(real), discriminator(fake)
        return 0.5 * (mse_loss(real, torch.ones_like(real)) + mse_loss(fake, torch.zeros_like(fake)))

    def fools(discriminator, fake):
        output = discriminator(fake)
        return mse_loss(output, torch.ones_like(output))

    for step in range(5):
        b = to_float(data.images[data.training[orders[0].indices(step * BATCH, BATCH)]])
        a = to_float(stored.images[stored.training[orders[1].indices(step * BATCH, BATCH)]])
        fake_b, fake_a = there(a), back(b)
        terms = 10 * (l1_loss(back(fake_b), a) + l1_loss(there(fake_a), b))
        terms = terms + 5 * (l1_loss(there(b), b) + l1_loss(back(a), a))
        of_judges.zero_grad()
        (half(judge_b, b, query("", fake_b, step)) + half(judge_a, a, query("backward_", fake_a, step))).backward()
        of_judges.step()
        of_translators.zero_grad()
        (fools(judge_b, fake_b) + fools(judge_a, fake_a) + terms).backward()
        of_translators.step()
    assert len(pools[""]) == POOL
    for name, network in zip(NETWORKS, networks, strict=True):
        for one, other in zip(getattr(parts.system, name).parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


def test_the_way_back_has_reversed_facts():
    facts = CycleGAN.network_facts(DataFacts("x", 8, 3, input_channels=1))
    assert {name: (key, each.channels) for name, (key, each) in facts.items()} == {
        "generator": ("generator", 3),
        "discriminator": ("discriminator", 3),
        "backward_generator": ("generator", 1),
        "backward_discriminator": ("discriminator", 1),
    }


def test_both_translators_begin_with_weights_of_their_own(tiny, tmp_path):
    system = build(tiny("model=cyclegan", "metrics=none"), RunFolder(tmp_path / "run")).system
    pair = system.generator.state_dict(), system.backward_generator.state_dict()
    assert not torch.equal(*(each["head.1.weight"] for each in pair))


def test_each_side_has_penalties_of_its_own_after_a_step_too(tiny, tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(R1, "after_discriminator_step", lambda self, network: called.append((self, network)))
    parts = build(tiny("model=cyclegan", "penalty=r1", "metrics=none", "budget.images=8"), RunFolder(tmp_path / "run"))
    parts.trainer.fit(parts.system, datamodule=parts.data)
    expected = [(side.penalties["r1"], side.discriminator) for side in parts.system.sides]
    assert [(id(a), id(b)) for a, b in called] == [(id(a), id(b)) for a, b in expected]
    assert expected[0][0] is not expected[1][0]
