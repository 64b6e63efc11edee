"""Two processes that evaluate together; each writes what it finds to its file in the folder given."""

import json
import sys
from pathlib import Path

import torch.distributed as dist
import torch.multiprocessing as mp
from pixels import Pixels, source

from gan_experiments.metrics.evaluate import Evaluator

PROCESSES = 2


def evaluate(rank, folder, counts):
    dist.init_process_group("gloo", init_method=f"file://{folder / 'store'}", rank=rank, world_size=PROCESSES)
    fakes = source(seed=1).images
    evaluator = Evaluator(source(), {"native": Pixels()}, 0, 64)
    values = [evaluator(lambda start, size: fakes[start : start + size], count, rank, PROCESSES) for count in counts]
    (folder / f"{rank}.json").write_text(json.dumps([*values, evaluator.yardstick()]))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    folder, *counts = sys.argv[1:]
    # Forked, they need not import everything again.
    mp.start_processes(evaluate, (Path(folder), [int(count) for count in counts]), PROCESSES, start_method="fork")
