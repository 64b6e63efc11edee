"""Damaged run folders: every command reads them or refuses them in lines that name the file; none ends in a traceback.

What a checkpoint holds is the matter of ``test_checkpoints.py``.
"""

import json
import os
import shutil
import signal

import pytest
import yaml
from tiny import CLASSIFIER, tiny_overrides

from gan_experiments.cli import compare, evaluate, export, sample, train
from gan_experiments.core.dotted import flatten

pytestmark = pytest.mark.slow
SECONDS = 60  # after which an attempt counts as one that hangs
STUDY = "study"
FILES = ("record.json", "config.yaml", "metrics.csv", "checkpoints/last.ckpt", "generator.safetensors")
WRONG = (None, -1, 1e308, float("nan"), 10**400, True, "text", "", [], [1], {}, {"a": {}}, "\x1b[31m", "ä\u202e")
COMMANDS = {
    "resume": (train, "resume={run}"),
    "evaluate": (evaluate, "run={run}", "metrics.samples=20", *CLASSIFIER),
    "compare": (compare, "study={study}"),
    "sample": (sample, "run={run}", "output.count=2"),
    "export": (export, "run={run}", "push={study}/card"),
}
SLOW_COMMANDS = {"onnx": (export, "run={run}")}  # tried with a few damages


def nothing(path):
    path.unlink()


def folder(path):
    path.unlink()
    path.mkdir()


def loop(path):
    path.unlink()
    path.symlink_to(path.name)


def dangling(path):
    path.unlink()
    path.symlink_to("nowhere")


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def device(path):
    path.unlink()
    path.symlink_to("/dev/zero")


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def huge(path):
    with path.open("ab") as file:
        file.truncate(2**31)


def repeated(path):
    path.write_bytes(path.read_bytes() * 2)


def holding(content):
    return lambda path: path.write_bytes(content)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
DAMAGES = {
    **{each.__name__: each for each in (nothing, folder, loop, dangling, pipe, device, half, huge, repeated)},
    "other encoding": lambda path: path.write_bytes(path.read_bytes().decode("latin-1").encode("utf-16")),
    "empty": holding(b""),
    "binary": holding(bytes(range(256)) * 40),
    "nul": holding(b"\0" * 4000),
    "null": holding(b"null"),
    "list": holding(b"[1, 2]"),
    "number": holding(b"3"),
    "mark": lambda path: path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes()),
    "deep": holding(b"[" * 100_000),
    "deep mappings": holding(b'{"a":' * 100_000),
    "surrogate": holding(b'{"status": "\\ud800", "seed": 0}'),
}
YAML_DAMAGES = {
    "date": holding(b"seed: 2026-13-45"),
    "recursion": holding(b"seed: 0\na: &a [*a]"),
    "own merge": holding(b"a: &a\n  <<: *a\n  seed: 0"),
    "laughs": holding(LAUGHS.encode()),
    "python": holding(b"seed: !!python/object/apply:os.system [true]"),
    "set": holding(b"seed: !!set {1, 2}"),
    "bytes": holding(b"seed: !!binary aGVsbG8="),
    "no keys": holding(b"? [1, 2]\n: 3"),
    "numbers as keys": holding(b"1: 2\n3.5: 4\nnull: 5\ntrue: 6"),
    "digits": holding(b"seed: " + b"9" * 10_000),
    "sexagesimal": holding(b"seed: 1:" + b"59:" * 5000 + b"1"),
    "interpolation": holding(b"seed: ${oc.env:HOME}"),
    "open interpolation": holding(b"seed: ${a"),
    "documents": holding(b"seed: 0\n---\nseed: 1"),
}
CSV_DAMAGES = {
    "header alone": holding(b"images_seen,metrics/fid\n"),
    "no clock": holding(b"metrics/fid\n3\n"),
    "columns twice": holding(b"images_seen,metrics/fid,metrics/fid\n8,1,2\n"),
    "long cell": holding(b"images_seen,metrics/fid\n8," + b"1" * 200_000 + b"\n"),
    "open quote": holding(b'images_seen,metrics/fid\n8,"1\n16,2\n'),
    "odd digits": holding("images_seen,metrics/fid\n²,1\n٣,2\n".encode()),
    "large clock": holding(b"images_seen,metrics/fid\n" + b"9" * 400 + b",1\n"),
    "backwards": holding(b"images_seen,metrics/fid\n64,1\n32,2\n32,nan\n0,inf\n"),
    "no numbers": holding(b"images_seen,metrics/fid\n8,\x1b[31m\n"),
    "carriage returns": holding(b"images_seen,metrics/fid\r8,1\r16,2\r"),
    "only commas": holding(b",,,\n,,,\n"),
}


