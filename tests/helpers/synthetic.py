"""Studies made of files alone: what runs would have left behind, with values drawn from known distributions."""

import io
import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from gan_experiments.runs.folder import RunFolder

TARGETS = {
    "hinge": "gan_experiments.losses.hinge.Hinge",
    "non_saturating": "gan_experiments.losses.non_saturating.NonSaturating",
    "wasserstein": "gan_experiments.losses.wasserstein.Wasserstein",
    "minimax": "gan_experiments.losses.minimax.Minimax",
    "least_squares": "gan_experiments.losses.least_squares.LeastSquares",
    "relativistic_pairing": "gan_experiments.losses.relativistic_pairing.RelativisticPairing",
}
FEATURES = {
    "fid": {"values": ["fid"], "higher_is_better": {"fid": False}},
    "inception": {"values": ["is"], "higher_is_better": {"is": True}, "splits": 10},
}
# A study of three losses with five seeds, two of them diverged.
FIDS = {
    "hinge": [4.0, 4.2, 4.1, 4.3, 3.9],
    "wasserstein": [9.0, 9.5, 8.7, 9.9, 9.2],
    "minimax": [5.0, None, 5.2, None, 5.1],
}
BUDGET, EVERY, BATCH = 200_000, 10_000, 64


def write_run(folder, loss="hinge", seed=0, fid=5.0, status="finished", config=None, record=None, grid=False):
    """Write the folder of a run that ends at ``fid``; a diverged one stops half way."""
    run = RunFolder(folder)
    run.path.mkdir(parents=True)
    settings = {
        "loss": {"_target_": TARGETS[loss]},
        "penalty": {},
        "optimizer": {"generator": {"lr": 2e-4}, "discriminator": {"lr": 2e-4}},
        "budget": {"images": BUDGET},
        "trainer": {"devices": 1},
        "callbacks": {"monitor": {"every": 5000}},
        "seed": seed,
        "batch_size": BATCH,
        "name": run.path.name,
        "output_dir": str(run.path.parent),
    }
    for key, value in (config or {}).items():
        *parents, last = key.split(".")
        mapping = settings
        for parent in parents:
            mapping = mapping.setdefault(parent, {})
        mapping[last] = value
    run.config_file.write_text(yaml.safe_dump(settings))
    ends = BUDGET if status == "finished" else BUDGET // 2
    curve = write_curve(run, fid, ends, seed)
    run.record_file.write_text(json.dumps(_record(loss, seed, fid, status, ends, curve) | (record or {})))
    if grid:
        run.samples.mkdir()
        for images in (0, ends):
            run.grid(images).write_bytes(_grid(seed))
    return run


@cache
def _grid(seed):
    """Return a PNG of noise, which takes longer to write than all else of a run."""
    file = io.BytesIO()
    shade = np.random.default_rng(seed).integers(0, 256, (8 * 34, 8 * 34), dtype=np.uint8)
    Image.fromarray(shade).save(file, "png")
    return file.getvalue()


def write_curve(run, fid, ends, seed):
    """Write a table that falls to its best at three quarters, and rises to a little more than ``fid``."""
    noise = np.random.default_rng(seed + 1000)
    rows, curve = ["images_seen,loss/generator,speed/seconds,metrics/fid,metrics/is"], []
    for images in range(5000, ends + 1, 5000):
        seconds = images / 1000
        if images % EVERY:
            rows.append(f"{images},0.7,{seconds},,")
            continue
        value = 1.05 * fid + 60 * math.exp(-images / 25_000) * (1 + 0.1 * noise.random())
        value -= 0.1 * fid * (images == 3 * BUDGET // 4)
        curve.append(value)
        rows.append(f"{images},0.7,{seconds},{value},{9 - value / 20}")
    run.metrics_file.write_text("\n".join(rows) + "\n")
    return curve


def write_study(folder, fids, **options):
    """Write a run for each final FID of each loss, seeds from 0 on; ``None`` has diverged."""
    for loss, values in fids.items():
        for seed, fid in enumerate(values):
            status = "diverged" if fid is None else "finished"
            name = f"digits-dcgan-loss_{loss}-seed_{seed}"
            write_run(Path(folder) / name, loss, seed, fid or 12.0, status, **options)
    return Path(folder)


def _record(loss, seed, fid, status, ends, curve):
    record = {
        "overrides": [f"loss={loss}", f"seed={seed}"],
        "choices": {"dataset": "digits", "model": "dcgan", "loss": loss, "penalty": "none", "callbacks": "default"},
        "status": status,
        "reason": None if status == "finished" else "DivergedError: the loss is nan",
        "started": f"2026-01-01T00:{seed:02}:00+00:00",
        "seed": seed,
        "dataset": {"name": "digits", "fingerprint": "abc"},
        "versions": {"python": "3.11.7", "torch": "2.15.0"},
        "git": {"commit": "0123456789abcdef", "changed": False},
        "host": "here",
        "device": "cpu",
        "processes": 1,
        "threads": 1,
        "images_seen": ends,
        "steps": {"discriminator": ends // BATCH, "generator": ends // BATCH},
        "seconds": ends / 1000,
    }
    if status != "finished":
        return record
    return record | {
        "final": {"fid": {"value": fid, "real_baseline": 0.4}, "is": {"value": 9 - fid / 20}},
        "best": {"fid": min(curve), "images_seen": EVERY * (1 + int(np.argmin(curve)))},
        "evaluation": {
            "samples": 10000,
            "periodic_samples": 2000,
            "generator": "ema",
            "extractors": {"native": {"name": "native", "num_features": 64, "weights": "17df"}},
            "real_images": 1797,
            "data": "abc",
            "features": FEATURES,
        },
    }
