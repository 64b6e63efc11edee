"""Cost of data loading beside a DCGAN step at 32x32: images/s, share of the step and peak memory of each path.

    python benchmarks/input_cost.py --archive cifar10.zip --output benchmarks/results/input_cost.md

Every path is measured in its own process, one after another. `first start` decodes the archive, `second start` maps
the cache. The share is the time of one batch divided by that of one step of the DCGAN of conf/model/dcgan.yaml with the
same batch; prefetched batches take at most their processor time from a step. Peak memory excludes the imports. Shards
(the archive as PNG) need webdataset.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import harness

BATCH = 128
BATCHES = 400
PATHS: dict[str, tuple[str, dict[str, Any]]] = {  # source of the images, options of the dataset
    "in memory": ("memory", {}),
    "in memory, flip": ("memory", {"horizontal_flip": True}),
    "in memory, flip and crop": ("memory", {"horizontal_flip": True, "random_crop": 4}),
    "mapped from the cache": ("archive", {}),
    "mapped, flip and crop": ("archive", {"horizontal_flip": True, "random_crop": 4}),
    "mapped, prefetched by a thread": ("prefetched", {}),
    "shards, one thread": ("shards", {"workers": 1}),
    "shards, all cores": ("shards", {}),
}


def main() -> None:
    """Measure every path and print a table."""
    parser = harness.parser(__doc__)
    parser.add_argument("--archive", type=Path, required=True, help="zip archive of images, which are resized to 32x32")
    parser.add_argument("--worker", help="for the script's own processes")
    options = parser.parse_args()
    if options.worker:
        work = {"step": dcgan_step, "start": start, "shards": shards}.get(options.worker)
        print(json.dumps(work(options.archive) if work else batches(options.worker, options.archive)))
        return
    with tempfile.TemporaryDirectory() as cache:
        os.environ["GAN_EXPERIMENTS_CACHE"] = cache
        starts = [worker("start", options.archive) for _ in range(2)]
        indexing = worker("shards", options.archive)
        step = worker("step", options.archive)["seconds"]
        rows = {name: worker(name, options.archive) for name in PATHS}
    lines = harness.heading(f"batch {BATCH}", f"DCGAN step {step * 1e3:.0f} ms")
    for name, row in zip(("first", "second"), starts, strict=True):
        lines.append(f"- {name} start of {row['images']:,} images: {row['seconds']:.2f} s, peak {row['peak']:.0f} MiB")
    lines.append(f"- indexing {indexing['images']:,} images in shards: {indexing['seconds']:.2f} s")
    lines += ["", *harness.head("path", "images/s", "batch", "processor time", "share of the step", "peak memory")]
    for name, row in rows.items():
        batch, cpu = row["seconds"], row["cpu"]
        speed, share = BATCH / batch, batch / step
        times = f"{batch * 1e6:,.0f} us", f"{cpu * 1e6:,.0f} us"
        lines.append(harness.row(name, f"{speed:,.0f}", *times, f"{share:.2%}", f"{row['peak']:.0f} MiB"))
    harness.report(lines, options.output)


def worker(name: str, archive: Path) -> dict[str, Any]:
    """Run one measurement in a process of its own."""
    command = [sys.executable, __file__, "--worker", name, "--archive", str(archive)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def start(archive: Path) -> dict[str, Any]:
    """Time a start: listing, decoding or mapping, fingerprint."""
    data = images_of(archive)
    began, imported = time.perf_counter(), peak()
    data.prepare_data()
    data.setup()
    assert data.fingerprint
    return {"seconds": time.perf_counter() - began, "images": len(data.images), "peak": peak() - imported}


def shards(archive: Path) -> dict[str, Any]:
    """Write the archive as shards, and time indexing them."""
    from gan_experiments.data.shards.writer import write_shards

    data = images_of(archive)
    data.setup()
    write_shards(data, shard_folder(), 5000, seed=0)
    began = time.perf_counter()
    count = len(sharded().index.entries)
    return {"seconds": time.perf_counter() - began, "images": count}


def batches(name: str, archive: Path) -> dict[str, Any]:
    """Time one batch of a path, including the conversion to float."""
    import torch

    from gan_experiments.core.clock import Clock
    from gan_experiments.core.images import to_float
    from gan_experiments.data.prefetch import Prefetched

    kind, options = PATHS[name]
    imported = peak()
    if kind == "memory":
        data = random_images(**options)
    else:
        data = sharded(**options) if kind == "shards" else images_of(archive, **options)
    data.setup()
    module = SimpleNamespace(clock=Clock(BATCH, 10**12), seed=0)
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    data.trainer = SimpleNamespace(lightning_module=module, world_size=1, global_rank=0, strategy=strategy)
    loader = data.train_dataloader()
    endless = iter(Prefetched(loader) if kind == "prefetched" else loader)
    for batch in itertools.islice(endless, 20):
        to_float(batch.images)
    began, cpu = time.perf_counter(), time.process_time()
    for batch in itertools.islice(endless, BATCHES):
        to_float(batch.images)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"seconds": seconds / BATCHES, "cpu": cpu / BATCHES, "peak": peak() - imported}


def dcgan_step(archive: Path) -> dict[str, Any]:
    """Time one step of both networks on images in memory."""
    import torch

    from gan_experiments.core.types import DataFacts
    from gan_experiments.networks.dcgan import DCGANDiscriminator, DCGANGenerator

    facts = DataFacts("random", 32, 3)
    networks = [DCGANGenerator(facts), DCGANDiscriminator(facts)]
    generator, discriminator = (network.to(memory_format=torch.channels_last) for network in networks)
    optimizers = [torch.optim.Adam(network.parameters(), lr=2e-4, fused=True) for network in networks]
    real = torch.randn(BATCH, 3, 32, 32).to(memory_format=torch.channels_last)
    times = []
    for _ in range(12):
        began = time.perf_counter()
        with torch.no_grad():
            fake = generator(torch.randn(BATCH, 100))
        (discriminator(fake).mean() - discriminator(real).mean()).backward()
        optimizers[1].step()
        (-discriminator(generator(torch.randn(BATCH, 100))).mean()).backward()
        optimizers[0].step()
        times.append(time.perf_counter() - began)
    return {"seconds": sorted(times)[len(times) // 2]}


def images_of(archive: Path, **options: Any) -> Any:
    """Return the archive as a dataset of 32x32 pixels."""
    from gan_experiments.data.datasets.image_files import ImageArchive

    return ImageArchive(str(archive), image_size=32, **options)


def shard_folder() -> Path:
    """Return the folder of the shards during the measurement."""
    return Path(os.environ["GAN_EXPERIMENTS_CACHE"]) / "as_shards"


def sharded(**options: Any) -> Any:
    """Return the shards as a dataset."""
    from gan_experiments.data.shards.dataset import Shards

    last = max(shard_folder().glob("*.tar")).stem
    return Shards(f"{shard_folder()}/{{0000..{last}}}.tar", **options)


def random_images(**options: Any) -> Any:
    """Return 60,000 random images of 32x32 pixels as a dataset."""
    import torch

    from gan_experiments.core.types import DataFacts
    from gan_experiments.data.base import ImageData

    class RandomImages(ImageData):
        known = DataFacts("random", 32, 3, num_images=60000)

        def load(self) -> tuple[Any, None]:
            return torch.randint(256, (60000, 3, 32, 32), dtype=torch.uint8), None

    return RandomImages(**options)


def peak() -> float:
    """Return the peak memory of this process so far in MiB, including mapped pages of the cache."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes, on a Mac
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
