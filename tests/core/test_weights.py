import hashlib
import socket

import pytest
import torch
from torch import nn

from gan_experiments.core import weights
from gan_experiments.core.types import ConfigError
from gan_experiments.core.weights import (
    WeightsMissingError,
    find_weights,
    read_weights,
    refuse_other_weights,
    sha256_of,
)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A file on a server, by its address and the beginning of its hash."""
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "net.pth"
    torch.save(nn.Linear(2, 2).state_dict(), file)
    return file.as_uri(), hashlib.sha256(file.read_bytes()).hexdigest()[:8]


def test_published_weights_are_downloaded_once(published, tmp_path, monkeypatch):
    path = find_weights(None, "Net", *published)
    assert path == tmp_path / "cache" / "weights" / "net.pth"
    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(weights, "download_url_to_file", None)
    assert find_weights(None, "Net", *published) == path


def test_a_download_that_fails_leaves_no_file_and_says_what_to_do(published, tmp_path):
    before = socket.getdefaulttimeout()
    advice = r"weights of Net are not here .* put file://.*net.pth into .*weights"
    with pytest.raises(WeightsMissingError, match=advice):
        find_weights(None, "Net", published[0], "00000000")
    assert [path.suffix for path in (tmp_path / "cache" / "weights").iterdir()] == [".lock"]
    assert socket.getdefaulttimeout() == before


def test_the_users_file_must_exist(tmp_path):
    (tmp_path / "mine.pth").touch()
    assert find_weights(str(tmp_path / "mine.pth"), "Net", "", "") == tmp_path / "mine.pth"
    with pytest.raises(ConfigError, match=r"my\.key: there is no file .*absent\.pth"):
        find_weights(str(tmp_path / "absent.pth"), "Net", "", "", "my.key")


class Runs:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    ("content", "problem"),
    [(Runs(), "holds code instead of weights"), ([1], "is not a state dict"), ({"a": 1}, "is not a state dict")],
)
def test_only_state_dicts_are_read(tmp_path, capsys, content, problem):
    torch.save(content, tmp_path / "file.pth")
    with pytest.raises(ConfigError, match=problem):
        read_weights(tmp_path / "file.pth")
    assert not capsys.readouterr().out


def test_weights_of_another_network_are_refused(tmp_path):
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    state = network.state_dict()
    del state["1.num_batches_tracked"]  # as in old files
    refuse_other_weights(state, network, tmp_path, "Net")
    state["0.weight"] = torch.zeros(3, 2)
    state["other"] = state.pop("0.bias")
    differences = r"1 missing \(0\.bias \.\.\.\), 1 unknown \(other \.\.\.\), 1 of another shape \(0\.weight \.\.\.\)"
    with pytest.raises(ConfigError, match=f"another network than Net: {differences}"):
        refuse_other_weights(state, network, tmp_path, "Net")
