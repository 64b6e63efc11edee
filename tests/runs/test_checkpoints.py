import os
import pickle
import zipfile

import pytest
import torch
from torch import nn

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.checkpoints import find_checkpoint, load_checkpoint, load_part
from gan_experiments.runs.folder import RunFolder


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.ckpt"
    torch.save({"state_dict": {"net.weight": torch.ones(2, 3)}, "images_seen": 8}, path)
    return path


def test_a_good_one_is_read(good):
    assert load_checkpoint(good)["images_seen"] == 8


def test_one_that_holds_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Evil(), "images_seen": 8}, "a.ckpt")
    (tmp_path / "b.ckpt").write_bytes(pickle.dumps(Evil()))
    for name in ("a.ckpt", "b.ckpt"):
        with pytest.raises(ConfigError, match=r"refused|damaged"):
            load_checkpoint(tmp_path / name)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("keep", [0, 1, 100, -30])
def test_a_truncated_one_is_damaged(good, keep):
    good.write_bytes(good.read_bytes()[:keep])
    with pytest.raises(ConfigError, match=r"good\.ckpt"):
        load_checkpoint(good)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "none")
    torch.save([1], tmp_path / "list")
    with pytest.raises(ConfigError, match="not a checkpoint of a run"):
        load_checkpoint(tmp_path / "list")
    with zipfile.ZipFile(tmp_path / "zip", "w") as file:
        file.writestr("a", "b")
    with pytest.raises(ConfigError, match="zip"):
        load_checkpoint(tmp_path / "zip")


def test_weights_of_another_network_are_refused(good):
    with pytest.raises(ConfigError, match="another network: weight has the shape"):
        load_part(nn.Linear(4, 2, bias=False), load_checkpoint(good), "net.", good)
    network = nn.Linear(3, 2, bias=False)
    load_part(network, load_checkpoint(good), "net.", good)
    assert network.weight.sum() == 6


def test_a_checkpoint_has_a_name_or_is_a_file():
    run = RunFolder("a")
    assert find_checkpoint(run, "best") == run.checkpoint("best")
    assert str(find_checkpoint(run, "b/c.ckpt")) == "b/c.ckpt"
