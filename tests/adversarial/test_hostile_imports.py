"""Checkpoints of other code with one thing changed: refused in one line, or imported; nothing else is raised."""

from functools import cache
from pathlib import Path

import foreign_states
import torch

from gan_experiments.api.import_network import import_network
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.biggan_deep import BigGANDeepGenerator
from gan_experiments.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_experiments.networks.residual import ResidualDiscriminator, ResidualGenerator

CHANGES = {
    "missing": lambda value: None,
    "empty": lambda value: torch.empty(0),
    "a number": lambda value: torch.tensor(1.0),
    "flat": lambda value: value.flatten(),
    "longer": lambda value: torch.cat([value, value]) if value.dim() else value.repeat(2),
    "of five dimensions": lambda value: value.reshape(1, 1, 1, 1, -1),
    "of no channels": lambda value: value[:, :0] if value.dim() > 1 else value[:0] if value.dim() else value,
    "of zeros": torch.zeros_like,
    "not finite": lambda value: torch.full_like(value, torch.nan) if value.is_floating_point() else value,
    "of whole numbers": lambda value: value.long(),
    "repeated": lambda value: torch.ones(1).expand(1 << 20),
    "text": lambda value: "weight",
    "a list": lambda value: [value, [value]],
}


@cache
def states():
    """Return a state dict of each network that is read, by where it is in a file."""
    facts, classes = DataFacts("images", 16, 3), DataFacts("images", 32, 3, 3)
    options = {"wide": True, "activated_shortcuts": True, "conditioning": "projection"}
    sagan = ResidualGenerator(classes, 4, 2, "half", spectral_norm=True, conditional=True)
    deep = BigGANDeepGenerator(DataFacts("images", 128, 3, 3), 3, 1, 4, spectral_norm=False, conditional=True)
    return {
        "generator": foreign_states.torchgan(DCGANGenerator(facts, 4, 2, slope=0.2, image_bias=True), 3),
        "discriminator": foreign_states.torchgan(DCGANDiscriminator(facts, 2, image_bias=True), 3),
        "G": foreign_states.studiogan(sagan, attention=2),
        "D": foreign_states.studiogan(ResidualDiscriminator(classes, 4, **options)),
        "": foreign_states.biggan_deep(deep),
    }


def imported(which, state):
    """Write a file or a folder with one network that has been changed, and import it."""
    if which == "":
        torch.save(state, "file.bin")
        return import_network("file.bin", "run")
    if which in ("generator", "discriminator"):
        torch.save({**{key: states()[key] for key in ("generator", "discriminator")}, which: state}, "file.model")
        return import_network("file.model", "run")
    Path("folder").mkdir()
    for key, each in {"G": states()["G"], "D": states()["D"], which: state}.items():
        torch.save({"state_dict": each}, f"folder/model={key}-current-weights-step=1.pth")
    return import_network("folder", "run")


def test_a_changed_weight_is_refused_in_a_line_or_taken(share, tmp_path, monkeypatch):
    cases = [(which, name, change) for which in states() for name in states()[which] for change in CHANGES]
    failures = {}
    for number, (which, name, change) in enumerate(share(cases[3::60])):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        value = CHANGES[change](states()[which][name])
        state = {key: each for key, each in {**states()[which], name: value}.items() if each is not None}
        try:
            imported(which, state)
        except ConfigError as error:
            if Path("run").exists() or any("\n" in line for line in error.problems):
                failures[which, name, change] = str(error)
        except Exception as error:  # whatever it is
            failures[which, name, change] = repr(error)[:300]
    assert not failures
