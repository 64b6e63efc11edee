import re
import shlex
import signal
from pathlib import Path

import pytest
from drawn import png, write_archive, write_folder
from omegaconf import OmegaConf
from PIL import Image
from sklearn.datasets import load_digits

from gan_experiments.cli import data, train
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.dcgan import DCGANGenerator
from gan_experiments.networks.r3gan import R3GANGenerator
from gan_experiments.training.speed import TooSlowError

PICTURES = {f"{name}/{number}.png": png(number % 3) for name in ("cat", "dog") for number in range(5)}


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))


def test_digits_are_described(call):
    code, out, err = call(data, "describe", "dataset=digits")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0] == "digits: 1,797 images of 8x8 pixels, 1 channel"
    assert "  classes      10, of 174 to 183 images" in lines
    levels = (load_digits().images * (255 / 16)).round()
    assert f"  channel 0    mean {levels.mean():.4g}, standard deviation {levels.std():.4g}" in lines
    assert "  duplicates   none" in lines
    (sheet,) = Path("outputs/data").iterdir()
    assert lines[-4:-1] == [f"  sheet        {sheet}", "to train on it:", "  gan-train dataset=digits"]
    said = re.fullmatch(r"which takes about (.+) here \(800,000 images at ([\d,]+)/s\)", lines[-1])
    assert said is not None
    assert float(said[2].replace(",", "")) > 0
    with Image.open(sheet) as picture:
        assert picture.width == 10 * (32 + 2) + 2  # a column for each class ...
        assert picture.height > 6 * (32 + 2) + 2  # ... with its name


def test_a_folder_is_described_with_what_is_wrong_in_it(call, tmp_path):
    write_folder(tmp_path / "pictures", {**PICTURES, "cat/zero.png": b"", "notes.txt": b"hello"})
    write_folder(tmp_path / "pictures", {"dog/large.png": png(7, 20)})
    arguments = ["dataset=image_folder", "dataset.root=pictures", "dataset.image_size=8", "output=sheet.png"]
    code, out, err = call(data, "describe", *arguments)
    assert code == 0, err
    for line in (
        "pictures: 11 images of 8x8 pixels, 3 channels",
        "  classes      2, of 5 to 6 images",
        "               cat 5, dog 6",
        "  duplicates   7 images are exact copies of 3 others",
        "  in files     8x8 10, 20x20 1",
        "  resized      lanczos, central square",
        "  unreadable   1: cat/zero.png (not an image)",
        "  ignored      1: notes.txt",
        "  sheet        sheet.png",
    ):
        assert line in out.splitlines()
    said = [line for line in err.splitlines() if "cannot be read" in line]
    assert said == ["Warning: 1 of 12 images cannot be read and are left out: cat/zero.png (not an image)"]  # once
    code, _, err = call(data, "describe", *arguments)
    assert code == 2
    assert "output: sheet.png exists and is not overwritten" in err


def test_a_part_is_described_as_a_run_would_see_it(call, tmp_path):
    write_archive(tmp_path / "pictures.zip", PICTURES)
    code, out, err = call(data, "describe", "dataset=image_archive", "dataset.path=pictures.zip", "dataset.per_class=2")
    assert code == 0, err
    assert "  trained on   4 of them" in out
    assert "  classes      2, of 2 images each" in out


def test_the_batch_of_the_command_is_filled_by_few_images(call, monkeypatch, tmp_path):
    monkeypatch.setattr(data, "expected_time", lambda overrides, config_dir: "")
    write_archive(tmp_path / "pictures.zip", PICTURES)
    given = ["dataset=image_archive", "dataset.path=pictures.zip", "dataset.image_size=32"]
    code, out, err = call(data, "describe", *given)
    assert code == 0, err
    command = shlex.split(out.splitlines()[-1])
    assert command == ["gan-train", *given, "experiment=small_folder", "batch_size=8"]
    code, _, err = call(train, *command[1:], "budget.images=8", "metrics=none")
    assert code == 0, err
    assert data.fitting_batch(["dataset=digits"], 128) == []
    assert data.fitting_batch(["dataset=digits"], 127) == ["batch_size=64"]


