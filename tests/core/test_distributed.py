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


SCRIPT = """
import os, sys, tempfile
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from gan_experiments.losses.dual_contrastive import DualContrastive
from gan_experiments.losses.relativistic_average import RelativisticAverage
from gan_experiments.networks.minibatch import MinibatchDiscrimination


def averages(weight, images):
    scores = images @ weight.sum(1)
    return RelativisticAverage("least_squares").discriminator(scores, scores.sin())


def contrasts(weight, images):
    scores = images @ weight.sum(1)
    return DualContrastive().generator(scores.cos(), scores)


def largest(weight, images):
    from gan_experiments.penalties.max_gradient_penalty import gathered
    return gathered((images @ weight).square().sum(1)).max()


def features(weight, images):
    from gan_experiments.penalties.feature_matching import _mean_features

    class Network:
        def features(self, images, labels):
            return (images @ weight).tanh()

    return _mean_features(Network(), images, None).square().sum()


def slopes(weight, images):
    layer = MinibatchDiscrimination(2, kernels=2, length=1)
    layer.project.weight = torch.nn.Parameter(torch.ones(2, 2))
    images = images.clone().requires_grad_(True)
    output = layer((images @ weight).tanh()).sum()
    (slope,) = torch.autograd.grad(output, images, create_graph=True)
    return slope.square().sum(1).mean()


def work(rank, path):
    draw = torch.Generator().manual_seed(0)
    images, weight = torch.randn(6, 3, generator=draw), torch.randn(3, 2, generator=draw)
    cases = [averages, contrasts, largest, features, slopes]
    expected = []
    for case in cases:  # before there are processes
        one = weight.clone().requires_grad_(True)
        value = case(one, images)
        expected.append((value, *torch.autograd.grad(value, one)))
    dist.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2)
    for case, (value, gradient) in zip(cases, expected):
        one = weight.clone().requires_grad_(True)
        share = case(one, images[3 * rank : 3 * rank + 3])
        (found,) = torch.autograd.grad(share, one)
        share = share.detach()
        for each in (share, found):
            dist.all_reduce(each)
        torch.testing.assert_close(share / 2, value.detach(), msg=case.__name__)
        torch.testing.assert_close(found / 2, gradient, msg=case.__name__)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, (os.path.join(folder, "rendezvous"),), nprocs=2)
"""


def test_what_is_gathered_has_value_and_gradient_of_one_process(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    result = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
