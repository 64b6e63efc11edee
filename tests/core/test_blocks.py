import pytest
from torch import nn

from gan_experiments.config.compose import compose
from gan_experiments.core.blocks import blocks, chosen_parts
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.training.build import construct

FACTS = DataFacts(name="images", image_size=32, channels=3, num_classes=10, num_images=100)
NETWORK = nn.Sequential(
    nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()), nn.Flatten()
)
TINY = {
    "dcgan": ["channels=4"], "sndcgan": ["channels=4"], "sagan": ["channels=8"], "mlp": [],
    "autoencoder": ["channels=4"], "biggan": ["channels=8"], "stylegan2": ["channels=4", "max_channels=4"],
    "stylegan3": ["channels=4", "max_channels=4"],
}  # fmt: skip


def test_a_block_begins_with_weights_and_ends_before_the_next():
    assert blocks(NETWORK) == [["0", "1", "2"], ["3.0", "3.1", "4"]]
    assert chosen_parts(NETWORK, 1, from_image=True, key="x") == ["0", "1", "2"]
    assert chosen_parts(NETWORK, 1, from_image=False, key="x") == ["3.0", "3.1", "4"]
    assert chosen_parts(NETWORK, ["3.*"], from_image=False, key="x") == ["3.0", "3.1", "3.0.weight", "3.0.bias"]


def test_more_blocks_than_there_are_and_unknown_names_are_refused():
    with pytest.raises(ConfigError, match="freeze: 3, but Sequential has 2 blocks"):
        chosen_parts(NETWORK, 3, from_image=True, key="freeze")
    with pytest.raises(ConfigError, match=r"freeze: no part of Sequential is named 'conv\*' \(0, 1, 2, 3.0, 3.1, 4\)"):
        chosen_parts(NETWORK, ["0", "conv*"], from_image=True, key="freeze")


@pytest.mark.parametrize("model", TINY)
def test_every_network_is_the_sum_of_its_blocks_and_they_begin_at_the_image(model):
    options = [f"model.{name}.{option}" for name in ("generator", "discriminator") for option in TINY[model]]
    nodes = compose("train", [f"model={model}", *options]).model
    for name, from_image in (("generator", False), ("discriminator", True)):
        network = construct(nodes[name], facts=FACTS)
        parts = chosen_parts(network, len(blocks(network)), from_image, "x")
        assert len(parts) == len(set(parts))
        names = [key for key, _ in network.named_parameters()]
        assert all(any(key == part or key.startswith(f"{part}.") for part in parts) for key in names)
        first = dict(network.named_modules())[next(iter(chosen_parts(network, 1, from_image, "x")))]
        assert any(3 in weight.shape[:2] or 3072 in weight.shape for weight in first.parameters()), (model, name)
