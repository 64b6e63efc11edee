"""Two processes that evaluate together; each writes what it finds to its file in the folder given."""

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from pixels import evaluator, from_tensor, source

from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.inception_score import InceptionScore
from gan_experiments.metrics.kid import KID
from gan_experiments.metrics.prdc import PRDC
from gan_experiments.runs.results import plain

PROCESSES = 2


def measures():
    return {"fid": FID(), "is": InceptionScore(), "kid": KID(subsets=5, subset_size=20), "prdc": PRDC()}


def evaluate(rank, folder, counts):
    os.environ["GAN_EXPERIMENTS_CACHE"] = str(folder / "cache")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'store'}", rank=rank, world_size=PROCESSES)
    sample = from_tensor(source(seed=1).images)
    together = evaluator(features=measures())
    found = [together(sample, count, rank, PROCESSES) for count in counts]
    found.append(plain(together.final(sample, counts[0], rank, PROCESSES)))
    again = evaluator(features=measures())  # reads what the first has left in the cache
    found.append(again(sample, counts[0], rank, PROCESSES))
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    folder, *counts = sys.argv[1:]
    # Forked, they need not import everything again.
    mp.start_processes(evaluate, (Path(folder), [int(count) for count in counts]), PROCESSES, start_method="fork")
