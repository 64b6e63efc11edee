import resource
import signal
import threading
from pathlib import Path

import pytest
import torch

from gan_experiments.core.cache import cache_folder, read_or_make, write_cached
from gan_experiments.core.files import write_text
from gan_experiments.core.types import ConfigError


def test_folder_is_the_users_unless_the_environment_names_one(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", "~/kept")
    assert cache_folder() == Path.home() / "kept"
    monkeypatch.delenv("GAN_EXPERIMENTS_CACHE")
    assert cache_folder().name == "gan_experiments"


def test_a_folder_that_cannot_be_made_is_refused_by_the_name_of_what_says_it(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ConfigError, match=r"^\$GAN_EXPERIMENTS_CACHE: .*file is not a folder$"):
        cache_folder()
    with pytest.raises(ConfigError, match=r"^cache_dir: .*file is not a folder$"):
        cache_folder(str(tmp_path / "file"))
    assert cache_folder(str(tmp_path / "new")) == tmp_path / "new"


class Cached:
    """A text file that is damaged unless it ends in a full stop."""

    def __init__(self, path):
        self.path, self.made = path, 0

    def read(self):
        text = self.path.read_text() if self.path.exists() else ""
        return text if text.endswith(".") else None

    def make(self):
        self.made += 1
        write_text(self.path, f"Made {self.made}.")
        return self.path.read_text()

    def get(self):
        return read_or_make(self.path, self.read, self.make)


def test_a_file_is_made_once_and_again_if_damaged(tmp_path):
    cached = Cached(tmp_path / "new" / "folder" / "a.txt")
    assert [cached.get(), cached.get()] == ["Made 1."] * 2
    cached.path.write_text("Made 1")
    assert [cached.get(), cached.get()] == ["Made 2."] * 2


def test_of_many_at_once_one_makes_it(tmp_path):
    cached, results = Cached(tmp_path / "a.txt"), []
    threads = [threading.Thread(target=lambda: results.append(cached.get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["Made 1."] * 8


def test_an_error_leaves_no_file_and_no_lock(tmp_path):
    cached = Cached(tmp_path / "a.txt")

    def fail():
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        read_or_make(cached.path, cached.read, fail)
    assert not cached.path.exists()
    assert cached.get() == "Made 1."


def test_what_a_killed_process_left_is_removed_before_the_file_is_made(tmp_path):
    cached = Cached(tmp_path / "a[1].txt")
    (tmp_path / ".a[1].txt.123.tmp").write_text("half")
    (tmp_path / ".a[1].json.123.tmp").write_text("half")
    (tmp_path / ".a[1].xyz.tmp").mkdir()
    (tmp_path / ".b.txt.123.tmp").write_text("of another file")
    cached.get()
    assert [path.name for path in tmp_path.glob("*.tmp")] == [".b.txt.123.tmp"]


def test_a_folder_that_is_not_writable_is_read(tmp_path, monkeypatch):
    cached = Cached(tmp_path / "a.txt")
    cached.get()
    (tmp_path / ".a.txt.lock").unlink(missing_ok=True)
    monkeypatch.setattr("os.access", lambda *_: False)  # tests may run as root, who can write everywhere
    assert cached.get() == "Made 1."
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.fixture
def small_files(monkeypatch):
    """Let no file grow beyond 4 kB, as on a disk that fills."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, ignored)


def test_what_cannot_be_kept_is_a_warning_that_names_place_and_space(tmp_path, caplog, small_files):
    write_cached(tmp_path / "a.safetensors", {"a": torch.ones(5000)}, {})
    resource.setrlimit(resource.RLIMIT_FSIZE, resource.getrlimit(resource.RLIMIT_FSIZE)[1:] * 2)
    assert "a.safetensors cannot be written (File too large; 20000 bytes needed" in caplog.text
    assert not list(tmp_path.iterdir())
