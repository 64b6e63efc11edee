"""The help pages. What there is to choose from and what it means is read from the config files themselves."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from gan_experiments.cli._arguments import flag_parser
from gan_experiments.config.files import conf_dir, root_dir
from gan_experiments.core.escape import printable

WIDTH = 100

ABOUT = {
    "train": """Train a generative adversarial network. A run is described by a config: one option of each group below,
        and values of single keys. It writes all it has to say into a folder of its own, outputs/<date>/<run>; the same
        command finds that folder again: a finished run is not repeated, one that was cut off goes on.""",
    "evaluate": """Measure the generator of a run, or any images against those of a dataset. Every value is printed with
        how it was obtained, its margin of error and what a perfect generator gets; those of a run are added to its
        record.""",
    "compare": """Compare the runs of a study, sorted into arms by what varies, with the uncertainty over seeds. It
        writes a page, tables and data into the study's folder, and prints what they show.""",
    "runs": """List run folders with their status, progress, newest values, size and age. The other verbs: gan-runs
        follow, compare, archive, delete (gan-runs delete --help); folders of runs may stand by
        themselves: gan-runs outputs/losses.""",
    "runs_follow": """Print the progress of runs that are being trained, until they have ended; Ctrl-C ends the printing
        only.""",
    "runs_compare": """Show runs side by side: the settings that differ, how far they are, their newest values.""",
    "runs_archive": """Write each run folder as a zip archive, and read that back. The folder stays.""",
    "runs_delete": """Delete run folders, after showing which: with yes=true, or if you say so on a terminal. A run that
        is being trained is never deleted, nor is a folder without the record of a run.""",
    "data": """Describe a dataset as a run would see it, with a contact sheet: counts, sizes, classes, mean and spread,
        duplicates, broken files. The other verbs, gan-data convert and gan-data shards, write it in other forms.""",
    "convert": """Write a dataset as a run would see it, resized, without a loss: as image files in a folder or a zip
        archive, with labels in dataset.json as the tools of StyleGAN3 have them, or as tar shards.""",
    "shards": """Write a dataset as tar shards, as a run would see it: resized, in a random order, without a loss.""",
    "export": """Write the averaged generator of a run as an ONNX file, once ONNX Runtime has agreed with torch on it.
        Needs the extra: pip install 'gan-experiments[onnx]'.""",
    "translate": """Translate image files with the translator of a run: one, or all of a folder, of any size; larger
        ones in tiles that overlap. It writes a PNG for each.""",
    "import": """Make a run folder of the networks in a snapshot of StyleGAN2, StyleGAN2-ADA, StyleGAN3 or R3GAN.
        Nothing in the file is run: it is read as data, and its weights go into the networks here.""",
    "sample": """Draw what the generator of a run makes as a PNG: a grid of samples, interpolations, classes,
        truncation, directions of change, projections of image files, or samples beside their nearest real images.""",
    "stability": """Find out whether training converges to an equilibrium that is known, orbits it or diverges: from the
        Jacobian of the real training step there, the states of optimizers and penalties included.""",
    "diagnose": """Find out what would have helped a run: replay it from a checkpoint, as it was and with one thing
        changed at a time, for a few rows each, and say which of the replays end without a failure. The run itself
        stays as it is.""",
}

