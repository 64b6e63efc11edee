"""``gan-data``: look at a dataset before training on it, or turn it into a folder, a zip archive or shards."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gan_experiments.api.request import Request
from gan_experiments.cli._command import command
from gan_experiments.cli._errors import report
from gan_experiments.cli._silence import silence
from gan_experiments.config.command_schemas import ConvertConfig, DataConfig, ShardsConfig
from gan_experiments.core.escape import printable
from gan_experiments.core.files import check_new, check_place
from gan_experiments.core.text import key_of, suggest
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.summary import shown

if TYPE_CHECKING:
    from gan_experiments.core.contracts import Generator
    from gan_experiments.core.types import DataFacts
    from gan_experiments.data.base import ImageData

_VERBS = ("describe", "shards", "convert")
_LARGEST_SMALL = 64  # pixels
_FEW = 5000  # images, below which a discriminator learns them by heart (Karras et al. 2020; Zhao et al. 2020)
_PER_CLASS = 50  # images of a class that a class is worth conditioning on


def main() -> None:
    """Run the command."""
    verb = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    if verb in _VERBS:
        sys.argv.remove(verb)
    elif verb is not None or len(sys.argv) == 1:
        usage = "gan-data describe dataset=..., or gan-data convert dataset=... output=..., or gan-data shards"
        meant = suggest(verb, _VERBS) if verb is not None and "=" not in verb else ""
        sys.exit(report(ConfigError(f"say what to do with the data{meant or f': {usage}'}")))
    if verb == "shards":
        command("shards", ShardsConfig, write)
    if verb == "convert":
        command("convert", ConvertConfig, write)
    command("data", DataConfig, run)


def run(request: Request) -> int:
    """Print what there is to know, and write a contact sheet."""
    options = request.config
    sheets = Path("outputs/data")
    check_new(Path(options["output"]), "output") if options["output"] else check_place(sheets, "output")
    from gan_experiments.core.grid_labels import label_columns
    from gan_experiments.core.images import image_grid, save_png
    from gan_experiments.data.describe import describe, sheet
    from gan_experiments.training.build import construct

    data = construct(options["dataset"], "dataset", seed=options["seed"])
    data.prepare_data()
    data.setup()
    print("\n".join(map(printable, describe(data))))
    # Named by its content, it can be written again without a loss.
    output = Path(options["output"] or sheets / f"{data.facts.name}-{data.fingerprint[:8]}.png")
    images, columns, names = sheet(data, options["count"], options["seed"])
    grid = image_grid(images, columns)
    save_png(label_columns(grid, names) if names else grid, output)
    print(f"  sheet        {shown(output)}")
    own = suggested(data)
    replaced = {key_of(line) for line in own}
    read = [line for line in request.overrides if key_of(line).partition(".")[0] in ("dataset", "trusted")]
    command = [*(line for line in read if key_of(line) not in replaced), *own]
    command += fitting_batch(command, data.num_training, request.config_dir)
    folder = [] if request.config_dir is None else ["--config-dir", str(request.config_dir)]
    print(f"to train on it:\n  {shlex.join(['gan-train', *folder, *command])}", flush=True)
    if estimate := expected_time(command, request.config_dir):
        print(f"which takes {estimate}")
    return 0


def expected_time(overrides: list[str], config_dir: str | Path | None = None) -> str:
    """Return in words how long ``gan-train`` takes with these overrides, from a few steps; empty if they fail."""
    from gan_experiments.api.compose import compose
    from gan_experiments.training.speed import expected_duration

    try:
        with silence():  # the data have been described already
            config = compose(overrides, config_dir=config_dir)
            return expected_duration(config, config["budget"]["images"])
    except Exception:  # gan-train itself says why
        return ""


def suggested(data: ImageData) -> list[str]:
    """Return overrides that suit image files of the user's: domains, their size, number, and whether they have classes.

    A dataset of ours needs none: the defaults, or its own, suit it.
    """
    from gan_experiments.data.datasets.image_files import CachedImages
    from gan_experiments.data.datasets.paired import Paired
    from gan_experiments.data.datasets.unpaired import TwoClasses, Unpaired
    from gan_experiments.networks.dcgan import DCGANGenerator
    from gan_experiments.networks.r3gan import R3GANGenerator

    if isinstance(data, (Paired, Unpaired, TwoClasses)):
        return ["model=pix2pix" if data.domains == "paired" else "model=cut"]
    if not isinstance(data, CachedImages):
        return []
    large, few = data.facts.shorter_side > _LARGEST_SMALL, data.num_training < _FEW
    overrides = fitting_size(data.facts, R3GANGenerator if large else DCGANGenerator)
    overrides += ["experiment=small_folder"] if few and not large else ["augment=diffaugment"] * few
    overrides += ["model=r3gan", "loss=relativistic_pairing", "penalty=r1_r2", "optimizer=r3gan"] if large else []
    return overrides + ["conditioning=projection"] * (1 < data.facts.num_classes <= data.num_training // _PER_CLASS)


def fitting_size(facts: DataFacts, network: type[Generator]) -> list[str]:
    """Return the override of the image size to the nearest that a network takes; empty if it takes this one."""
    sizes, multiples = network.image_sizes, network.side_multiple
    assert sizes is not None
    assert isinstance(multiples, Mapping)
    shorter = min(sizes, key=lambda size: abs(size - facts.shorter_side))
    scale, step = shorter / facts.shorter_side, multiples[shorter]
    longer = max(1, round(max(facts.height, facts.width) * scale / step)) * step
    height, width = (shorter, longer) if facts.height <= facts.width else (longer, shorter)
    if (height, width) == (facts.height, facts.width):
        return []
    return [f"dataset.image_size={height}" if height == width else f"dataset.image_size=[{height},{width}]"]


def fitting_batch(overrides: list[str], num_images: int, config_dir: str | Path | None = None) -> list[str]:
    """Return the override of the batch size if that of these overrides is more than the training images."""
    from gan_experiments.api.compose import compose

    try:
        with silence():
            size = compose(overrides, config_dir=config_dir)["batch_size"]
    except Exception:  # gan-train itself says why
        return []
    largest_power: int = 2 ** (num_images.bit_length() - 1)  # by which groups of a batch are divided without a rest
    return [f"batch_size={largest_power}"] if size > num_images else []


def write(request: Request) -> int:
    """Write the data as tar shards, or as image files in a folder or a zip archive."""
    options = request.config
    output = Path(options["output"]).expanduser()
    form = options.get("format", "shards") or ("zip" if output.suffix == ".zip" else "folder")
    check_new(output, "output")
    if (form == "zip") != (output.suffix == ".zip"):
        raise ConfigError(f"output: {options['output']} does not go with format={form}: only the name of a zip ends so")
    from gan_experiments.data.convert import write_images
    from gan_experiments.data.files.framing import LARGEST_GUESS
    from gan_experiments.data.shards.writer import write_shards
    from gan_experiments.training.build import construct

    data = construct(options["dataset"], "dataset", seed=options["seed"])
    if data.domains:
        raise ConfigError(f"dataset: {data.domains} images are not written: their inputs would be lost")
    data.prepare_data()
    data.setup()
    if form == "shards":
        urls = write_shards(data, output, options["shard_images"], options["seed"])
        read = f"dataset=shards dataset.urls='{urls}'"
    else:
        write_images(data, output)
        kind = "image_archive dataset.path" if form == "zip" else "image_folder dataset.root"
        read = f"dataset={kind}={shlex.quote(options['output'])}"
    facts, size = data.facts, f"dataset.image_size=[{data.facts.height},{data.facts.width}]"
    others = [size] * (facts.height != facts.width or facts.shorter_side > LARGEST_GUESS) + [
        f"dataset.channels={facts.channels}"
    ]
    others += [f"dataset.bits={facts.bits}"] * (facts.bits != 8)
    print(f"wrote {data.num_training:,} images; to train on them:\n  gan-train {read} {' '.join(others)}")
    return 0


if __name__ == "__main__":
    main()
