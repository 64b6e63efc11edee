"""What processes agree on, in two real processes."""

import torch
import torch.distributed as dist
from processes import in_two_processes

from gan_experiments.core.distributed import all_gather, mean_over_processes
from gan_experiments.losses.began import BEGAN
from gan_experiments.losses.dual_contrastive import DualContrastive
from gan_experiments.losses.relativistic_average import RelativisticAverage
from gan_experiments.networks.minibatch import MinibatchDiscrimination
from gan_experiments.penalties.feature_matching import _mean_features
from gan_experiments.penalties.max_gradient_penalty import gathered


def agree(rank):
    values = torch.tensor([1.0, 10.0]) * (rank + 1)
    assert mean_over_processes(values).tolist() == [1.5, 15.0]
    assert values.tolist() == [rank + 1.0, 10.0 * (rank + 1)]
    assert all_gather({"rank": rank}) == [{"rank": 0}, {"rank": 1}]
    loss = BEGAN(gamma=0.5, lambda_k=0.1)
    loss.discriminator(torch.tensor([1.0 + rank]), torch.tensor([0.1 * rank]))
    assert abs(loss.k.item() - 0.1 * (0.5 * 1.5 - 0.05)) < 1e-6, loss.k


def test_alone_a_process_keeps_its_values():
    values = torch.ones(2, requires_grad=True)
    assert mean_over_processes(values).tolist() == [1, 1]
    assert not mean_over_processes(values).requires_grad


def test_two_processes_agree_on_the_mean_and_on_the_state_made_of_it(tmp_path):
    in_two_processes(agree, tmp_path)


def averages(weight, images):
    scores = images @ weight.sum(1)
    return RelativisticAverage("least_squares").discriminator(scores, scores.sin())


def contrasts(weight, images):
    scores = images @ weight.sum(1)
    return DualContrastive().generator(scores.cos(), scores)


def largest(weight, images):
    return gathered((images @ weight).square().sum(1)).max()


def features(weight, images):
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


CASES = (averages, contrasts, largest, features, slopes)


def value_and_gradient(case, weight, images):
    weight = weight.clone().requires_grad_(True)
    value = case(weight, images)
    return value.detach(), *torch.autograd.grad(value, weight)


def share_of(rank, weight, images, whole):
    for case, expected in zip(CASES, whole, strict=True):
        found = value_and_gradient(case, weight, images[3 * rank : 3 * rank + 3])
        for one, other in zip(found, expected, strict=True):
            dist.all_reduce(one)
            torch.testing.assert_close(one / 2, other, msg=case.__name__)


def test_what_is_gathered_has_value_and_gradient_of_one_process(tmp_path):
    draw = torch.Generator().manual_seed(0)
    images, weight = torch.randn(6, 3, generator=draw), torch.randn(3, 2, generator=draw)
    whole = [value_and_gradient(case, weight, images) for case in CASES]
    in_two_processes(share_of, tmp_path, weight, images, whole)
