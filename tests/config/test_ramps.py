import pytest

from gan_experiments.config.compose import compose
from gan_experiments.config.schema import check

RAMP = "ramps={gamma: {keys: [%s], to: %s, end: %s, start: %s}}"


def refusals(keys, to=0.5, end=1000, start=0, *more):
    return check(compose("train", [RAMP % (keys, to, end, start), *more]))


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        ("penalty.r1.weight", ()),
        ("'optimizer.generator.betas[1]', 'optimizer.discriminator.betas[0]'", ()),
        ("ema.half_life", ()),
        ("model.beta", ("model=vae",)),
        ("augment.ada.p", ("augment=ada", "augment.ada.target=null")),
    ],
)
def test_numbers_that_can_change(keys, more):
    assert refusals(keys, 0.5, 1000, 0, *more) == []


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        ("penalty.r2.weight", ()),
        ("penalty.r1.interval", ()),
        ("batch_size", ()),
        ("model.beta", ()),
        ("augment.ada.p", ("augment=ada",)),
        ("'optimizer.generator.betas[2]'", ()),
        ("penalty.r1.weight", ("model=vae",)),
        ("'optimizer.discriminator.betas[0]'", ("model=vae",)),
        ("'optimizer.generator.betas[0]'", ("optimizer=wgan",)),
    ],
)
def test_what_cannot_change_is_refused_with_what_can(keys, more):
    (problem,) = refusals(keys, 0.5, 1000, 0, *more)
    assert problem.startswith("ramps.gamma.keys: ")
    assert problem.endswith("ema.half_life)")


def test_the_nearest_number_is_named():
    assert "did you mean 'penalty.r1.weight'?" in refusals("penalty.r1.weigth")[0]


def test_all_that_is_wrong_is_said_at_once():
    line = (
        "ramps={a: {keys: [ema.half_life], to: 5}, b: {keys: [ema.half_life], to: -1, ends: 3}, c: {keys: [], to: 1}}"
    )
    text = "\n".join(check(compose("train", [line])))
    assert "ramps.b.keys: ema.half_life is moved by ramps.a already" in text
    assert "ramps.b.to: -1 is not a number >= 0" in text
    assert "ramps.b.ends: no such key" in text
    assert "ramps.c.keys: names no number" in text


def test_bounds():
    assert "within 1" in refusals("augment.ada.p", 1.1, 1000, 0, "augment=ada", "augment.ada.target=null")[0]
    assert refusals("augment.ada.p", 1.0, 1000, 0, "augment=ada", "augment.ada.target=null") == []
    assert refusals("[x]")[0].startswith("ramps.gamma.keys[0]: ")
    assert "below 1" in refusals("'optimizer.generator.betas[0]'", 1.0)[0]
    assert refusals("ema.half_life", 5, 1000, 1000) == ["ramps.gamma.end: it would begin at 1000 images, end at 1000"]
    problem = "ramps.gamma.start: it would begin at 800000 images, end at 800000"
    assert refusals("ema.half_life", 5, "null", 800000) == [problem]
