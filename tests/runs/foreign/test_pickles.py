"""Pickles of strangers run no code, allocate no more than they are large, and are refused in one line."""

import io
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.foreign.networks import recognized
from gan_experiments.runs.foreign.pickles import Inert, read_pickle
from gan_experiments.runs.foreign.tensors import foreign_file

MOST = 20_000_000  # bytes that reading any of these may take
EVIL = "touch evil"


class Call:
    """Is pickled as a call."""

    def __init__(self, function, *arguments, state=None):
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.parts


class Subclassed(dict):
    def __reduce__(self):
        return (os.system, (EVIL,), None, None, iter({"G": 1}.items()))


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def archive(pickled, **records):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("archive/data.pkl", pickled)
        for name, content in records.items():
            file.writestr(f"archive/{name}", content)
    return stream.getvalue()


def tensor(size, stride, offset=0, numel=4):
    storage = (
        b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n" + text("0") + text("cpu")
    )
    numbers = [b"L%dL\n" % value for value in (numel, offset)]
    shape = b"".join(b"(" + b"".join(b"L%dL\n" % each for each in values) + b"t" for values in (size, stride))
    return storage + numbers[0] + b"tQ" + numbers[1] + shape + b"\x89ccollections\nOrderedDict\n)RtR"


def network(weight):
    """Return a snapshot whose generator has one weight."""
    state = b"}(" + text("_modules") + b"}(" + text("mapping") + inner() + text("synthesis") + inner(weight) + b"uu"
    return b"\x80\x02}" + text("G") + b"ca\nB\n)\x81" + state + b"bs."


def inner(weight=None):
    named = b"}" + text("_parameters") + b"}" + (text("fc0") + weight + b"s" if weight else b"") + b"s"
    return b"ca\nB\n)\x81" + named + text("_modules") + b"}sb"


def huge(opcode, size, form):
    return opcode + struct.pack(form, size) + b"short"


DEEP = b"(" * 20_000 + b"t" * 20_000 + b"."
LEGACY = io.BytesIO()
torch.save({"G": torch.ones(3)}, LEGACY, _use_new_zipfile_serialization=False)
LEGACY = LEGACY.getvalue()
SIZE = LEGACY.rindex(struct.pack("<q", 3))

