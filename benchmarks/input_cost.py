"""What input costs beside a DCGAN step at 32x32: images/s of each path, its share of the step, peak memory.

    python benchmarks/input_cost.py --archive cifar10.zip --output benchmarks/results/input_cost.md

Every path runs in a process of its own, one after another. `first start` decodes the archive, `second start` maps what
came out of it. The share is that of one batch in one step of the DCGAN of conf/model/dcgan.yaml with the same batch.
"""

from __future__ import annotations

import argparse
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

BATCH = 128
BATCHES = 400
PATHS = {
    "in memory": {},
    "in memory, flip": {"horizontal_flip": True},
    "in memory, flip and crop": {"horizontal_flip": True, "random_crop": 4},
    "mapped from the cache": {"archive": True},
    "mapped, flip and crop": {"archive": True, "horizontal_flip": True, "random_crop": 4},
}


def main() -> None:
    """Measure every path and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, required=True, help="a zip of pictures, resized to 32x32")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work = {"step": dcgan_step, "start": start}.get(options.worker)
        print(json.dumps(work(options.archive) if work else batches(options.worker, options.archive)))
        return
    with tempfile.TemporaryDirectory() as cache:
        os.environ["GAN_EXPERIMENTS_CACHE"] = cache
        starts = [worker("start", options.archive) for _ in range(2)]
        step = worker("step", options.archive)["seconds"]
        rows = {name: worker(name, options.archive) for name in PATHS}
    lines = [
        f"`python {' '.join(sys.argv)}` on {os.cpu_count()} cores; batch {BATCH}, DCGAN step {step * 1e3:.0f} ms",
        "",
    ]
    for name, found in zip(("first", "second"), starts, strict=True):
        lines.append(
            f"- {name} start of {found['images']:,} images: {found['seconds']:.2f} s, peak {found['peak']:.0f} MiB"
        )
    lines += ["", "| path | images/s | batch | share of the step | peak memory |", "|---|---|---|---|---|"]
    for name, found in rows.items():
        batch = found["seconds"]
        speed, share = BATCH / batch, batch / step
        lines.append(f"| {name} | {speed:,.0f} | {batch * 1e6:.0f} us | {share:.2%} | {found['peak']:.0f} MiB |")
    print("\n".join(lines))
    if options.output:
        options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def worker(name: str, archive: Path) -> dict[str, Any]:
    """Run one measurement in a process of its own."""
    command = [sys.executable, __file__, "--worker", name, "--archive", str(archive)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def start(archive: Path) -> dict[str, Any]:
    """Time a start: listing, decoding or mapping, fingerprint."""
    data = pictures(archive)
    began = time.perf_counter()
    data.prepare_data()
    data.setup()
    assert data.fingerprint
    return {"seconds": time.perf_counter() - began, "images": len(data.images), "peak": peak()}


def batches(name: str, archive: Path) -> dict[str, Any]:
    """Time one batch of a path, converted to what the networks take."""
    import torch

    from gan_experiments.clock import Clock
    from gan_experiments.images import to_float

    options = dict(PATHS[name])
    data = pictures(archive, **options) if options.pop("archive", False) else random_images(**options)
    data.setup()
    module = SimpleNamespace(clock=Clock(BATCH, 10**12), seed=0)
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    data.trainer = SimpleNamespace(lightning_module=module, world_size=1, global_rank=0, strategy=strategy)
    endless = iter(data.train_dataloader())
    for batch in itertools.islice(endless, 20):
        to_float(batch.images)
    began = time.perf_counter()
    for batch in itertools.islice(endless, BATCHES):
        to_float(batch.images)
    return {"seconds": (time.perf_counter() - began) / BATCHES, "peak": peak()}


def dcgan_step(archive: Path) -> dict[str, Any]:
    """Time one step of both networks on images that are there already."""
    import torch

    from gan_experiments.networks.dcgan import DCGANDiscriminator, DCGANGenerator
    from gan_experiments.types import DataFacts

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


def pictures(archive: Path, **options: Any) -> Any:
    """Return the archive as a dataset of 32x32 pixels."""
    from gan_experiments.data.pictures import ImageArchive

    return ImageArchive(str(archive), image_size=32, **options)


def random_images(**options: Any) -> Any:
    """Return 60,000 random images of 32x32 pixels as a dataset."""
    import torch

    from gan_experiments.data.base import ImageData
    from gan_experiments.types import DataFacts

    class RandomImages(ImageData):
        facts = DataFacts("random", 32, 3, num_images=60000)

        def load(self) -> tuple[Any, None]:
            return torch.randint(256, (60000, 3, 32, 32), dtype=torch.uint8), None

    return RandomImages(**options)


def peak() -> float:
    """Return the largest memory of this process so far, in MiB; pages of the cache that are mapped count."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
