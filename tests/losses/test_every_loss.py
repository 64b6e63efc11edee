"""What holds for every loss: found by its YAML, so that a new one is tested without an edit here."""

import inspect
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from gan_experiments.core.contracts import Loss

CONF = Path(__file__).parents[2] / "conf" / "loss"
FILES = sorted(path for path in CONF.glob("*.yaml") if path.stem != "none")
OPTIONS = {
    "relativistic_average": [{"form": form} for form in ("non_saturating", "least_squares", "hinge")],
    "f_gan": [
        {"divergence": divergence, "saturating": saturating}
        for divergence in ("kl", "reverse_kl", "pearson", "squared_hellinger", "jensen_shannon")
        for saturating in (False, True)
    ],
    "non_saturating": [{}, {"smoothing": 0.1}],
    "minimax": [{}, {"smoothing": 0.1}],
    "least_squares": [{}, {"smoothing": 0.1}],
}
CASES = [
    pytest.param(path.stem, options, id="-".join([path.stem, *(str(value) for value in options.values())]))
    for path in FILES
    for options in OPTIONS.get(path.stem, [{}])
]
every_loss = pytest.mark.parametrize(("name", "options"), CASES)


def build(name, options):
    return instantiate(OmegaConf.merge(OmegaConf.load(CONF / f"{name}.yaml"), options))


def generator_loss(loss, fake, real):
    return loss.generator(fake, real) if loss.generator_needs_real else loss.generator(fake)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_yaml_lists_every_argument_with_its_default(path):
    config = OmegaConf.to_container(OmegaConf.load(path))
    loss = instantiate({"_target_": config.pop("_target_")})
    assert isinstance(loss, Loss)
    parameters = inspect.signature(type(loss)).parameters.values()
    assert {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD} == config
    assert path.read_text().startswith("# ")


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("size", [1e4, 100.0, 0.0])
def test_extreme_outputs_give_finite_values_and_gradients(name, options, dtype, size):
    loss = build(name, options)
    lowest = 0.0 if loss.discriminator_output == "energy" else -size
    for high, low in [(size, lowest), (lowest, size), (size, size), (lowest, lowest)]:
        real = torch.full((4,), high, dtype=dtype, requires_grad=True)
        fake = torch.full((4,), low, dtype=dtype, requires_grad=True)
        for value in (loss.discriminator(real, fake), generator_loss(loss, fake, real)):
            assert value.shape == ()
            gradients = torch.autograd.grad(value, [real, fake], allow_unused=True)
            assert value.isfinite()
            assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)


@every_loss
def test_gradients_are_those_of_finite_differences(name, options, outputs):
    loss = build(name, options).double().eval()
    real, fake = (output.detach().abs().requires_grad_() for output in outputs[:2])
    assert torch.autograd.gradcheck(loss.discriminator, (real, fake))
    assert torch.autograd.gradcheck(lambda real, fake: generator_loss(loss, fake, real), (real, fake))


@every_loss
def test_the_boundary_is_the_best_output_where_real_and_fake_are_equally_likely(name, options):
    loss = build(name, options).double()
    if loss.shift_invariant or loss.discriminator_output == "energy":
        assert loss.boundary == 0
        return
    value = lambda output: loss.discriminator(*[torch.full((4,), output, dtype=torch.float64)] * 2).item()  # noqa: E731
    assert all(value(loss.boundary) <= value(loss.boundary + step) for step in (-0.5, -1e-3, 1e-3, 0.5))
    assert value(loss.boundary) == pytest.approx(value(loss.boundary + 1e-6), rel=1e-9)


@every_loss
def test_patch_maps_count_as_so_many_outputs(name, options):
    loss = build(name, options).eval()
    real, fake = torch.rand(2, 1, 2, 3), torch.rand(2, 1, 2, 3)
    torch.testing.assert_close(loss.discriminator(real, fake), loss.discriminator(real.flatten(), fake.flatten()))
    torch.testing.assert_close(generator_loss(loss, fake, real), generator_loss(loss, fake.flatten(), real.flatten()))


@every_loss
def test_says_truly_whether_samples_of_a_batch_meet(name, options):
    loss = build(name, options)  # in training mode, where it may keep a state
    torch.manual_seed(0)
    real, fake = torch.rand(8) * 3, torch.rand(8) * 3

    def mean_of_halves(function):
        return (function(real[:4], fake[:4]) + function(real[4:], fake[4:])) / 2

    def pairs_to_test(function):
        return not torch.allclose(mean_of_halves(function), function(real, fake), atol=1e-5)

    coupled = pairs_to_test(loss.discriminator) or pairs_to_test(lambda real, fake: generator_loss(loss, fake, real))
    assert coupled is loss.couples_batch


@every_loss
def test_says_truly_whether_the_generator_needs_reals(name, options):
    loss = build(name, options).eval()
    fake = torch.rand(4)
    if loss.generator_needs_real:
        assert loss.generator(fake, torch.zeros(4)) != loss.generator(fake, torch.ones(4))
    else:
        assert loss.generator(fake, torch.zeros(4)) == loss.generator(fake)


def _descend(parameters, value, rate=1e-3):
    gradients = torch.autograd.grad(value, parameters)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= rate * gradient


@every_loss
def test_a_small_step_of_each_network_goes_the_right_way(name, options):
    torch.manual_seed(1)
    loss = build(name, options).eval()
    energy = loss.discriminator_output == "energy"
    if energy and hasattr(loss, "k"):
        loss.k.fill_(0.5)
    last = nn.Softplus() if energy else nn.Identity()
    discriminator = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1), last, nn.Flatten(0))
    generator = nn.Linear(4, 2)
    real, latents = torch.randn(64, 2) + 1, torch.randn(64, 4)

    def advantage():
        gap = discriminator(real).mean() - discriminator(generator(latents)).mean()
        return (-gap if energy else gap).item()

    def discriminator_value():
        return loss.discriminator(discriminator(real), discriminator(generator(latents)))

    def generator_value():
        return generator_loss(loss, discriminator(generator(latents)), discriminator(real))

    before, gap = discriminator_value().detach(), advantage()
    _descend(list(discriminator.parameters()), discriminator_value())
    assert discriminator_value() < before
    assert advantage() > gap
    before, gap = generator_value().detach(), advantage()
    _descend(list(generator.parameters()), generator_value())
    assert generator_value() < before
    assert advantage() < gap
