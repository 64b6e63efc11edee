import pytest
import torch
from gaussians import normal

from gan_experiments.core.images import as_measured
from gan_experiments.core.randomness import Stream
from gan_experiments.runs.folder import RunFolder
from gan_experiments.training.build import build
from gan_experiments.training.callbacks.evaluation_samples import arc, evaluation_samples


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    from omegaconf import OmegaConf
    from tiny import tiny_overrides

    from gan_experiments.config.compose import compose

    lines = tiny_overrides("model=stylegan2", "model.generator.mapping_layers=2", "metrics=none")
    config = OmegaConf.to_container(compose("train", lines), resolve=True)
    return build(config, RunFolder(tmp_path_factory.mktemp("run"))).system


def slerp_of_stylegan2(a, b, t):
    """``slerp`` of ``perceptual_path_length.py`` of StyleGAN2-ADA."""
    a, b = a / a.norm(dim=-1, keepdim=True), b / b.norm(dim=-1, keepdim=True)
    d = (a * b).sum(dim=-1, keepdim=True)
    p = t * torch.acos(d)
    c = b - d * a
    c = c / c.norm(dim=-1, keepdim=True)
    d = a * torch.cos(p) + c * torch.sin(p)
    return d / d.norm(dim=-1, keepdim=True)


def test_the_arc_has_the_directions_of_stylegan2_and_lengths_in_between():
    first, last, position = normal(20, 6), 3 * normal(20, 6, seed=1), torch.rand(20, 1, dtype=torch.float64)
    found = arc(first, last, position)
    norms = found.norm(dim=1, keepdim=True)
    assert torch.allclose(found / norms, slerp_of_stylegan2(first, last, position), atol=1e-9)
    assert torch.allclose(
        norms, (1 - position) * first.norm(dim=1, keepdim=True) + position * last.norm(dim=1, keepdim=True)
    )


def test_a_path_begins_at_the_image_itself_and_ends_at_another(system):
    samples = evaluation_samples(system, None, 10, seed=4)
    found = samples(2, 5)
    latents = Stream(4, "evaluation", "paths").normal(10, system.latent_dim)[2:7]
    for space in ("z", "w"):
        before, after = found.step(space, "end", 1.0)
        assert torch.equal(as_measured(before), found.images)
        assert torch.allclose(after, system.sample(latents), atol=1e-4)
        before, after = found.step(space, "end", 1e-4)
        assert 0 < (before - after).abs().max() < 0.01


def test_positions_on_a_path_do_not_depend_on_the_batches(system):
    whole, parts = evaluation_samples(system, None, 6, seed=4), evaluation_samples(system, None, 6, seed=4)
    for space in ("z", "w"):
        expected = torch.cat([torch.cat(parts(start, 3).step(space, "full", 0.1), 1) for start in (0, 3)])
        assert torch.allclose(torch.cat(whole(0, 6).step(space, "full", 0.1), 1), expected, atol=1e-5)
    first, last = (Stream(4, *keys).normal(6, system.latent_dim) for keys in (("evaluation",), ("evaluation", "paths")))
    stream = Stream(4, "evaluation", "paths")
    stream.normal(6, system.latent_dim)
    positions = stream.uniform(6, 1)
    network = system.ema.module.eval()
    with torch.no_grad():
        between = torch.lerp(network.styles(first), network.styles(last), positions + 0.1)
        expected = network.synthesize(between)
    assert torch.allclose(whole(0, 6).step("w", "full", 0.1)[1], expected, atol=1e-4)
    assert positions.min() < 0.4 < 0.6 < positions.max()


def test_truncated_latents_have_no_paths(system):
    assert evaluation_samples(system, None, 4, seed=0, truncation=0.5)(0, 2).step is None
