"""``gan-translate``: translate image files with the translator of a run."""

from __future__ import annotations

from pathlib import Path

from gan_experiments.api.request import Request
from gan_experiments.api.run import load_run
from gan_experiments.cli._command import command
from gan_experiments.config.command_schemas import TranslateConfig
from gan_experiments.runs.summary import shown


def main() -> None:
    """Run the command."""
    command("translate", TranslateConfig, run)


def run(request: Request) -> int:
    """Write a PNG, or an array where no PNG holds the channels, for each image file, and say where."""
    options = request.config
    trained = load_run(options["run"], options["trusted"])
    from gan_experiments.api.translate import input_files, read_inputs, translate_images, translator_of
    from gan_experiments.core.files import check_place
    from gan_experiments.core.images import picture_suffix, save_png

    output = Path(options["output"]).expanduser()
    system, data = trained.restore(options["checkpoint"], options["accelerator"], options["generator"] == "raw")
    translator = translator_of(system, options["direction"], options["generator"] == "ema")
    bits = translator.facts.bits
    suffix = picture_suffix(translator.facts.channels, bits)
    check_place(output, "output")
    files = input_files(Path(options["input"]).expanduser(), output, suffix)
    for image, target in read_inputs(files, translator.input_channels, bits):
        target.parent.mkdir(parents=True, exist_ok=True)
        save_png(translate_images(translator, data, options["direction"], image)[0], target)
    print(f"{len(files):,} image{'s' * (len(files) > 1)} in {shown(output)}")
    return 0


if __name__ == "__main__":
    main()
