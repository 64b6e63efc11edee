import subprocess
import sys

import pytest
import torch

from gan_experiments.core.randomness import Stream, derive_seed, seed_noise


def test_a_seed_is_a_function_of_its_keys_on_every_run():
    code = "from gan_experiments.core.randomness import derive_seed; print(derive_seed(3, 'a', 5))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed) == derive_seed(3, "a", 5)


def test_keys_are_kept_apart():
    keys = [(1, "a"), ("1", "a"), (1, "a", 0), ("1a",), (1, "b"), (2, "a"), ("a", 1), (11, "a")]
    assert len({derive_seed(*key) for key in keys}) == len(keys)


@pytest.mark.parametrize("draw", ["normal", "uniform"])
def test_ranks_share_the_batch_of_one_process(draw):
    whole = getattr(Stream(1, "x"), draw)(12, 3)
    parts = [getattr(Stream(1, "x", rank=rank, world_size=4), draw)(3, 3) for rank in range(4)]
    assert torch.equal(torch.cat(parts), whole)


def test_ranks_share_integers_and_agree_on_permutations():
    whole = Stream(1, "x").integers(10, 12)
    assert torch.equal(torch.cat([Stream(1, "x", rank=r, world_size=3).integers(10, 4) for r in range(3)]), whole)
    assert torch.equal(Stream(1, "x").permutation(9), Stream(1, "x", rank=2, world_size=3).permutation(9))


def test_draws_go_on_and_leave_the_ambient_stream_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    stream = Stream(0)
    assert not torch.equal(stream.normal(5), stream.normal(5))
    assert torch.equal(torch.rand(3), expected)


def test_normal_numbers_are_normal():
    drawn = Stream(5, "n").normal(20000)
    assert abs(drawn.mean()) < 0.03
    assert abs(drawn.std() - 1) < 0.03


def test_seeded_noise_is_that_of_the_global_stream():
    drawn = []
    for seed in (3, 3, 4):
        seed_noise(seed, torch.device("cpu"))
        drawn.append(torch.rand(4))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