EXAMPLES = {
    "train": """gan-train
gan-train model=mlp loss=minimax seed=3 budget.images=200000
gan-train trainer=gpu trainer.precision=bf16-mixed
gan-train 'penalty=[r1,lecam]' penalty.r1.interval=16
gan-train -m loss=hinge,wasserstein seed=0,1,2,3
gan-train -m study=losses
gan-train resume=outputs/<date>/<run>
gan-train --config-dir outputs/<date>/<run> --config-name config   (repeats a run from its saved config)""",
    "evaluate": """gan-evaluate run=outputs/<date>/<run>
gan-evaluate run=outputs/<date>/<run> metrics=inception metrics.samples=50000 checkpoint=best
gan-evaluate run=outputs/<date>/<run> 'metrics=[native,kid,prdc]'
gan-evaluate fake=folder_of_pngs dataset=cifar10""",
    "compare": """gan-compare study=outputs/losses
gan-compare study=outputs/losses factor=loss baseline=non_saturating measure=fid
gan-compare 'runs=[outputs/*/digits-*,/other/machine/digits-*]'
gan-compare study=outputs/grid 'factor=[loss,penalty]' score=best threshold=10""",
    "runs": """gan-runs
gan-runs outputs/losses sort=fid
gan-runs 'outputs/*/digits-*' 'status=[failed,interrupted]'
gan-runs group='2026-11-*' name='*hinge*'""",
    "runs_follow": """gan-runs follow
gan-runs follow outputs/<date>/<run>""",
    "runs_compare": """gan-runs compare outputs/<date>/<run> outputs/<date>/<run>""",
    "runs_archive": """gan-runs archive outputs/losses output=/archive""",
    "runs_delete": """gan-runs delete outputs/<date>/<run>
gan-runs delete outputs status=failed yes=true""",
    "data": """gan-data describe dataset=mnist
gan-data describe dataset=image_folder dataset.root=my_photos dataset.image_size=64 count=256
gan-data describe dataset=image_archive dataset.path=cifar10.zip dataset.per_class=100 output=part.png""",
    "convert": """gan-data convert dataset=image_folder dataset.root=my_photos dataset.image_size=64 output=photos.zip
gan-data convert dataset=image_archive dataset.path=ffhq-dataset.zip format=shards output=shards
gan-train dataset=image_archive dataset.path=photos.zip""",
    "shards": """gan-data shards dataset=image_folder dataset.root=my_photos dataset.image_size=64 output=shards
gan-train dataset=shards dataset.urls='shards/{0000..0063}.tar' dataset.image_size=64""",
    "export": """gan-export run=outputs/<date>/<run>
gan-export run=outputs/<date>/<run> checkpoint=best output=generator.onnx""",
    "translate": """gan-translate run=outputs/<date>/<run> input=photos output=paintings
gan-translate run=outputs/<date>/<run> input=painting.jpg output=photos direction=b_to_a""",
    "import": """gan-import ffhq.pkl output=imported/ffhq
gan-sample run=imported/ffhq output=truncation
gan-evaluate run=imported/ffhq dataset=image_folder dataset.root=ffhq metrics=inception""",
    "sample": """gan-sample run=outputs/<date>/<run>
gan-sample run=outputs/<date>/<run> output.count=100 seed=1 file=grid.png
gan-sample run=outputs/<date>/<run> output=interpolation output.path=linear
gan-sample run=outputs/<date>/<run> output=neighbours checkpoint=best""",
    "diagnose": """gan-diagnose run=outputs/<date>/<run>
gan-diagnose run=outputs/<date>/<run> checkpoint=start images=100000
gan-diagnose run=outputs/<date>/<run> 'only=[half the rates,r1 x 2]' output=diagnosis""",
    "stability": """gan-stability penalty=r1 optimizer.generator.lr=0.2 optimizer.discriminator.lr=0.2
gan-stability loss=wasserstein model.update_order=simultaneous
gan-stability dataset=gaussian model=linear_quadratic loss=wasserstein penalty=r1 penalty.r1.weight=10""",
}


def help_page(config_name: str, config_dir: str | Path | None = None) -> str:
    """Return the help of a command: what it does, the groups with their options, the keys, examples, flags."""
    program = {"data": "gan-data describe", "shards": "gan-data shards", "convert": "gan-data convert"}.get(
        config_name, f"gan-{config_name.replace('_', ' ')}"
    )
    groups, keys = _read_root(root_dir(config_name) / f"{config_name}.yaml")
    folders = [conf_dir()] + ([Path(config_dir)] if config_dir else [])
    parts = [
        _wrapped(ABOUT[config_name]),
        *(["Groups, with the option taken by default:\n" + _groups(groups, folders)] if groups else []),
        "Keys, with their defaults (???: must be given; those of an option: --cfg job):\n"
        + textwrap.indent(keys, "  "),
        "Examples:\n" + textwrap.indent(EXAMPLES[config_name], "  "),
    ]
    return flag_parser(program, "\n\n".join(parts).replace("%", "%%")).format_help().rstrip()


def _read_root(file: Path) -> tuple[list[tuple[str, str, str]], str]:
    """Return the groups of a root config, each with its default and its meaning, and the text of its keys."""
    defaults, _, keys = file.read_text(encoding="utf-8").partition("\n\n")
    lines = re.findall(r"^ *- (?:optional )?(\w+): (\S+)[ \t]*(?:# *(.*))?$", defaults, flags=re.MULTILINE)
    return lines, keys.strip()


def _groups(groups: list[tuple[str, str, str]], folders: list[Path]) -> str:
    lines = []
    for group, default, meaning in groups:
        files = sorted({printable(file.stem) for folder in folders for file in (folder / group).glob("*.yaml")})
        if files:
            title = f"  {group + '=' + default if default != 'null' else group:<24}{meaning}".rstrip()
            lines += [title, _wrapped(", ".join(files), indent=26)]
    return "\n".join(lines)


def _wrapped(text: str, indent: int = 0) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent)