def wrong_value(key, value):
    def damage(path):
        record = json.loads(path.read_text()) if path.suffix == ".json" else yaml.safe_load(path.read_text())
        *above, last = key.split(".")
        node = record
        for part in above:
            node = node[part]
        node[last] = value
        path.write_text(json.dumps(record) if path.suffix == ".json" else yaml.safe_dump(record))

    return damage


def every_key(nested):
    """Return the dotted keys of nested mappings, those of the mappings too."""
    leaves = [key for key in flatten(nested) if not key.endswith(".")]
    above = {key.rpartition(".")[0] for key in leaves} - {""}
    return [key for key in sorted({*leaves, *above}) if "/" not in key and len(key.split(".")) < 5]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Train two arms of two runs each, once."""
    from gan_experiments.config.check import check_config
    from gan_experiments.config.compose import compose
    from gan_experiments.config.schema import Config
    from gan_experiments.runs.folder import RunFolder
    from gan_experiments.training.train import fit, prepare

    root = tmp_path_factory.mktemp("damaged") / STUDY
    for loss in ("hinge", "minimax"):
        for seed in range(2):
            run = RunFolder(root / f"{loss}-{seed}")
            overrides = tiny_overrides(f"loss={loss}", f"seed={seed}", "logger={}")
            config = check_config(compose("train", overrides), Config).config
            parts = prepare(config, run)
            run.write_config(config)
            run.update_record(overrides=[f"loss={loss}", f"seed={seed}"], choices={"loss": loss})
            fit(parts, config, run)
    return root


class HungError(Exception):
    """Raised by the alarm of an attempt."""


@pytest.fixture
def attempt(study, tmp_path, call):
    """Damage a file of a copy of the first run, and give the folder to a command; return what is wrong with that."""
    original = signal.signal(signal.SIGALRM, _hung)

    def make(command, file, damage):
        copy = tmp_path / STUDY
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(study, copy)
        run = copy / "hinge-0"
        damage(run / file)
        module, *arguments = {**COMMANDS, **SLOW_COMMANDS}[command]
        signal.alarm(SECONDS)
        try:
            code, out, err = call(module, *(argument.format(run=run, study=copy) for argument in arguments))
        except HungError:
            return "hangs"
        finally:
            signal.alarm(0)
        if "Traceback" in out + err or code not in (0, 2):
            return f"code {code}: {err[-600:]}"
        return None

    yield make
    signal.signal(signal.SIGALRM, original)


def _hung(*_):
    raise HungError


def _cases(file, damages):
    return [(command, file, name) for command in COMMANDS for name in damages]


OF_FILES = [
    *(case for file in FILES for case in _cases(file, DAMAGES)),
    *_cases("config.yaml", YAML_DAMAGES),
    *_cases("metrics.csv", CSV_DAMAGES),
    ("onnx", "checkpoints/last.ckpt", "half"),
    ("onnx", "record.json", "nothing"),
    ("onnx", "config.yaml", "laughs"),
]


def test_damaged_files(attempt, share):
    damages = DAMAGES | YAML_DAMAGES | CSV_DAMAGES
    failures = {case: problem for case in share(OF_FILES) if (problem := attempt(*case[:2], damages[case[2]]))}
    assert not failures, _listed(failures)


@pytest.mark.parametrize("file", ["record.json", "config.yaml"])
def test_wrong_values(file, study, attempt, share):
    text = (study / "hinge-0" / file).read_text()
    keys = every_key(json.loads(text) if file.endswith("json") else yaml.safe_load(text))
    readers = ("resume", "compare", "evaluate") if file == "record.json" else COMMANDS
    cases = [(command, key, value) for key in keys for value in WRONG for command in readers]
    some = share(cases[:: max(1, len(cases) // 600)])
    failures = {case: problem for case in some if (problem := attempt(case[0], file, wrong_value(*case[1:])))}
    assert not failures, _listed(failures)


def _listed(failures):
    return "\n".join(f"{case}: {problem}" for case, problem in failures.items())
