from pathlib import Path

from gan_experiments.core.cache import cache_folder


def test_folder_is_the_users_unless_the_environment_names_one(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", "~/kept")
    assert cache_folder() == Path.home() / "kept"
    monkeypatch.delenv("GAN_EXPERIMENTS_CACHE")
    assert cache_folder().name == "gan_experiments"
