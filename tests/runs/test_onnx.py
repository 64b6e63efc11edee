"""ONNX files: what is in them agrees with torch, or there is no file."""

import json

import pytest
import torch
from torch import nn

from gan_experiments.core.contracts import Generator
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.runs import onnx as onnx_export
from gan_experiments.runs.onnx import export_onnx

pytestmark = pytest.mark.usefixtures("quick_onnx")


class Small(Generator):
    def __init__(self, num_classes=0):
        super().__init__(DataFacts("small", 2, 1, num_classes))
        self.latent_dim, self.conditional = 3, num_classes > 0
        self.layer = nn.Linear(3, 4)
        self.embedding = nn.Embedding(max(1, num_classes), 4)

    def forward(self, latents, labels=None):
        images = self.layer(latents)
        if labels is not None:
            images = images + self.embedding(labels)
        return torch.tanh(images).view(-1, 1, 2, 2)


def session_of(path):
    from onnxruntime import InferenceSession  # starts a thread once it is imported: not where a worker is forked

    return InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("num_classes", [0, 5])
def test_the_runtime_makes_the_same_images_of_any_number_of_latents(tmp_path, num_classes):
    generator, path = Small(num_classes).eval(), tmp_path / "generator.onnx"
    assert export_onnx(generator, path) <= 1e-6
    session = session_of(path)
    inputs = {"latents": torch.randn(7, 3), "labels": torch.arange(7) % 5}
    names = ["latents", "labels"][: 1 + bool(num_classes)]
    assert [each.name for each in session.get_inputs()] == names
    images = session.run(["images"], {name: inputs[name].numpy() for name in names})[0]
    torch.testing.assert_close(torch.from_numpy(images), generator(*(inputs[name] for name in names)))
    assert [file.name for file in tmp_path.iterdir()] == ["generator.onnx"]


@pytest.mark.parametrize("num_classes", [0, 5])
def test_the_file_says_what_goes_in_and_what_comes_out(tmp_path, num_classes):
    path = tmp_path / "generator.onnx"
    export_onnx(Small(num_classes).eval(), path)
    said = session_of(path).get_modelmeta().custom_metadata_map
    assert said["latents"] == "float32 (batch, 3), standard normal"
    assert said["images"] == "float32 (batch, 1, 2, 2) in [-1, 1]"
    assert said.get("labels") == ("int64 (batch), 0 to 4" if num_classes else None)
    assert json.loads(said["facts"])["name"] == "small"


def test_what_differs_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "TOLERANCE", -1.0)
    with pytest.raises(ConfigError, match=r"ONNX Runtime is .* from torch, more than -1: not written"):
        export_onnx(Small().eval(), tmp_path / "generator.onnx")
    assert list(tmp_path.iterdir()) == []


class Branching(Small):
    def forward(self, latents, labels=None):
        return super().forward(latents * (2 if latents.sum() > 0 else 3))


class Fixed(Small):
    def forward(self, latents, labels=None):
        return super().forward(latents + torch.zeros(len(latents), 3))  # len() makes a constant of the batch size


@pytest.mark.parametrize(
    ("generator", "reason"),
    [
        (Branching(), "Branching cannot be exported to ONNX|cannot run Branching|from torch"),
        (Fixed(), "cannot run Fixed on a batch|cannot be written"),
    ],
)
def test_what_cannot_be_translated_leaves_no_file(tmp_path, generator, reason):
    with pytest.raises(ConfigError, match=reason):
        export_onnx(generator.eval(), tmp_path / "generator.onnx")
    assert list(tmp_path.iterdir()) == []