def test_points_are_described_and_drawn(call):
    code, out, err = call(data, "describe", "dataset=ring", "count=1000")
    assert code == 0, err
    assert out.startswith("ring: 100,000 points in the plane, 2 channels\n")
    assert [path.suffix for path in Path("outputs/data").iterdir()] == [".png"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "say what to do with the data: gan-data describe dataset=..."),
        (["dataset=digits"], "say what to do with the data: gan-data describe dataset=..."),
        (["describe", "dataset=image_folder"], "dataset.root: missing: it has no default"),
        (["describe", "dataset=image_folder", "dataset.root=nowhere"], "dataset.root: there is no folder nowhere"),
        (["discribe", "dataset=digits"], "say what to do with the data; did you mean 'describe'?"),
        (["describe", "dataset=image_archive", "dataset.path=nowhere"], "dataset.path: there is no file or folder"),
        (["describe", "dataset=digit"], "did you mean 'digits'?"),
        (["describe", "dataset=digits", "dataset.limit=0"], "dataset.limit: 0 is not an integer >= 1 or null"),
        (["describe", "dataset=digits", "dataset.limit=2000"], "dataset.limit: 2000 images requested"),
        (["describe", "dataset=digits", "count=0"], "count: 0 is not an integer >= 1"),
        (["describe", "model=dcgan"], "model"),
    ],
)
def test_wrong_input_is_one_clear_line(call, arguments, problem):
    code, out, err = call(data, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("Config error: 1 problem\n")
    assert problem in err
    assert len(err.splitlines()) == 2
    assert not Path("outputs").exists()


def test_no_time_is_named_for_a_command_that_is_refused():
    assert data.expected_time(["dataset=digits", "model=cut"]) == ""


@pytest.mark.parametrize("error", [RuntimeError("can't allocate memory"), MemoryError(), ConfigError("too large")])
def test_an_estimate_that_fails_leaves_the_command(call, monkeypatch, error):
    def fail(self):
        raise error

    monkeypatch.setattr("gan_experiments.training.speed._Stopwatch.advance", fail)
    code, out, err = call(data, "describe", "dataset=digits")
    assert (code, err) == (0, "")
    assert out.splitlines()[-2:] == ["to train on it:", "  gan-train dataset=digits"]


def test_the_least_that_slow_steps_take_is_named(monkeypatch):
    def fail(config, patience):
        raise TooSlowError

    monkeypatch.setattr("gan_experiments.training.speed.images_per_second", fail)
    told = data.expected_time(["dataset=digits"])
    assert told == "more than 17:21:40 here (800,000 images; a step takes more than 10 s)"  # of 6,250


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_estimate_and_the_command(call, monkeypatch, number):
    before = signal.getsignal(number)
    monkeypatch.setattr("gan_experiments.training.speed._Stopwatch.advance", lambda self: signal.raise_signal(number))
    code, out, err = call(data, "describe", "dataset=digits")
    assert (code, err) == (128 + number, "interrupted\n")
    assert out.splitlines()[-2:] == ["to train on it:", "  gan-train dataset=digits"]
    assert signal.getsignal(number) == before


def test_a_translator_is_suggested_for_two_domains(call, monkeypatch):
    monkeypatch.setattr(data, "expected_time", lambda overrides, config_dir: "")
    code, out, err = call(data, "describe", "dataset=two_classes", "dataset.class_a=3", "dataset.class_b=8")
    assert code == 0, err
    line = out.splitlines()[-1].strip()
    assert line == "gan-train dataset=two_classes dataset.class_a=3 dataset.class_b=8 model=cut"
    code, _, err = call(train, *shlex.split(line)[1:], "--cfg", "job")
    assert code == 0, err


@pytest.mark.parametrize("dataset", ["image_folder", "paired", "unpaired", "shards"])
def test_rectangles_that_become_squares_are_told_once_with_what_keeps_them(call, tmp_path, dataset):
    """For each domain; not if they are kept, nor to those who ask for squares."""
    for place, width in (("a", 24), ("b", 24), ("pairs", 48)):
        (tmp_path / place).mkdir()
        for number in range(8):
            Image.new("RGB", (width, 16), (number * 30, 0, 0)).save(tmp_path / place / f"{number}.png")
    roots = {"image_folder": ["dataset.root=b"], "paired": ["dataset.root=pairs"]}
    roots |= {"unpaired": ["dataset.root_a=a", "dataset.root_b=b"], "shards": ["dataset.urls='tars/0000.tar'"]}
    if dataset == "shards":
        pytest.importorskip("webdataset")
        whole = ["dataset=image_folder", "dataset.root=b", "dataset.image_size=[16,24]", "output=tars"]
        code, _, err = call(data, "shards", *whole)
        assert code == 0, err
    given = [f"dataset={dataset}", *roots[dataset]]
    code, out, err = call(data, "describe", *given)
    assert code == 0, err
    way_out = "; dataset.image_size=[16,24] keeps those of 24x16 whole"
    lines = [line for line in out.splitlines() if "resized" in line]
    both = 2 if dataset == "unpaired" else 1
    assert [line.endswith(f"lanczos, central square{way_out}") for line in lines] == [True] * both
    text = "8 of 8 images are not square (24x16 8) and lose what is not in the middle"
    said = f"Warning: dataset.image_size: no value given: {text}{way_out}"
    assert [line for line in err.splitlines() if "square" in line] == [said] * both
    code, out, err = call(data, "describe", *given, "dataset.image_size=[16,24]")
    assert code == 0, err
    assert "8 images of 24x16 pixels" in out
    assert "square" not in out + err
    code, _, err = call(data, "describe", *given, "dataset.image_size=16")
    assert code == 0, err
    assert "not square" not in err


def test_a_training_tells_once_that_rectangles_become_squares(call, tmp_path):
    (tmp_path / "wide").mkdir()
    for number in range(8):
        Image.new("RGB", (16, 8), (number * 30, 0, 0)).save(tmp_path / "wide" / f"{number}.png")
    arguments = ["dataset=image_folder", "dataset.root=wide", "budget.images=16", "batch_size=8", "metrics=none"]
    code, _, err = call(train, *arguments)
    assert code == 0, err
    assert err.count("Warning: dataset.image_size: no value given: 8 of 8 images are not square (16x8 8)") == 1


def test_the_command_finds_what_the_dataset_was_found_with(call, monkeypatch, tmp_path):
    """A dataset of the user's own, in a folder of configs: the command and the estimate name both."""
    (tmp_path / "my_datasets.py").write_text(
        "from gan_experiments.data.datasets.digits import Digits\n"
        "class Mine(Digits):\n"
        "    def __init__(self, shade: int = 0, **options: int | None) -> None:\n"
        "        super().__init__(**options)\n"
    )
    (tmp_path / "my conf" / "dataset").mkdir(parents=True)
    (tmp_path / "my conf" / "dataset" / "mine.yaml").write_text("_target_: my_datasets.Mine\n")
    monkeypatch.syspath_prepend(tmp_path)
    given = ["--config-dir", "my conf", "dataset=mine", "+dataset.shade=1", "trusted=[my_datasets]"]
    code, out, err = call(data, "describe", *given)
    assert (code, err) == (0, "")
    command, estimate = out.splitlines()[-2:]
    assert shlex.split(command) == ["gan-train", *given[:3], "++dataset.shade=1", given[-1]]
    assert estimate.startswith("which takes about ")
    code, _, err = call(train, *shlex.split(command)[1:], "budget.images=64", "metrics=none")
    assert code == 0, err


def test_help_says_how_to_call_it(call):
    code, out, _ = call(data, "--help")
    assert code == 0
    assert "usage: gan-data describe [group=option ...]" in out
    assert "image_archive" in out


def test_shards_are_written_described_and_trained_on(call, tmp_path):
    pytest.importorskip("webdataset")
    write_archive(tmp_path / "pictures.zip", PICTURES | {f"cat/more{number}.png": png(number) for number in range(10)})
    arguments = ["dataset=image_archive", "dataset.path=pictures.zip", "output=shards", "shard_images=8"]
    code, out, err = call(data, "shards", *arguments)
    assert code == 0, err
    urls = "dataset.urls='shards/{0000..0002}.tar'"
    assert out.splitlines() == [
        "wrote 20 images; to train on them:",
        f"  gan-train dataset=shards {urls} dataset.channels=3",
    ]
    # As the shell hands it over, without the quotes; Hydra alone would refuse the braces.
    code, out, err = call(data, "describe", "dataset=shards", urls.replace("'", ""), "dataset.reference_images=10")
    assert code == 0, err
    for line in (
        "shards: 20 images of 8x8 pixels, 3 channels",
        "               cat 15, dog 5",
        "  looked at    10 of them, those that generated images are compared with:",
        "  shards       3",
        "  unreadable   none",
    ):
        assert line in out.splitlines()
    code, _, err = call(data, "shards", *arguments)
    assert code == 2
    assert "output: shards exists and is not overwritten" in err
    code, _, err = call(train, "dataset=shards", "dataset.urls=shards/{0000..0004}.tar")
    assert code == 2
    assert "  dataset.urls: 2 of 5 shards are missing: shards/0003.tar, shards/0004.tar\n" in err


def test_shards_need_a_folder(call):
    code, _, err = call(data, "shards")
    assert code == 2
    assert err.splitlines() == ["Config error: 1 problem", "  output: missing: it has no default"]


@pytest.mark.parametrize(
    ("size", "suits"),
    [
        (8, "experiment=small_folder conditioning=projection"),
        (128, "augment=diffaugment model=r3gan loss=relativistic_pairing penalty=r1_r2 optimizer=r3gan"),
    ],
)
def test_the_last_line_is_a_command_that_trains_on_the_data(call, tmp_path, monkeypatch, size, suits):
    monkeypatch.setattr(data, "_PER_CLASS", 5)
    write_folder(tmp_path / "pictures", PICTURES)
    monkeypatch.setattr(data, "expected_time", lambda overrides, config_dir: "")
    arguments = ["dataset=image_folder", "dataset.root=pictures", f"dataset.image_size={size}"]
    code, out, err = call(data, "describe", *arguments)
    assert code == 0, err
    line = out.splitlines()[-1].strip()
    assert line.startswith(" ".join(["gan-train", *arguments, *suits.split()]))
    code, _, err = call(train, *shlex.split(line)[1:], "--cfg", "job")
    assert code == 0, err


@pytest.mark.parametrize(
    ("size", "network", "expected"),
    [
        (64, DCGANGenerator, []),
        (48, DCGANGenerator, ["dataset.image_size=32"]),  # or 64: as near
        ((32, 48), DCGANGenerator, []),
        ((50, 34), DCGANGenerator, ["dataset.image_size=[48,32]"]),
        (96, R3GANGenerator, ["dataset.image_size=64"]),
        (200, R3GANGenerator, ["dataset.image_size=256"]),
    ],
)
def test_a_size_that_the_network_takes_is_suggested(size, network, expected):
    assert data.fitting_size(DataFacts("images", size, 3), network) == expected
    for line in expected:
        network(DataFacts("images", OmegaConf.from_dotlist([line]).dataset.image_size, 3), channels=2, **SMALL[network])


SMALL = {DCGANGenerator: {}, R3GANGenerator: {"blocks": 1, "group_width": 2}}
