"""Damaged and hostile checkpoints: one that is not as it was saved is refused in one line, before a step is made."""

import io
import random
import zipfile
from copy import deepcopy

import pytest
import torch
from safetensors.torch import load_file, save_file
from same_run import assert_same

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.generator_file import load_generator
from gan_experiments.training.restore import restore
from gan_experiments.training.train import prepare, train

WEIGHT = "ema.module.layers.0.weight"
PARTS = ("state_dict", "images_seen", "optimizer_states", "callbacks", "statistics", "loops", "epoch", "global_step")


def put(*path):
    """Return a change of a checkpoint: the last of ``path`` is put where the others lead."""

    def change(checkpoint):
        *keys, last, value = path
        for key in keys:
            checkpoint = checkpoint[key]
        checkpoint[last] = value(checkpoint[last]) if callable(value) else value

    return change


def drop(*path):
    def change(checkpoint):
        *keys, last = path
        for key in keys:
            checkpoint = checkpoint[key]
        del checkpoint[last]

    return change


def nested(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


def shared(depth):
    value = [0]
    for _ in range(depth):
        value = [value, value]
    return value


def poisoned(value):
    return lambda weight: weight.clone().index_fill_(0, torch.tensor([0]), value)


LOOP = ("callbacks", "RunLoop")
BEYOND_RESTORE = {  # what an evaluation does not read
    **{f"no {part}": drop(part) for part in (*PARTS[2:], "lr_schedulers", "pytorch-lightning_version")},
    **{f"{part} is {value!r}": put(part, value) for part in PARTS[2:] for value in (None, [], 0.5, "x")},
    "an optimizer less": put("optimizer_states", lambda states: states[:1]),
    "an optimizer more": put("optimizer_states", lambda states: states * 2),
    "the optimizers exchanged": put("optimizer_states", lambda states: states[::-1]),
    "no groups": put("optimizer_states", 0, "param_groups", []),
    "a group less a parameter": put("optimizer_states", 0, "param_groups", 0, "params", [0]),
    "no learning rate": drop("optimizer_states", 0, "param_groups", 0, "lr"),
    "a learning rate of text": put("optimizer_states", 0, "param_groups", 0, "lr", "x"),
    "another moment": put("optimizer_states", 0, "state", 0, "exp_avg", torch.ones(3)),
    "a parameter too many": put("optimizer_states", 0, "state", 99, {"step": torch.tensor(1.0), "a": torch.ones(2)}),
    "no loop": drop(*LOOP),
    "no evaluation": drop(*LOOP, "evaluation"),
    "no seconds": drop(*LOOP, "evaluation", "seconds"),
    "seconds of text": put(*LOOP, "monitor", "seconds", "x"),
    "best of lists": put(*LOOP, "evaluation", "best", {"fid": [1]}),
    "final with more": put(*LOOP, "evaluation", "final", "fid", "more", 1.0),
    "final with less": drop(*LOOP, "evaluation", "final", "fid", "value"),
    "extractors of a number": put(*LOOP, "evaluation", "extractors", 3),
    "statistics of other steps": put("statistics", {"loss": ([0, 1, 2], torch.ones(1, 1))}),
    "statistics of no tensor": put("statistics", {"loss": ([0], 1.0)}),
    "statistics that are NaN": put("statistics", {"loss": ([0], torch.full((1, 1), torch.nan))}),
    "no fit loop": drop("loops", "fit_loop"),
    "progress of text": put("loops", "fit_loop", "epoch_progress", "total", "ready", "x"),
    "discriminator of NaN": put("state_dict", "discriminator.layers.0.weight", poisoned(torch.nan)),
    "a weight of no network": put("state_dict", "more", torch.ones(2)),
    "no discriminator": drop("state_dict", "discriminator.layers.0.weight"),
}
REFUSED = {
    **{f"no {part}": drop(part) for part in PARTS[:2]},
    **{f"{part} is {value!r}": put(part, value) for part in PARTS[:2] for value in (None, [], 0.5, "x")},
    **{f"clock at {at!r}": put("images_seen", at) for at in (-8, -1, 12, 32.0, True, 72, 1 << 70, torch.tensor(32))},
    "no weight": drop("state_dict", WEIGHT),
    "a weight of NaN": put("state_dict", WEIGHT, poisoned(torch.nan)),
    "an infinite weight": put("state_dict", WEIGHT, poisoned(-torch.inf)),
    "a weight of another shape": put("state_dict", WEIGHT, lambda weight: weight[:1].clone()),
    "an empty weight": put("state_dict", WEIGHT, torch.empty(0)),
    "a scalar weight": put("state_dict", WEIGHT, torch.tensor(1.0)),
    "an expanded weight": put("state_dict", WEIGHT, lambda weight: torch.ones(1).expand(weight.shape)),
    "an immense weight": put("state_dict", WEIGHT, torch.ones(1).expand(1 << 40)),
    "a sparse weight": put("state_dict", WEIGHT, lambda weight: weight.reshape(len(weight), -1).to_sparse()),
    "a quantized weight": put("state_dict", WEIGHT, torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)),
    "a weight on meta": put("state_dict", WEIGHT, lambda weight: weight.to("meta")),
    "a weight of lists": put("state_dict", WEIGHT, lambda weight: weight.tolist()),
    **{
        f"a weight of {dtype}": put("state_dict", WEIGHT, lambda weight, dtype=dtype: weight.to(dtype))
        for dtype in (torch.complex64, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool)
    },
    "weights in a list": put("state_dict", lambda weights: list(weights.values())),
    "too deep": put("more", nested(200)),
    "deeper than Python": put("more", nested(400)),
    "a billion laughs": put("more", shared(26)),
    "another type": put("more", torch.float32),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A run that was stopped at half of its budget, with its config; its statistics have not been read yet."""
    from omegaconf import OmegaConf
    from tiny import tiny_overrides

    from gan_experiments.config.compose import compose

    run = RunFolder(tmp_path_factory.mktemp("saved") / "run")
    overrides = tiny_overrides("model=mlp", "model.generator.hidden=[8]", "model.discriminator.hidden=[8]")
    config = OmegaConf.to_container(compose("train", [*overrides, "callbacks.monitor.every=24"]), resolve=True)
    train({**config, "budget": {**config["budget"], "images": 32}}, run)
    return config, run


@pytest.fixture
def attempt(saved, tmp_path):
    """Put a checkpoint into a run's folder and use it; returns what refused it, by use."""
    config, whole = saved

    def make(content):
        run = RunFolder(tmp_path / "run")
        run.checkpoint("last").parent.mkdir(parents=True, exist_ok=True)
        run.checkpoint("last").write_bytes(content)
        refusals = {}
        for use, call in (("resume", prepare), ("restore", lambda *of: restore(*of, "last", "cpu"))):
            try:
                call(config, run)
            except ConfigError as error:
                refusals[use] = "\n".join(error.problems)
        for line in refusals.values():
            assert line.startswith(str(run.checkpoint("last")))
            assert "\n" not in line
        return refusals

    make.content = whole.checkpoint("last").read_bytes()
    return make


def changed(attempt, change):
    checkpoint = deepcopy(torch.load(io.BytesIO(attempt.content), weights_only=True))
    change(checkpoint)
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    return attempt(buffer.getvalue())


def test_what_was_saved_is_taken(attempt):
    assert changed(attempt, lambda checkpoint: None) == attempt(attempt.content) == {}


def test_what_no_run_has_saved_is_refused(attempt, share):
    taken = [name for name in share(REFUSED) if changed(attempt, REFUSED[name]).keys() != {"resume", "restore"}]
    assert not taken


def test_what_only_a_resumed_run_needs_is_refused_there(attempt, share):
    taken = [name for name in share(BEYOND_RESTORE) if changed(attempt, BEYOND_RESTORE[name]).keys() != {"resume"}]
    assert not taken


def test_a_flipped_bit_is_noticed_or_changes_nothing(attempt, saved, tmp_path, share):
    whole = load_checkpoint(saved[1].checkpoint("last"))
    noticed = 0
    for seed in share(range(60)):
        content, position = bytearray(attempt.content), random.Random(seed).randrange(len(attempt.content))
        content[position] ^= 1 << seed % 8
        if attempt(bytes(content)):
            noticed += 1
        else:
            assert_same(load_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt"), whole)
    assert noticed


def test_a_flipped_bit_of_a_weight_is_noticed(attempt):
    weight = torch.load(io.BytesIO(attempt.content), weights_only=True)["state_dict"][WEIGHT]
    at = attempt.content.index(weight.numpy().tobytes())
    content = bytearray(attempt.content)
    content[at] ^= 1
    assert "checksum" in attempt(bytes(content))["restore"]


CUTS = {
    "empty": lambda content: b"",
    **{f"first {part} of 8": lambda content, part=part: content[: len(content) * part // 8] for part in range(1, 8)},
    **{f"last {part} of 8": lambda content, part=part: content[len(content) * part // 8 :] for part in (1, 4)},
    "a part of zeros": lambda content: content[:5000] + bytes(4000) + content[9000:],
    "compressed": lambda content: zipped(content, compression=zipfile.ZIP_DEFLATED),
    "a record less": lambda content: zipped(content, lambda name, data: None if name.endswith("data/3") else data),
    "a record cut": lambda content: zipped(content, lambda name, data: data[:-4] if name.endswith("data/3") else data),
    "a record longer": lambda content: zipped(content, lambda name, data: data * (1 + name.endswith("data/3"))),
    "no pickle": lambda content: zipped(content, lambda name, data: None if name.endswith(".pkl") else data),
    "an empty pickle": lambda content: zipped(content, lambda name, data: b"" if name.endswith(".pkl") else data),
    "the pickle of a number": lambda content: zipped(
        content, lambda n, data: b"K\x01." if n.endswith(".pkl") else data
    ),
}


def zipped(content, change=lambda name, data: data, compression=zipfile.ZIP_STORED):
    """Write the records of an archive again, with sound checksums."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(buffer, "w", compression) as written:
        for record in archive.infolist():
            data = change(record.filename, archive.read(record))
            if data is not None:
                written.writestr(record.filename, data)
    return buffer.getvalue()


def test_a_file_that_is_cut_or_packed_again_is_refused(attempt, share):
    taken = [name for name in share(CUTS) if attempt(CUTS[name](attempt.content)).keys() != {"resume", "restore"}]
    assert not taken


def test_a_flipped_bit_of_an_exported_weight_is_noticed(saved, tmp_path):
    content = bytearray(saved[1].generator_file.read_bytes())
    content[-5] ^= 1
    (tmp_path / "generator.safetensors").write_bytes(content)
    with pytest.raises(ConfigError, match="checksum"):
        load_generator(tmp_path / "generator.safetensors")


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_an_exported_generator_that_is_not_finite_is_refused(saved, tmp_path, value):
    from safetensors import safe_open

    with safe_open(saved[1].generator_file, "pt") as file:
        metadata = file.metadata()
    weights = load_file(saved[1].generator_file)
    save_file({name: weight.fill_(value) for name, weight in weights.items()}, tmp_path / "a.safetensors", metadata)
    with pytest.raises(ConfigError, match="not finite"):
        load_generator(tmp_path / "a.safetensors")
