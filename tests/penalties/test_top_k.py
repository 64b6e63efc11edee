import pytest
import torch

from gan_experiments.penalties.top_k import TopK

OUTPUT = torch.tensor([3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, 6.0])


@pytest.mark.parametrize(("images_seen", "count"), [(0, 8), (99, 8), (100, 6), (200, 5), (300, 4), (10**9, 4)])
def test_the_share_decays_to_its_floor(parts, images_seen, count):
    penalty = TopK(gamma=0.8, floor=0.5, decay_every=100)  # 8 * 0.8 = 6.4, 5.12, 4.096
    kept = penalty.generator_outputs(OUTPUT, parts.step(images_seen=images_seen))
    assert sorted(kept.tolist()) == sorted(OUTPUT.tolist())[-count:]


def test_of_energies_the_lowest_are_kept(parts):
    step = parts.step()
    step.discriminator.output = "energy"
    assert sorted(TopK(gamma=0.5).generator_outputs(OUTPUT, step).tolist()) == sorted(OUTPUT.tolist())[:4]


def test_the_others_get_no_gradient(parts):
    output = OUTPUT.clone().requires_grad_()
    TopK(gamma=0.5).generator_outputs(output, parts.step()).sum().backward()
    assert output.grad.tolist() == [1, 0, 1, 0, 0, 1, 0, 1]


def test_patch_maps_are_kept_whole_by_their_mean(parts):
    output = torch.stack([OUTPUT, OUTPUT + 1], 1).reshape(8, 1, 1, 2)
    kept = TopK(gamma=0.5).generator_outputs(output, parts.step())
    assert kept.shape == (4, 1, 1, 2)
    assert kept.mean((1, 2, 3)).min() == 3.5


def test_at_least_one_is_kept(parts):
    assert len(TopK(gamma=0.0, floor=0.0).generator_outputs(OUTPUT, parts.step())) == 1
