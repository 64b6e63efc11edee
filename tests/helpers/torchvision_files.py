"""Small files in the layout of torchvision's datasets."""

import hashlib
import pickle
import struct

import numpy as np
from scipy.io import savemat
from torchvision import datasets

RNG = np.random.default_rng(0)


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_mnist(folder, source, monkeypatch):
    folder.mkdir(parents=True)
    images = RNG.integers(0, 256, (4, 28, 28), dtype=np.uint8)
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, *images.shape) + images.tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 4) + bytes([3, 1, 4, 1]))
    return images[:, None]


def write_cifar(folder, source, monkeypatch):
    folder.mkdir(parents=True)
    key = "labels" if source is datasets.CIFAR10 else "fine_labels"
    batches = [name for name, _ in source.train_list + source.test_list]
    images = RNG.integers(0, 256, (len(batches) * 4, 3, 32, 32), dtype=np.uint8)
    for name, part in zip(batches, np.split(images, len(batches)), strict=True):
        (folder / name).write_bytes(pickle.dumps({"data": part.reshape(4, -1), key: [3, 1, 4, 1]}))
    meta = folder / source.meta["filename"]
    meta.write_bytes(pickle.dumps({source.meta["key"]: [f"class {label}" for label in range(100)]}))
    monkeypatch.setattr(source, "meta", {**source.meta, "md5": md5(meta)})
    for part in ("train_list", "test_list"):
        monkeypatch.setattr(source, part, [[name, md5(folder / name)] for name, _ in getattr(source, part)])
    return images[:-4]


def write_svhn(folder, source, monkeypatch):
    folder.mkdir(parents=True, exist_ok=True)
    images = RNG.integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
    file = folder / "train_32x32.mat"
    savemat(file, {"X": images.transpose(2, 3, 1, 0), "y": np.array([[3], [1], [4], [10]])})
    monkeypatch.setattr(source, "split_list", {"train": ["nowhere", file.name, md5(file)]})
    return images


def write_stl10(folder, source, monkeypatch):
    folder.mkdir(parents=True)
    images = RNG.integers(0, 256, (4, 3, 96, 96), dtype=np.uint8)
    for part in ("train", "unlabeled", "test"):
        (folder / f"{part}_X.bin").write_bytes(images.transpose(0, 1, 3, 2).tobytes())
        (folder / f"{part}_y.bin").write_bytes(bytes([4, 2, 5, 2]))
    for part in ("train_list", "test_list"):
        monkeypatch.setattr(source, part, [[name, md5(folder / name)] for name, _ in getattr(source, part)])
    return images
