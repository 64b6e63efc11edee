import errno
import json
import os
import tempfile
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from gan_experiments.core.files import (
    check_new,
    check_place,
    meant_path,
    remove_leftovers,
    replacing,
    write_json,
    write_tensors,
    write_text,
)
from gan_experiments.core.types import ConfigError


def test_an_error_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a"
    write_text(path, "old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a"
    write_text(path, "old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_file_has_the_permissions_that_the_user_asked_for(tmp_path):
    mask = os.umask(0o027)
    try:
        write_json(tmp_path / "a", {"b": 1})
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert json.loads((tmp_path / "a").read_text()) == {"b": 1}


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / ".last.ckpt.123.tmp").write_text("half")
    (tmp_path / ".export.ab12.tmp").mkdir()
    (tmp_path / ".export.ab12.tmp" / "generator.safetensors").write_text("half")
    (tmp_path / "kept.tmp").write_text("")
    remove_leftovers(tmp_path.rglob(".*.tmp"))
    assert [path.name for path in tmp_path.rglob("*tmp")] == ["kept.tmp"]


def test_a_place_that_can_be_written_to_is_left_as_it_was(tmp_path):
    check_place(tmp_path, "output")
    check_new(tmp_path / "a" / "b.png", "output")
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_not_overwritten(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(ConfigError, match=r"^output: .*a exists and is not overwritten$"):
        check_new(tmp_path / "a", "output")


def test_a_place_that_permissions_allow_and_the_system_refuses(tmp_path, monkeypatch):
    def refuse(dir):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    text = rf"^file: .*a\.png: cannot be written to: no file can be made in {tmp_path} \(Read-only file system\)$"
    with pytest.raises(ConfigError, match=text):
        check_new(tmp_path / "a.png", "file")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux")
def test_nothing_can_be_made_in_proc():
    with pytest.raises(ConfigError, match=r"^output: /proc/x: cannot be written to: no .* in /proc"):
        check_place(Path("/proc/x"), "output")


def test_the_same_tensors_and_metadata_make_the_same_bytes(tmp_path):
    tensors = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.ones(1, dtype=torch.int64)}
    metadata = {name: f'"{name}" \n\t\\ \x00 ä 😀' for name in "hcfagbed"}
    contents = set()
    for number in range(20):
        path = tmp_path / f"{number}.safetensors"
        write_tensors(path, tensors, metadata if number % 2 else dict(reversed(metadata.items())))
        contents.add(path.read_bytes())
    assert len(contents) == 1
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == metadata
        assert all(torch.equal(file.get_tensor(name), tensor) for name, tensor in tensors.items())


def test_what_may_be_meant_by_a_path_that_does_not_exist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for age, day in enumerate(("01", "02", "03")):
        (tmp_path / "outputs" / day / "mine").mkdir(parents=True)
        os.utime(tmp_path / "outputs" / day / "mine", (1000 + age % 2, 1000 + age % 2))
    outputs = Path("outputs")
    for given in ("mine", "outputs/mine", "outputs/04/mine"):
        assert meant_path(Path(given), outputs) == "; did you mean outputs/02/mine?"  # the newest
    assert meant_path(Path("outputs/01/Min"), outputs) == "; did you mean outputs/01/mine?"
    assert meant_path(tmp_path / "outputs" / "01" / "min") == f"; did you mean {tmp_path}/outputs/01/mine?"
    assert meant_path(Path("output")) == "; did you mean outputs?"
    for nothing in ("zzz", "*", "/", "outputs/04/min", "\0", "x" * 5000):
        assert meant_path(Path(nothing), outputs) == ""
