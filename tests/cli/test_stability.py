from pathlib import Path

import pytest

from gan_experiments.cli import stability

RATES = ["optimizer.generator.lr=0.2", "optimizer.discriminator.lr=0.2"]


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        (["penalty=r1", "penalty.r1.weight=0.3", "penalty.r1.interval=1"],
         "converges: a displacement halves in 22.4 discriminator steps (spectral radius 0.9695 per step)"),
        (["model.update_order=simultaneous"],
         "diverges: a displacement doubles in 139 discriminator steps (spectral radius 1.0050 per step)"),
        ([], "orbits: to first order, displacements neither shrink nor grow (spectral radius 1)"),
    ],
)  # fmt: skip
def test_the_verdict_in_words(call, arguments, verdict):
    code, out, err = call(stability, *RATES, *arguments)
    assert code == 0, err
    assert out.splitlines()[-1] == verdict
    assert "real training step" in out
    assert not any(Path().iterdir())


def test_without_a_jacobian_a_run_answers(call):
    code, out, _ = call(stability, *RATES, "loss=wasserstein", "penalty=wgan_gp", "steps=80")
    assert code == 0
    assert "Jacobian     none" in out
    assert "the last quarter of 80 steps keeps a distance of" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        (["dataset=ring", "model=mlp"], ["no equilibrium on Ring is known", "no equilibrium of MLPGenerator is known"]),
        (["optimizer.schedule.kind=linear"], ["optimizer.schedule: each step would be another one"]),
        (["loss=ebgan"], ["EBGAN needs a discriminator that returns 'energy'"]),
        (["d_steps=2", "model.update_order=simultaneous"], ["d_steps: model.update_order=simultaneous takes one step"]),
        (["dataset=gaussian", "model=linear_quadratic", "model.generator.latent_dim=2"], ["set it to 1"]),
        (["steps=1"], ["steps: 1 is not an integer"]),
    ],
)
def test_what_has_no_answer_is_refused(call, arguments, problems):
    code, out, err = call(stability, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"Config error: {len(problems)} problem")
    assert all(problem in err for problem in problems)
