import copy
import os
import signal

import pytest
import torch
from config_view import problems, warnings
from pytorch_lightning.plugins.precision import MixedPrecision
from torch.nn.functional import softplus

from gan_experiments.core.contracts import Augmentation
from gan_experiments.core.images import to_float
from gan_experiments.core.randomness import Stream
from gan_experiments.core.types import ConfigError
from gan_experiments.losses.relativistic_pairing import RelativisticPairing
from gan_experiments.penalties.gradient import image_gradient
from gan_experiments.penalties.latent_optimization import LatentOptimization
from gan_experiments.penalties.zcr import ZCR
from gan_experiments.runs.checkpoints import load_checkpoint
from gan_experiments.runs.folder import RunFolder
from gan_experiments.systems.gan import GAN
from gan_experiments.training.build import build


@pytest.fixture
def built(tiny, tmp_path):
    def make(*overrides):
        return build(tiny("metrics=none", *overrides), RunFolder(tmp_path / "run"))

    return make


def fit(parts):
    parts.trainer.fit(parts.system, datamodule=parts.data)
    return parts.system


def state(network):
    return {key: value.clone() for key, value in network.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    ("share", "d_steps", "g_steps"),
    [(False, 1, 1), (True, 1, 1), (False, 2, 1), (True, 2, 1), (False, 1, 2), (False, 2, 3)],
)
def test_training_is_the_algorithm_written_by_hand(built, share, d_steps, g_steps):
    parts = built(
        *("model=mlp", "penalty=none", f"model.share_fakes={str(share).lower()}", f"d_steps={d_steps}"),
        f"model.generator_steps={g_steps}",
        *("seed=7", "ema.rampup=null"),
    )
    generator, discriminator = copy.deepcopy(parts.system.generator), copy.deepcopy(parts.system.discriminator)
    average = copy.deepcopy(generator)
    system = fit(parts)

    g_adam, d_adam = (torch.optim.Adam(n.parameters(), 4e-4, betas=(0.5, 0.999)) for n in (generator, discriminator))
    images, batch = to_float(parts.data.images), 8
    order = Stream(7, "order", 0).permutation(len(images))
    for step in range(8):
        real = images[order[step * batch : (step + 1) * batch]]
        fake = generator(Stream(7, "latents", "discriminator", step).normal(batch, generator.latent_dim))
        loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake.detach())).mean()
        d_adam.zero_grad()
        loss.backward()
        d_adam.step()
        if (step + 1) % d_steps:
            continue
        for _ in range(g_steps):
            if not share:
                fake = generator(Stream(7, "latents", "generator", step).normal(batch, generator.latent_dim))
            g_adam.zero_grad()
            softplus(-discriminator(fake)).mean().backward()
            g_adam.step()
        decay = 0.5 ** (batch * d_steps / 10000)
        with torch.no_grad():
            for mean, weight in zip(average.parameters(), generator.parameters(), strict=True):
                mean.lerp_(weight, 1 - decay)

    for ours, theirs in (
        (system.generator, generator), (system.discriminator, discriminator), (system.ema.module, average)
    ):  # fmt: skip
        for name, weight in theirs.named_parameters():
            torch.testing.assert_close(ours.get_parameter(name), weight, rtol=1e-4, atol=1e-6)


