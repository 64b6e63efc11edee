"""The one file of a generator: loaded without the framework, and without trust."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gan_experiments import load_generator
from gan_experiments.core.types import ConfigError
from gan_experiments.runs import generator_file
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build
from gan_experiments.training.callbacks.checkpoint import save_generator

SCRIPT = """
import sys
import torch
from gan_experiments import load_generator

generator = load_generator(sys.argv[1])
images = generator(torch.zeros(2, generator.latent_dim))
assert images.shape == (2, 1, 8, 8), images.shape
found = {name.partition(".")[0] for name in sys.modules}
print(found & {"hydra", "omegaconf", "pytorch_lightning", "torchmetrics", "tensorboard", "torchvision", "sklearn"})
"""


@pytest.fixture
def saved(tiny, tmp_path):
    """Save the generator of a run that has not been trained; returns the system and the file."""
    system = build(tiny("metrics=none"), RunFolder(tmp_path / "run")).system
    path = tmp_path / "generator.safetensors"
    save_generator(system, path)
    return system, path


def tamper(path, **changes):
    """Change keys of the metadata; ``None`` drops one."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    for key, value in changes.items():
        metadata[key] = json.dumps(json.loads(metadata[key]) | value) if isinstance(value, dict) else value
    save_file(load_file(path), path, metadata={key: value for key, value in metadata.items() if value is not None})
    return path


def test_it_makes_the_images_of_the_averaged_generator(saved):
    system, path = saved
    state = torch.get_rng_state()
    generator = load_generator(path)
    assert torch.equal(torch.get_rng_state(), state)
    latents = torch.randn(3, generator.latent_dim)
    torch.testing.assert_close(generator(latents), system.sample(latents))
    assert generator.facts == system.generator.facts
    assert not generator.training
    assert not any(weight.requires_grad for weight in generator.parameters())


@pytest.mark.slow
def test_it_needs_torch_and_safetensors_alone(saved):
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(saved[1])], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("os.system", "not in the packages"),
        ("torch.hub.load", "not in the packages"),
        ("torch.nn.Linear", r"torch\.nn\.modules\.linear\.Linear is not a Generator"),
        ("gan_experiments.networks.dcgan.DCGANDiscriminator", "is not a Generator"),
        ("gan_experiments.networks.dcgan.Nothing", "Nothing"),
        ("gan_experiments.cli.train.main", "may not name it"),
        ("gan_experiments.networks.sizes.smallest_maps", "not a class"),
        (3, "not the dotted path"),
    ],
)
def test_a_stranger_s_file_names_no_other_code(saved, target, reason):
    with pytest.raises(ConfigError, match=f"refused: .*{reason}"):
        load_generator(tamper(saved[1], architecture={"_target_": target}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"architecture": {"norm": {"_target_": "os.system"}}}, "refused: 'os.system' is not in the packages"),
        (
            {"architecture": {"norm": [{"_target_": "torchmetrics.Metric"}]}},
            r"refused: torchmetrics\.metric\.Metric inside a generator is not of torch\.nn",
        ),
        (
            {
                "architecture": {
                    "norm": {
                        "_target_": "torch.nn.Embedding",
                        "num_embeddings": 2,
                        "embedding_dim": 3,
                        "padding_idx": 9,
                    }
                }
            },
            "cannot be built: Padding_idx must be within num_embeddings",
        ),
        ({"architecture": "[]"}, "refused: .* names no class"),
        ({"architecture": "{"}, "its architecture and facts cannot be read"),
        ({"architecture": None}, "its architecture and facts cannot be read"),
        ({"facts": None}, "its architecture and facts cannot be read"),
        ({"architecture": {"chanels": 4}}, "cannot be built: .*chanels"),
        ({"facts": {"image_size": 9}}, "supports image sizes 8"),
        ({"architecture": {"channels": 10**9}}, r"cannot be built: channels: 1000000000 is not an integer in \[1, "),
        ({"architecture": {"channels": 65536}}, "belongs to another network: .* has the shape|too large for"),
        ({"architecture": {"latent_dim": 65536}}, "belongs to another network: .* has the shape"),
        ({"facts": {"channels": 10**12}}, "belongs to another network|too large"),
        ({"facts": {"color": True}}, "cannot be built: .*color"),
        ({"architecture": {"channels": 8}}, "belongs to another network"),
    ],
)
def test_what_does_not_fit_is_refused(saved, changes, reason):
    with pytest.raises(ConfigError, match=reason):
        load_generator(tamper(saved[1], **changes))


def test_what_is_no_such_file_is_refused(saved, tmp_path):
    _, path = saved
    with pytest.raises(ConfigError, match="no such file"):
        load_generator(tmp_path / "none.safetensors")
    whole = path.read_bytes()
    for damaged in (b"", b"PK" + whole, whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(ConfigError, match="damaged, or not a safetensors file"):
            load_generator(path)


def test_a_package_that_the_caller_trusts_may_define_it(saved, tmp_path, monkeypatch):
    folder = tmp_path / "lib" / "trusted_generators"
    folder.mkdir(parents=True)
    text = "from gan_experiments.networks.dcgan import DCGANGenerator\n\n\nclass Mine(DCGANGenerator):\n    pass\n"
    (folder / "__init__.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder.parent))
    path = tamper(saved[1], architecture={"_target_": "trusted_generators.Mine"})
    with pytest.raises(ConfigError, match="refused"):
        load_generator(path)
    assert "trusted_generators" not in sys.modules
    assert type(load_generator(path, trusted=["trusted_generators"])).__name__ == "Mine"


def test_a_network_that_fails_without_a_message_is_refused_by_the_kind_of_its_error(saved, tmp_path, monkeypatch):
    text = "from gan_experiments.networks.dcgan import DCGANGenerator\n\n\nclass Mine(DCGANGenerator):\n"
    text += "    def __init__(self, facts, **options):\n        raise ValueError\n"
    (tmp_path / "failing_generators.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tamper(saved[1], architecture={"_target_": "failing_generators.Mine"})
    with pytest.raises(ConfigError, match=r"its architecture cannot be built: ValueError$"):
        load_generator(path, trusted=["failing_generators"])


def test_a_network_may_multiply_by_keyword_while_its_shapes_are_found():
    with torch.device("meta"), generator_file._ShapesAlone():
        by_keyword = torch.mv(input=torch.ones(2, 3), vec=torch.ones(3))
        assert torch.mv(torch.ones(2, 3), torch.ones(3)).shape == by_keyword.shape == (2,)
        assert torch.nn.functional.normalize(torch.ones(2, 3)).shape == (2, 3)
