"""What processes agree on, in two real processes."""

import subprocess
import sys

import torch

from gan_experiments.core.distributed import mean_over_processes

SCRIPT = """
import os, sys, tempfile
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from gan_experiments.core.distributed import all_gather, mean_over_processes
from gan_experiments.losses.began import BEGAN


def work(rank, path):
    dist.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2)
    values = torch.tensor([1.0, 10.0]) * (rank + 1)
    assert mean_over_processes(values).tolist() == [1.5, 15.0]
    assert values.tolist() == [rank + 1.0, 10.0 * (rank + 1)]
    assert all_gather({"rank": rank}) == [{"rank": 0}, {"rank": 1}]
    loss = BEGAN(gamma=0.5, lambda_k=0.1)
    loss.discriminator(torch.tensor([1.0 + rank]), torch.tensor([0.1 * rank]))
    assert abs(loss.k.item() - 0.1 * (0.5 * 1.5 - 0.05)) < 1e-6, loss.k
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, (os.path.join(folder, "rendezvous"),), nprocs=2)
"""


def test_alone_a_process_keeps_its_values():
    values = torch.ones(2, requires_grad=True)
    assert mean_over_processes(values).tolist() == [1, 1]
    assert not mean_over_processes(values).requires_grad


def test_two_processes_agree_on_the_mean_and_on_the_state_made_of_it(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
