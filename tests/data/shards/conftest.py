import pytest
from drawn import write_shards


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    pytest.importorskip("webdataset")
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "shards"


@pytest.fixture
def urls(tmp_path):
    return write_shards(tmp_path / "data")
