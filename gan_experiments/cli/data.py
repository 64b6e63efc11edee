"""``gan-data``: look at a dataset before training on it, or turn it into shards."""

from __future__ import annotations

import sys
from pathlib import Path

from gan_experiments.api.request import Request
from gan_experiments.cli._command import command, report
from gan_experiments.config.command_schemas import DataConfig, ShardsConfig
from gan_experiments.core.escape import printable
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.summary import shown


def main() -> None:
    """Run the command."""
    verb = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    if verb in ("describe", "shards"):
        sys.argv.remove(verb)
    elif verb is not None or len(sys.argv) == 1:
        told = "gan-data describe dataset=..., or gan-data shards dataset=... output=..."
        sys.exit(report(ConfigError(f"say what to do with the data: {told}")))
    if verb == "shards":
        command("shards", ShardsConfig, write)
    command("data", DataConfig, run)


def run(request: Request) -> int:
    """Print what there is to know, and write a contact sheet."""
    options = request.config
    if options["output"] is not None and Path(options["output"]).exists():
        raise ConfigError(f"output: {options['output']} exists and is not overwritten")
    from gan_experiments.core.images import image_grid, save_png
    from gan_experiments.data.describe import describe, sheet
    from gan_experiments.training.build import construct

    data = construct(options["dataset"], "dataset", seed=options["seed"])
    data.prepare_data()
    data.setup()
    print("\n".join(map(printable, describe(data))))
    # Named by its content, it can be written again without a loss.
    output = Path(options["output"] or f"outputs/data/{data.facts.name}-{data.fingerprint[:8]}.png")
    images, columns = sheet(data, options["count"], options["seed"])
    save_png(image_grid(images, columns), output)
    print(f"  sheet        {shown(output)}")
    return 0


def write(request: Request) -> int:
    """Write the data as tar shards."""
    options = request.config
    if Path(options["output"]).exists():
        raise ConfigError(f"output: {options['output']} exists and is not overwritten")
    from gan_experiments.data.shards.writer import write_shards
    from gan_experiments.training.build import construct

    data = construct(options["dataset"], "dataset", seed=options["seed"])
    data.prepare_data()
    data.setup()
    urls = write_shards(data, Path(options["output"]).expanduser(), options["shard_images"], options["seed"])
    line = f"gan-train dataset=shards dataset.urls='{urls}' dataset.channels={data.facts.channels}"
    print(f"wrote {data.num_training:,} images; to train on them:\n  {line}")
    return 0


if __name__ == "__main__":
    main()
