import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from gan_experiments.core.types import ConfigError
from gan_experiments.networks.block import Block, recompute_blocks
from gan_experiments.networks.layers import normalize_spectrally
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build

SHARED = "model.share_fakes=true"
# With spectral normalization, batch norm, pixel noise, style mixing, groups, attention, and second derivatives by R1.
MODELS = {
    "sagan": ["model=sagan", "conditioning=projection", "loss=hinge", "penalty=r1"],
    "biggan_deep": ["model=biggan_deep", "conditioning=projection", "model.generator.embedding_dim=4"],
    "stylegan2": ["model=stylegan2", "model.generator.style_dim=8", "penalty=[r1,path_length]"],
    "stylegan3": ["model=stylegan3", "model.generator.style_dim=8", "model.generator.layers=3", "penalty=r1"],
    "r3gan": ["model=r3gan", "loss=relativistic_pairing", "penalty=r1_r2", "model.share_fakes=true", "d_steps=2"],
    "simultaneous": ["model=r3gan", "penalty=r1", "model.update_order=simultaneous", "trainer.precision=bf16-mixed"],
    "transformer": ["model=transformer", "loss=relativistic_pairing", "penalty=approximate_r1_r2"],
    "latent_optimization": ["model=r3gan", "penalty=latent_optimization"],
    "latents, styles": ["model=stylegan2", "model.generator.style_dim=8", "penalty=latent_optimization"],
    "latents, shared": ["model=stylegan2", "model.generator.style_dim=8", "penalty=latent_optimization", SHARED],
}  # fmt: skip


@pytest.mark.parametrize("overrides", MODELS.values(), ids=MODELS)
def test_training_gives_the_same_bits(tiny, tmp_path, overrides):
    states = []
    for value in ("false", "true"):
        config = tiny("metrics=none", *overrides, "budget.images=16", f"model.activation_checkpointing={value}")
        parts = build(config, RunFolder(tmp_path / value))
        parts.trainer.fit(parts.system, datamodule=parts.data)
        states.append(parts.system.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


class Tower(Block):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 4), nn.BatchNorm1d(4))
        self.passes = 0

    def forward(self, values):
        self.passes += 1
        return self.layers(values)


def derivatives(network, values):
    """Return the bytes that autograd keeps, the output, and the derivatives of a gradient penalty."""
    torch.manual_seed(1)
    values = values.clone().requires_grad_(True)
    kept = []
    with saved_tensors_hooks(lambda tensor: (kept.append(tensor.nbytes), tensor)[1], lambda tensor: tensor):
        output = network(values).square().sum()
    (slope,) = torch.autograd.grad(output, values, create_graph=True)
    gradients = torch.autograd.grad(slope.square().sum() + output, list(network.parameters()))
    return sum(kept), [output, slope, *gradients, *(buffer.clone() for buffer in network.buffers())]


def test_second_derivatives_and_buffers_are_those_without_and_less_is_kept():
    torch.manual_seed(0)
    network = nn.Sequential(Tower(), Tower())
    normalize_spectrally(network, embeddings=False)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    values = torch.randn(8, 4)
    plain, expected = derivatives(network, values)
    network.load_state_dict(start)
    recompute_blocks({"generator": network})
    less, found = derivatives(network, values)
    assert less < plain / 4
    assert all(tower.passes > 2 for tower in network)  # one without, one with, and those of the backward passes
    for one, two in zip(expected, found, strict=True):
        torch.testing.assert_close(two, one, rtol=1e-6, atol=1e-7)
    before = [tower.passes for tower in network]
    with torch.no_grad():
        network(values)
    assert [tower.passes for tower in network] == [count + 1 for count in before]


def test_networks_without_blocks_are_refused():
    with pytest.raises(ConfigError, match="activation_checkpointing: Linear and Sequential have no blocks"):
        recompute_blocks({"generator": nn.Linear(1, 1), "discriminator": nn.Sequential()})
