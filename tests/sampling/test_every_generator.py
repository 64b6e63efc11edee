"""Whatever makes images can be drawn, and loaded from its one file: found by the models, without an edit here."""

from itertools import product
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf
from stubs import Echo
from tiny import TRANSLATORS

from gan_experiments import load_generator
from gan_experiments.config.compose import compose
from gan_experiments.config.files import conf_dir
from gan_experiments.core.types import DataFacts
from gan_experiments.sampling.classes import Classes
from gan_experiments.sampling.grid import Grid
from gan_experiments.sampling.interpolation import Interpolation
from gan_experiments.sampling.sefa import SeFa
from gan_experiments.sampling.style_mixing import StyleMixing
from gan_experiments.sampling.truncation import Truncation
from gan_experiments.sampling.video import Video
from gan_experiments.training.build import construct
from gan_experiments.training.callbacks.checkpoint import save_generator

NOT_OF_IMAGES = {"base", "dirac", "linear_quadratic", *TRANSLATORS}  # nor from latents
MODELS = sorted(file.stem for file in (conf_dir() / "model").glob("*.yaml") if file.stem not in NOT_OF_IMAGES)
TINY = {"latent_dim": 16, "channels": 8, "max_channels": 16, "style_dim": 12, "mapping_layers": 2, "hidden": [8]}
TINY |= {"width": 16, "depth": 2, "heads": 2, "layers": 3}
WITH_A_STYLE_IN_EACH_LAYER = {"stylegan2", "stylegan3"}
WITHOUT_DIRECTIONS = {"biggan", "transformer"}  # latents enter in parts, or styles through an activation


def build(name, conditional):
    node = OmegaConf.to_container(compose("train", [f"model={name}"]).model.generator)
    node |= {key: value for key, value in TINY.items() if key in node}
    if "conditional" in node:
        node["conditional"] = conditional
    elif conditional:
        node["conditioning"] = "styles"
    torch.manual_seed(0)
    generator = construct(node, facts=DataFacts("images", 32, 3, 4)).eval().requires_grad_(False)
    generator.architecture = node
    return generator


class Styled(Echo):
    def style_weight(self):
        return torch.eye(4)


SHEETS = [Grid(7), Interpolation(3, 4), Truncation(5), SeFa(), Video(walks=5)]


@pytest.mark.parametrize(("num_classes", "sheet"), [*product([0, 3], SHEETS), (3, Classes(4))])
def test_whatever_is_drawn_is_made_in_batches(sheet, num_classes, monkeypatch):
    whole = sheet(Styled(num_classes), None, 0)
    monkeypatch.setattr("gan_experiments.sampling.base.BATCH", 3)
    generator = Styled(num_classes)
    assert torch.equal(sheet(generator, None, 0), whole)
    assert max(len(latents) for latents, _ in generator.asked) == 3


@pytest.mark.parametrize("sheet", [Grid(9), Interpolation(3, 4), Truncation(5), SeFa(), Classes(4)])
def test_rows_and_columns_of_one_class_have_its_name(sheet):
    numbered = sheet(Styled(3), None, 0)
    sheet.class_names = ["lion", "tiger", "bear"]
    named = sheet(Styled(3), None, 0)
    assert named.shape != numbered.shape or not torch.equal(named, numbered)


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_it_can_be_drawn_and_loaded(name, conditional, tmp_path):
    generator = build(name, conditional)
    latents = torch.randn(3, generator.latent_dim, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(3) if conditional else None
    images = generator(latents, labels)
    torch.testing.assert_close(generator.synthesize(generator.styles(latents, labels), labels), images)
    assert not torch.equal(generator.truncated(latents, 0.5, labels), images)
    sheets = [Interpolation(count=2, steps=2), Truncation(count=2, values=[0.5])]
    sheets += [Classes(count=1)] * conditional
    sheets += [SeFa(directions=[0], count=2, steps=3)] * (name not in WITHOUT_DIRECTIONS)
    sheets += [StyleMixing(2)] * (name in WITH_A_STYLE_IN_EACH_LAYER)
    for sheet in sheets:
        assert sheet(generator, None, 0).float().std() > 0
    average, clock = SimpleNamespace(module=generator), SimpleNamespace(images_seen=0)
    system = SimpleNamespace(ema=average, generator=generator, clock=clock, evaluated=lambda: generator)
    save_generator(system, tmp_path / "generator.safetensors")
    torch.testing.assert_close(load_generator(tmp_path / "generator.safetensors")(latents, labels), images)