def test_every_step_of_the_generator_is_counted_and_followed(built):
    parts = built("model=mlp", "penalty=historical_averaging", "d_steps=2", "model.generator_steps=3")
    weights = []
    take = parts.system._take_step

    def watched(optimizer):
        take(optimizer)
        if optimizer is parts.trainer.optimizers[1]:
            weights.append(torch.cat([weight.detach().flatten() for weight in parts.system.generator.parameters()]))

    parts.system._take_step = watched
    system = fit(parts)
    assert system.updates() == {"discriminator": 8, "generator": len(weights)} == {"discriminator": 8, "generator": 12}
    penalty = system.penalties["historical_averaging"]
    assert penalty.generator_steps == len(weights)
    torch.testing.assert_close(penalty.generator_mean, torch.stack(weights).mean(0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("direct", [False, True])
def test_simultaneous_updates_take_both_gradients_before_either_step(built, share, direct):
    parts = built(
        "model=mlp", "penalty=none", f"model.share_fakes={str(share).lower()}", "seed=7",
        "model.update_order=simultaneous", "optimizer=sgd", "optimizer.discriminator.momentum=0.5",
    )  # fmt: skip
    generator, discriminator = copy.deepcopy(parts.system.generator), copy.deepcopy(parts.system.discriminator)
    take = parts.system.step
    parts.system.step = lambda batch: (setattr(parts.system, "direct", direct), take(batch))
    system = fit(parts)

    g_sgd = torch.optim.SGD(generator.parameters(), 0.01)
    d_sgd = torch.optim.SGD(discriminator.parameters(), 0.01, momentum=0.5)
    images = to_float(parts.data.images)
    order = Stream(7, "order", 0).permutation(len(images))
    for step in range(8):
        real = images[order[step * 8 : (step + 1) * 8]]
        d_fake, g_fake = (
            generator(Stream(7, "latents", network, step).normal(8, generator.latent_dim))
            for network in ("discriminator", "discriminator" if share else "generator")
        )
        of_discriminator = softplus(-discriminator(real)).mean() + softplus(discriminator(d_fake)).mean()
        of_generator = softplus(-discriminator(g_fake)).mean()
        d_gradient = torch.autograd.grad(of_discriminator, list(discriminator.parameters()), retain_graph=True)
        g_gradient = torch.autograd.grad(of_generator, list(generator.parameters()))
        for optimizer, gradients in ((d_sgd, d_gradient), (g_sgd, g_gradient)):
            for weight, gradient in zip(optimizer.param_groups[0]["params"], gradients, strict=True):
                weight.grad = gradient
            optimizer.step()
    for ours, theirs in ((system.generator, generator), (system.discriminator, discriminator)):
        for name, weight in theirs.named_parameters():
            torch.testing.assert_close(ours.get_parameter(name), weight, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_each_network_learns_from_its_own_move_of_the_latents(built, order):
    parts = built(
        "model=mlp", "penalty=latent_optimization", "penalty.latent_optimization.beta=0.1", "optimizer=sgd", "seed=7",
        f"model.update_order={order}", "budget.images=8",
    )  # fmt: skip
    generator, discriminator = copy.deepcopy(parts.system.generator), copy.deepcopy(parts.system.discriminator)
    system = fit(parts)

    def move(network):
        latents = Stream(7, "latents", network, 0).normal(8, generator.latent_dim).requires_grad_()
        (slope,) = torch.autograd.grad(discriminator(generator(latents)).sum(), latents, create_graph=True)
        slope = slope * (torch.arange(generator.latent_dim) < generator.latent_dim // 2)
        step = 0.9 * slope / (0.1 + slope.square().sum(1, keepdim=True))
        return latents.detach(), step, 300 * step.square().sum(1).mean()

    def take(loss, network):
        weights = list(network.parameters())
        return weights, torch.autograd.grad(loss, weights)

    def step(weights, gradients):
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight -= 0.01 * gradient

    latents, moved, length = move("discriminator")
    real = to_float(parts.data.images)[Stream(7, "order", 0).permutation(len(parts.data.images))[:8]]
    fake = generator(latents + moved.detach()).detach()
    steps = [take(softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean() + length, discriminator)]
    if order == "alternating":
        step(*steps.pop())
    latents, moved, length = move("generator")
    steps.append(take(softplus(-discriminator(generator(latents + moved))).mean() + length, generator))
    for each in steps:
        step(*each)
    for ours, theirs in ((system.generator, generator), (system.discriminator, discriminator)):
        for name, weight in theirs.named_parameters():
            torch.testing.assert_close(ours.get_parameter(name), weight, rtol=1e-4, atol=1e-6)


def test_simultaneous_updates_refuse_what_they_cannot_be():
    config = {"model": {"_target_": GAN, "update_order": "simultaneous"}}
    assert problems(config, "model") == []
    found = problems(config | {"d_steps": 2, "trainer": {"precision": "16-mixed"}}, "model")
    assert [line.partition(":")[0] for line in found] == ["d_steps", "trainer.precision"]
    assert problems({"model": {"_target_": GAN}, "d_steps": 2}, "model") == []


@pytest.mark.parametrize("other", [{"share_fakes": True}, {"update_order": "simultaneous"}])
def test_several_generator_steps_refuse_fakes_that_are_made_once(other):
    config = {"model": {"_target_": GAN, "generator_steps": 2} | other}
    (line,) = problems(config, "model")
    assert line.startswith(f"model.generator_steps: model.{next(iter(other))}")
    assert problems({"model": {"_target_": GAN, "generator_steps": 1} | other}, "model") == []


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_a_step_of_one_network_leaves_the_other_as_it_was(built, network):
    parts = built("penalty=r1")
    system = parts.system
    step = getattr(system, f"_{network}_step")
    seen = {}

    def watched(*arguments):
        before = state(system.generator), state(system.discriminator)
        step(*arguments)
        seen["generator"], seen["discriminator"] = (
            [not torch.equal(old[name], new) for name, new in now.named_parameters()]
            for old, now in zip(before, (system.generator, system.discriminator), strict=True)
        )

    setattr(system, f"_{network}_step", watched)
    fit(parts)
    other = {"generator": "discriminator", "discriminator": "generator"}[network]
    assert all(seen[network])
    assert not any(seen[other])


def test_the_clock_counts_real_images_and_the_generator_steps_after_every_d_steps(built):
    parts = built("d_steps=4", "budget.images=100")
    updates = []
    update = parts.system.ema.update
    parts.system.ema.update = lambda network, images, seen: (updates.append(images), update(network, images))
    system = fit(parts)
    assert system.clock.images_seen == 104  # the first multiple of the batch that reaches the budget
    assert updates == [32, 32, 32]


def test_clipping_bounds_the_gradient_that_the_optimizer_sees(built):
    parts = built("optimizer.clip.discriminator=0.001")
    norms = []
    hook = parts.system.on_before_optimizer_step

    def watched(optimizer):
        hook(optimizer)
        if optimizer is parts.trainer.optimizers[0]:
            norms.append(torch.stack([p.grad.norm() for p in parts.system.discriminator.parameters()]).norm().item())

    parts.system.on_before_optimizer_step = watched
    fit(parts)
    assert norms == pytest.approx([0.001] * len(norms), rel=1e-3)


def with_loss_scaling(parts, scale):
    """Let a run compute in float16 with loss scaling, which is for GPUs, on the CPU."""
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    parts.trainer.strategy._precision_plugin = MixedPrecision("16-mixed", "cpu", scaler)
    return parts


@pytest.mark.parametrize("fused", ["false", "true"])
def test_the_gradient_is_clipped_and_its_norm_recorded_without_the_factor_of_loss_scaling(built, fused):
    options = [f"+optimizer.{name}.fused={fused}" for name in ("discriminator", "generator")]
    options += [f"optimizer.clip.{name}=0.01" for name in ("discriminator", "generator")]
    values = []
    for scale in (None, 1024.0):
        parts = built("model=mlp", "penalty=none", "optimizer=sgd", "budget.images=8", *options)
        before = state(parts.system)
        system = fit(parts if scale is None else with_loss_scaling(parts, scale))
        for name in ("discriminator", "generator"):
            moved = [weight - before[f"{name}.{key}"] for key, weight in getattr(system, name).named_parameters()]
            assert torch.cat([each.flatten() for each in moved]).norm().item() == pytest.approx(1e-4, rel=0.02)
        values.append(parts.loop.latest)
    for name in ("gradient_norm/discriminator", "gradient_norm/generator"):
        assert values[1][name] == pytest.approx(values[0][name], rel=0.02)


@pytest.mark.parametrize("fused", ["false", "true"])
def test_a_step_that_loss_scaling_leaves_out_is_no_divergence(built, fused):
    parts = built(
        "model=mlp", "penalty=none", *(f"optimizer.{n}.fused={fused}" for n in ("discriminator", "generator"))
    )
    before = state(parts.system)
    system = fit(with_loss_scaling(parts, 1e30))
    for key, weight in system.discriminator.named_parameters():
        assert torch.equal(weight, before[f"discriminator.{key}"])
    assert parts.loop.latest["gradient_norm/discriminator"] == 0
    assert parts.loop.latest["loss/discriminator"] > 0


def test_a_lazy_penalty_keeps_its_mean_strength(built):
    """At interval n a penalty is applied every n-th step, n times as strong."""
    parts = built("penalty=r1", "penalty.r1.interval=4", "penalty.r1.weight=3.0")
    penalty, applied = parts.system.penalties["r1"], []

    def constant(step):
        applied.append(step.images_seen)
        return step.real_output.sum() * 0 + 1.0

    penalty.discriminator = constant
    losses, minimize = [], parts.system._minimize
    parts.system._minimize = lambda loss, optimizer: (losses.append(loss.item()), minimize(loss, optimizer))
    fit(parts)
    assert applied == [0, 32]
    d_losses = losses[::2]
    assert d_losses[0] > 12 > max(d_losses[1:4])
    assert d_losses[4] > 12


def test_rates_follow_the_schedule_in_images(built):
    parts = built("optimizer.schedule.kind=linear", "optimizer.schedule.warmup=16", "optimizer.discriminator.lr=1e-3")
    rates = []
    minimize = parts.system._minimize
    parts.system._minimize = lambda loss, optimizer: (
        rates.append(optimizer.param_groups[0]["lr"]), minimize(loss, optimizer)
    )  # fmt: skip
    fit(parts)
    seen = range(0, 64, 8)
    assert rates[::2] == pytest.approx([1e-3 * min(1, (n + 1) / 16) * (1 - n / 64) for n in seen])
    assert rates[1::2] == pytest.approx([4e-4 * min(1, (n + 1) / 16) * (1 - n / 64) for n in seen])


@pytest.mark.parametrize("key", ["penalty.r1.interval", "model.beta", "optimizer.generator.lr", "augment.ada.p.x"])
def test_no_other_key_can_change(built, key):
    with pytest.raises(ValueError, match="cannot change during a run of GAN"):
        built().system.set_number(key, 1.0)


RAMPS = (
    "ramps={weights: {keys: [penalty.r1.weight, penalty.r2.weight], to: 0.5, kind: linear, start: 16, end: 48},"
    " betas: {keys: ['optimizer.generator.betas[1]', 'optimizer.discriminator.betas[0]'], to: 0.9, kind: linear},"
    " average: {keys: [ema.half_life, augment.ada.p], to: 1, kind: linear, end: 32}}"
)


def test_ramps_move_numbers_from_what_the_config_says(built):
    parts = built(
        RAMPS,
        "augment=ada",
        "augment.ada.target=null",
        "penalty=[r1,r2]",
        "penalty.r1.weight=1.0",
        "penalty.r2.weight=2.0",
        "ema.half_life=0",
    )
    system, seen = parts.system, []
    step = system.step

    def note(batch):
        discriminator, generator = (optimizer.param_groups[0]["betas"] for optimizer in parts.trainer.optimizers)
        weights = [system.penalties[name].weight for name in ("r1", "r2")]
        seen.append([*weights, generator[1], discriminator[0], system.ema.half_life])
        assert system.augmentations["ada"].p.item() == system.ema.half_life
        assert (generator[0], discriminator[1]) == (0.5, 0.999)
        return step(batch)

    system.step = note
    fit(parts)
    moved = [(n / 64, min(1, max(0, (n - 16) / 32)), min(1, n / 32)) for n in range(0, 64, 8)]
    expected = [[1 - 0.5 * w, 2 - 1.5 * w, 0.999 * (1 - b) + 0.9 * b, 0.5 * (1 - b) + 0.9 * b, a] for b, w, a in moved]
    assert torch.tensor(seen).allclose(torch.tensor(expected))


@pytest.mark.parametrize(("loss", "paired"), [("relativistic_pairing", True), ("hinge", False)])
def test_a_fake_that_is_compared_with_one_real_has_its_class(built, loss, paired):
    parts = built(f"loss={loss}", "model=dcgan", "conditioning=projection", "penalty=none")
    system, pairs = parts.system, []
    draw = system._draw_fakes

    def note(network, real, labels=None):
        fakes = draw(network, real, labels)
        pairs.append((labels, fakes.labels))
        return fakes

    system._draw_fakes = note
    fit(parts)
    assert len(pairs) == 16
    assert all(torch.equal(*labels) for labels in pairs) == paired


def test_measuring_more_often_changes_no_weight(fit):
    plain = fit("metrics.every=64", "callbacks.samples.every=64", "callbacks.monitor.every=64", folder="plain")
    often = fit("metrics.every=8", "callbacks.samples.every=8", "callbacks.monitor.every=8", folder="often")
    one, other = (load_checkpoint(run.checkpoint("last"))["state_dict"] for run in (plain, often))
    assert same(one, other)


def test_the_seed_decides_everything(fit):
    one, again, other = (
        load_checkpoint(fit(f"seed={seed}", "metrics=none", folder=folder).checkpoint("last"))["state_dict"]
        for seed, folder in ((1, "one"), (1, "again"), (2, "other"))
    )
    assert same(one, again)
    assert not same(one, other)


def test_sampling_leaves_the_mode_of_the_network_alone(built):
    system = built().system
    system.train()
    latents = torch.randn(4, system.latent_dim)
    single = system.sample(latents[:1], ema=False)
    torch.testing.assert_close(system.sample(latents, ema=False)[:1], single)  # so batch norm did not see the batch
    assert system.generator.training


ADAPTING = ("ada.p=0.5", "ada.images=500", "ada.interval=3"), ("apa.p=0.5", "apa.images=500", "apa.interval=3")


def adapting(name):
    options = next(options for options in ADAPTING if options[0].startswith(name))
    return [f"augment={name}", *(f"augment.{option}" for option in options)]


@pytest.mark.parametrize("name", ["ada", "apa"])
def test_a_run_whose_probability_adapts_resumes_bit_for_bit(fit, tiny, monkeypatch, name):
    """Stopped between two moves of the probability, with signs counted half of the way."""
    whole = fit(*adapting(name), "model=mlp", "metrics=none", folder="whole")
    step, at = GAN.step, 40
    with monkeypatch.context() as patch:

        def stop(self, batch):
            step(self, batch)
            if self.clock.images_seen == at:
                os.kill(os.getpid(), signal.SIGTERM)

        patch.setattr(GAN, "step", stop)
        stopped = fit(*adapting(name), "model=mlp", "metrics=none", folder="stopped")
    cut = load_checkpoint(stopped.checkpoint("last"))
    assert cut["images_seen"] == at
    assert cut["state_dict"][f"augmentations.{name}.signs"] != 0
    fit(*adapting(name), "model=mlp", "metrics=none", folder="stopped")
    ends = [load_checkpoint(run.checkpoint("last")) for run in (whole, stopped)]
    assert ends[0]["images_seen"] == ends[1]["images_seen"] == 64
    assert same(ends[0]["state_dict"], ends[1]["state_dict"])
    assert ends[0]["state_dict"][f"augmentations.{name}.p"] != cut["state_dict"][f"augmentations.{name}.p"] != 0.5


LEAST_SQUARES = ["loss=least_squares", "augment=ada", "augment.ada.interval=1", "budget.images=8"]


@pytest.mark.parametrize(("bias", "p"), [(0.6, 0.516), (0.4, 0.484)])
@pytest.mark.parametrize("model", ["mlp", "cyclegan"])
def test_a_probability_follows_what_the_loss_takes_for_real(built, model, bias, p):
    """Outputs of 0.4 are nearer to the target of fakes than to that of reals."""
    parts = built(f"model={model}", *LEAST_SQUARES, "augment.ada.p=0.5", "augment.ada.images=500")
    head = [module for module in parts.system.discriminator.modules() if getattr(module, "bias", None) is not None][-1]
    with torch.no_grad():
        head.weight.zero_()
        head.bias.fill_(bias)
    assert fit(parts).augmentations["ada"].p.item() == pytest.approx(p)
    assert (parts.loop.latest | parts.system.statistics.read())["accuracy/real"] == (bias > 0.5)


@pytest.mark.parametrize("name", ["ada", "apa"])
def test_both_networks_of_a_step_see_one_probability_and_it_is_logged(built, name):
    parts = built(*adapting(name), "model=mlp", f"augment.{name}.interval=1")
    augmentation, seen = parts.system.augmentations[name], []
    for network in ("discriminator", "generator"):
        take = getattr(parts.system, f"_{network}_step")
        setattr(
            parts.system,
            f"_{network}_step",
            lambda *arguments, take=take: (seen.append(augmentation.p.item()), take(*arguments)),
        )
    fit(parts)
    assert seen[::2] == seen[1::2]
    assert len(set(seen)) > 1
    assert parts.loop.latest[f"augment/{name}"] == pytest.approx(sum(seen[-4:]) / 4)  # of the last 16 images


@pytest.mark.parametrize("augment", ["ada", "diffaugment"])
def test_augmentation_with_probability_0_trains_the_bits_of_none(built, augment):
    options = ["augment.ada.target=null"] if augment == "ada" else ["augment.diffaugment.p=0"]
    ends = [state(fit(built("model=mlp", *overrides))) for overrides in ([f"augment={augment}", *options], [])]
    assert all(torch.equal(value, ends[0][key]) for key, value in ends[1].items())


def test_pseudo_augmentation_with_probability_0_trains_the_bits_of_none(built):
    ends = [
        state(fit(built("model=mlp", *overrides))) for overrides in (["augment=apa", "augment.apa.target=null"], [])
    ]
    assert all(torch.equal(value, ends[0][key]) for key, value in ends[1].items())


def test_what_is_shown_as_real_are_fakes_of_their_own(built):
    parts = built("augment=apa", "augment.apa.p=1", "augment.apa.target=null", "model=mlp", "loss=relativistic_pairing")
    shown, drawn = [], {}
    draw = parts.system._draw_fakes
    parts.system._draw_fakes = lambda network, real, *labels: drawn.setdefault(
        (network, len(shown)), draw(network, real, *labels)
    )
    for network in ("discriminator", "generator"):
        take = getattr(parts.system, f"_{network}_step")
        setattr(
            parts.system,
            f"_{network}_step",
            lambda real, *rest, take=take: (shown.append(real), take(real, *rest)),
        )
    fit(parts)
    pseudo = drawn["augment.apa", 0].images
    assert torch.equal(shown[0], pseudo)
    assert torch.equal(shown[1], pseudo)  # the generator's step compares with the same
    assert not torch.allclose(drawn["discriminator", 0].images, pseudo)
    assert not pseudo.requires_grad


def test_moved_latents_are_warned_of_beside_shared_fakes():
    config = {
        "model": {"_target_": GAN, "share_fakes": True},
        "penalty": {"logan": {"_target_": LatentOptimization}, "zcr": {"_target_": ZCR}},
    }
    (line,) = warnings(config, "model")
    assert line.startswith("penalty.logan: with model.share_fakes the generator does not learn through the move")
    config["model"]["share_fakes"] = False
    assert warnings(config, "model") == []


def captured_generator_step(parts, at):
    """Train to the generator's step number ``at``; return the gradient it takes and what it started from."""
    system, seen = parts.system, {}
    step, add = system._generator_step, system._add_gradient

    def watched(real, labels, shared):
        if system.clock.step == at:
            optimizer = parts.trainer.optimizers[0]
            seen["start"] = copy.deepcopy((system.generator, system.discriminator))
            weights = list(system.discriminator.parameters())
            seen["adam"] = [{key: value.clone() for key, value in optimizer.state[w].items()} for w in weights]
            seen["group"], seen["real"] = optimizer.param_groups[0], real.detach().clone()
        step(real, labels, shared)

    def kept(loss, optimizer, **only):
        if "start" in seen and "gradient" not in seen and optimizer is parts.trainer.optimizers[1]:
            weights = list(system.generator.parameters())
            seen["gradient"] = torch.autograd.grad(loss, weights, retain_graph=True)
        add(loss, optimizer, **only)

    system._generator_step, system._add_gradient = watched, kept
    fit(parts)
    return seen


def unrolled_by_hand(seen, latents, steps, gammas, largest=None):
    """Return the generator's gradient against ``steps`` discriminator steps of Adam, written out.

    Args:
        seen: What ``captured_generator_step`` returns.
        latents: Of the generator's step.
        steps: Number of discriminator steps.
        gammas: Of each of them, for r1 and r2.
        largest: Gradient clipping.
    """
    generator, discriminator = seen["start"]
    generator.requires_grad_()
    weights = {name: weight.detach().requires_grad_() for name, weight in discriminator.named_parameters()}
    first, second = ([state[key] for state in seen["adam"]] for key in ("exp_avg", "exp_avg_sq"))
    count, group = int(seen["adam"][0]["step"]), seen["group"]
    (beta1, beta2), rate, eps = group["betas"], group["lr"], group["eps"]
    fake = generator(latents)
    for step in range(steps):
        images = {"r1": seen["real"].clone().requires_grad_(), "r2": fake.clone()}  # weights depend on those before
        of_real, of_fake = (torch.func.functional_call(discriminator, weights, (x,)) for x in images.values())
        loss = softplus(-of_real).mean() + softplus(of_fake).mean()
        for name, output in (("r1", of_real), ("r2", of_fake)):
            (slope,) = torch.autograd.grad(output.sum(), images[name], create_graph=True)
            loss = loss + gammas.get(name, [0.0] * steps)[step] * slope.flatten(1).square().sum(1).mean() / 2
        gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        if largest is not None:
            norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
            gradients = [gradient * (largest / (norm + 1e-6)).clamp(max=1) for gradient in gradients]
        first = [beta1 * mean + (1 - beta1) * gradient for mean, gradient in zip(first, gradients, strict=True)]
        second = [beta2 * mean + (1 - beta2) * gradient**2 for mean, gradient in zip(second, gradients, strict=True)]
        for name, mean, square in zip(weights, first, second, strict=True):
            square = square / (1 - beta2 ** (count + step + 1))
            weights[name] = weights[name] - rate * mean / (1 - beta1 ** (count + step + 1)) / (square + eps**2).sqrt()
    loss = softplus(-torch.func.functional_call(discriminator, weights, (fake,))).mean()
    return torch.autograd.grad(loss, list(generator.parameters()))


@pytest.mark.parametrize("steps", [1, 3, 5])
@pytest.mark.parametrize(
    ("overrides", "gammas", "largest"),
    [
        (["penalty.r1.interval=1", "penalty.r1.weight=2.0"], {"r1": [2.0] * 5}, None),
        # Step 3 of the run, counted from 0, is being looked ahead of: steps 4 and 6 are even.
        (["penalty.r1.interval=2", "penalty.r1.weight=2.0"], {"r1": [4.0, 0.0, 4.0, 0.0, 4.0]}, None),
        (
            ["penalty.r1.interval=1", "penalty.r1.weight=2.0", "optimizer.clip.discriminator=0.1"],
            {"r1": [2.0] * 5},
            0.1,
        ),
        (["penalty=r1_r2"], {"r1": [0.05] * 5, "r2": [0.05] * 5}, None),
        # Here the discriminator takes step 3 after the generator.
        (
            ["penalty.r1.interval=2", "penalty.r1.weight=2.0", "model.update_order=simultaneous"],
            {"r1": [0.0, 4.0, 0.0, 4.0, 0.0]},
            None,
        ),
    ],
    ids=["r1", "lazy r1", "clipped", "r1 and r2", "lazy r1, simultaneous"],
)
def test_the_unrolled_discriminator_learns_from_penalties_and_clipped_gradients(
    built, steps, overrides, gammas, largest
):
    adam = ["optimizer.discriminator.lr=0.01", "+optimizer.discriminator.eps=1e-4"]
    parts = built("model=mlp", "penalty=r1", f"model.unroll_steps={steps}", "seed=7", *adam, *overrides)
    seen = captured_generator_step(parts, at=3)
    latents = Stream(7, "latents", "generator", 3).normal(8, parts.system.generator.latent_dim)
    expected = torch.cat([g.flatten() for g in unrolled_by_hand(seen, latents, steps, gammas, largest)])
    gradient = torch.cat([g.flatten() for g in seen["gradient"]])
    assert (gradient - expected).norm() < 1e-5 * expected.norm()


def test_the_generator_step_takes_a_multiple_of_the_batch(built):
    parts = built("model=mlp", "penalty=none", "model.generator_batch=2")
    batches = []
    parts.system.generator.register_forward_hook(lambda _, inputs, images: batches.append(len(images)))
    fit(parts)
    assert batches[:4] == [8, 16, 8, 16]


def test_a_generator_batch_is_refused_where_fakes_and_reals_are_compared_or_shared():
    model = {"_target_": GAN, "generator_batch": 2}
    found = problems({"model": model, "loss": {"_target_": RelativisticPairing}}, "model")
    text = "RelativisticPairing compares the generator's fakes with as many real images; take 1"
    assert found == [f"model.generator_batch: {text}"]
    for option in ({"share_fakes": True}, {"unroll_steps": 1}):
        (line,) = problems({"model": model | option}, "model")
        assert line.startswith(f"model.generator_batch: model.{next(iter(option))} uses")
    assert problems({"model": model}, "model") == []


class Halved(Augmentation):
    """x -> x / 2: the gradient by x is half of that by x / 2."""

    def forward(self, images, rng, images_seen):
        return images / 2


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("name", ["r1", "r2"])
@pytest.mark.parametrize("before", [False, True])
def test_gradient_penalties_are_taken_before_augmentation_if_asked_for(built, precision, name, before):
    options = [f"penalty.{name}.interval=2", f"penalty.{name}.before_augmentation={str(before).lower()}"]
    parts = built("model=mlp", f"penalty={name}", *options, f"trainer.precision={precision}")
    system, values = parts.system, []
    system.augmentations["halved"] = Halved()
    penalty, side = system.penalties[name], {"r1": "real", "r2": "fake"}[name]
    term = penalty.discriminator

    def watched(step):
        values.append((term(step).item(), image_gradient(step.discriminator, getattr(step, side).detach(), None)))
        return term(step)

    penalty.discriminator = watched
    fit(parts)
    assert len(values) == 4
    for value, slope in values:
        expected = slope.square().sum(1).mean().item() / 2 * (0.25 if before else 1)
        assert value == pytest.approx(expected, rel=1e-4)


def test_penalties_before_augmentation_train_the_discriminator_through_ada(built):
    ada = ["augment=ada", "augment.ada.target=null", "augment.ada.p=0.9", "trainer.precision=32-true"]
    fit(built("penalty=r1_r2", "penalty.r1.before_augmentation=true", "penalty.r2.before_augmentation=true", *ada))


@pytest.mark.parametrize("method", ["discriminator", "generator"])
@pytest.mark.parametrize(
    ("key", "wrong"),
    [("loss", torch.ones(4)), ("loss", None), ("loss", 1.0), ("penalty.r1", torch.ones(4)), ("penalty.r1", 1.0)],
)
def test_a_component_that_returns_no_scalar_is_named(built, monkeypatch, key, method, wrong):
    parts = built("model=mlp", "metrics=none")
    component = parts.system.loss if key == "loss" else parts.system.penalties["r1"]
    monkeypatch.setattr(component, method, lambda *_: wrong)
    with pytest.raises(ConfigError, match=f"{key}: .*{method} returned .*, not a scalar tensor"):
        fit(parts)


@pytest.mark.parametrize("method", ["discriminator", "generator"])
@pytest.mark.parametrize("model", ["mlp", "cyclegan"])
@pytest.mark.parametrize("key", ["loss", "penalty.r1"])
def test_a_component_that_returns_no_gradient_is_named(built, monkeypatch, key, model, method):
    parts = built(f"model={model}", "metrics=none", "penalty=r1")
    parts.system.penalties["r1"].interval = 1
    component = parts.system.loss if key == "loss" else parts.system.penalties["r1"]
    monkeypatch.setattr(component, method, lambda *_: torch.tensor(0.5))
    with pytest.raises(ConfigError, match=rf"{key}: .*{method} returned 0\.5 without a gradient"):
        fit(parts)


def test_terms_without_a_gradient_that_do_not_act_are_no_fault(built, monkeypatch):
    parts = built("model=mlp", "metrics=none", "penalty=r1_r2")
    for name, value, weight in (("r1", 0.0, 1.0), ("r2", 0.5, 0.0)):  # one that waits, and one that is only logged
        penalty = parts.system.penalties[name]
        penalty.weight, penalty.interval = weight, 1
        monkeypatch.setattr(penalty, "discriminator", lambda _, value=value: torch.tensor(value))
    fit(parts)