INNER = pickle.dumps(Call(os.system, EVIL))
HOSTILE = {
    "reduce of a system call": pickle.dumps({"G": Call(os.system, EVIL)}),
    "reduce of eval": pickle.dumps({"G": Call(eval, "open('evil', 'w')")}),
    "reduce of a process": pickle.dumps({"G": Call(subprocess.run, ["touch", "evil"])}),
    "reduce in protocol 0": pickle.dumps({"G": Call(os.system, EVIL)}, protocol=0),
    "reduce in protocol 5": pickle.dumps({"G": Call(os.system, EVIL)}, protocol=5),
    "reduce at the top": b"cos\nsystem\n(S'touch evil'\ntR.",
    "reduce in a key": b"}(cos\nsystem\n(S'touch evil'\ntRNu.",
    "reduce of a list": b"](K\x01e)R.",
    "reduce of text": b"(S'os.system'\nS'touch evil'\n" + b"\x85R.",
    "build with slots": pickle.dumps({"G": Call(OrderedDict, state={"__class__": os.system})}),
    "build of a dict": b"}}" + text("__setstate__") + b"cos\nsystem\nsb.",
    "build of a list": b"]}b.",
    "inst": b"(S'touch evil'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'touch evil'\no.",
    "newobj": b"\x80\x02cos\nsystem\n(S'touch evil'\nt\x81.",
    "newobj_ex": b"\x80\x04cos\nsystem\n(S'touch evil'\nt}\x92.",
    "a nested name": b"\x80\x04\x8c\x08builtins\x8c\x12__import__.__call__\x93(S'os'\ntR.",
    "a name that is no text": b"\x80\x04K\x01K\x02\x93.",
    "a pickle in a pickle": pickle.dumps({"G": Call(pickle.loads, INNER)}),
    "a pickle in a storage": pickle.dumps({"G": Call(torch.storage._load_from_bytes, INNER)}),
    "items of a subclass": pickle.dumps({"G": Subclassed()}),
    "memo that is not there": b"h\x05.",
    "memo of a huge index": b"Nr\xff\xff\xff\xff.",
    "a memo that holds itself": b"\x80\x02}q\x00" + text("G") + b"h\x00s.",
    "a list in itself": b"]q\x00h\x00a0h\x00.",
    "a persistent id": b"Pos.system\n.",
    "a binary persistent id": b"cos\nsystem\nQ.",
    "an extension": b"\x82\x01.",
    "an empty stack": b"0.",
    "a mark that is missing": b"t.",
    "bytes of 2**62": huge(b"\x8e", 2**62, "<Q"),
    "an array of 2**40 bytes": huge(b"\x96", 2**40, "<Q"),
    "text of 4 GB": huge(b"X", 2**32 - 1, "<I"),
    "an integer of 2 GB": huge(b"\x8b", 2**31 - 1, "<i"),
    "text of 2**63 bytes": huge(b"\x8d", 2**63, "<Q"),
    "tuples in tuples": DEEP,
    "lists in lists": b"]" * 20_000 + b"a" * 19_999 + b".",
    "a key whose hash takes forever": b"Nq\x00" + b"h\x00h\x00\x86q\x00" * 100 + b"}(h\x00Nu.",
    "no end": pickle.dumps({"G": 1})[:-1],
    "an archive of code": archive(pickle.dumps({"G": Call(os.system, EVIL)})),
    "an archive without a pickle": archive(b"N"),
    "a tensor beyond its data": archive(network(tensor((5,), (1,), 0, 4)), **{"data/0": b"\0" * 16}),
    "a tensor of 2**40 zeros": archive(network(tensor((2**40,), (0,), 0, 4)), **{"data/0": b"\0" * 16}),
    "a tensor of negative strides": archive(network(tensor((2,), (-1,), 1, 4)), **{"data/0": b"\0" * 16}),
    "a tensor at a negative place": archive(network(tensor((1,), (1,), -1, 4)), **{"data/0": b"\0" * 16}),
    "a tensor without data": archive(network(tensor((1,), (1,), 0, 4))),
    "a storage of 2**50 numbers": LEGACY[:SIZE] + struct.pack("<q", 2**50) + LEGACY[SIZE + 8 :],
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_run_nothing_and_are_refused_in_a_line(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("hostile.pkl")
    path.write_bytes(HOSTILE[name])
    before = set(sys.modules)
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError) as refused, foreign_file(path) as file:
            recognized(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(refused.value.problems) == 1
    assert len(refused.value.problems[0].splitlines()) == 1
    assert len(refused.value.problems[0]) < 300
    assert peak < MOST
    assert not Path("evil").exists()
    assert not [each for each in set(sys.modules) - before if not each.startswith("encodings.")]


def test_what_is_data_is_read_as_it_is():
    value = {"a": [1, 2.5, (True, None)], "b": b"bytes", 3: "text", "c": {"x": -(2**70)}}
    for protocol in range(6):
        if protocol < 3:
            value.pop("b", None)  # made by a call there
        read, persistent = read_pickle(io.BytesIO(pickle.dumps(value, protocol)))
        assert (read, persistent) == (value, [])


def test_objects_are_their_name_arguments_and_state():
    read, _ = read_pickle(io.BytesIO(pickle.dumps(Call(os.system, 1, 2, state={"a": 3}))))
    assert isinstance(read, Inert)
    assert (read.name, read.args, read.state) == (f"{os.system.__module__}.system", (1, 2), {"a": 3})
    read, _ = read_pickle(io.BytesIO(pickle.dumps(OrderedDict(a=1))))
    assert (read.name, read.entries) == ("collections.OrderedDict", {"a": 1})


@pytest.mark.parametrize("form", ["pickle", "legacy", "archive"])
def test_tensors_of_every_form_are_rebuilt(form, tmp_path):
    whole = torch.arange(12.0).reshape(3, 4)
    values = {
        "whole": whole,
        "part": whole[1:, ::2],
        "turned": whole.T,
        "half": whole.half(),
        "number": torch.tensor(7),
    }
    values["parameter"] = torch.nn.Parameter(whole)
    path = tmp_path / "file"
    if form == "pickle":
        path.write_bytes(pickle.dumps(values))
    else:
        torch.save(values, path, _use_new_zipfile_serialization=form == "archive")
    with foreign_file(path) as file:
        assert file.content.keys() == values.keys()
        for name, value in values.items():
            assert file.shape(file.content[name]) == tuple(value.shape)
            rebuilt = file.tensor(file.content[name])
            assert (rebuilt.dtype, np.array_equal(rebuilt.numpy(), value.detach().numpy())) == (value.dtype, True)


@pytest.mark.parametrize("archived", [True, False])
def test_a_view_takes_no_more_memory_than_its_own_numbers(archived, tmp_path):
    base = torch.arange(250_000.0).reshape(500, 500)
    views = {"row": base[3], "column": base[:, 3], "turned": base[::100, 5:9].T, "halves": base.half()[:, 2]}
    torch.save(views, tmp_path / "views", _use_new_zipfile_serialization=archived)
    with foreign_file(tmp_path / "views") as file:
        tracemalloc.start()
        try:
            rebuilt = {name: file.tensor(file.content[name]) for name in views}
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert all(torch.equal(value, rebuilt[name]) for name, value in views.items())
    assert peak < 50_000  # bytes; all of the numbers are a million
