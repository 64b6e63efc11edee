import pytest

from gan_experiments.config.compose import compose
from gan_experiments.runs.findings import advice
from gan_experiments.runs.reached import REACHED, reached


@pytest.mark.parametrize("overrides", REACHED)
def test_what_was_reached_is_known_for_commands_that_can_be_given(overrides):
    lines = overrides.split()
    config = compose("train", lines)
    known = reached([*lines, "seed=7", "name=mine", "trainer.precision=bf16-mixed", "++logger=none"])
    assert known is REACHED[overrides]
    assert known.images == config.budget.images
    assert reached([*lines, "budget.images=1000"]) is None


def result(measure, value, higher, baseline):
    return {"final": {measure: {"value": value, "real_baseline": baseline, "higher_is_better": higher}}}


@pytest.mark.parametrize(
    ("overrides", "final", "missed"),
    [
        (["dataset=ring"], result("precision", 0.4, True, 0.99), True),
        (["dataset=ring"], result("precision", 0.95, True, 0.99), False),
        (["seed=3"], result("fid", 1.5, False, 0.07), True),
        (["seed=3"], result("fid", 0.3, False, 0.07), False),
        (["model=mlp"], result("fid", 1.5, False, 0.07), False),
        (["dataset=ring"], {}, False),
    ],
)
def test_a_run_that_is_far_from_it_says_what_to_try(overrides, final, missed):
    record = {"overrides": overrides, "images_seen": 1000, "best": {"images_seen": 400}, **final}
    config = {"optimizer": {name: {"lr": 4e-4} for name in ("generator", "discriminator")}}
    said = advice(record, config)
    assert bool(said) == missed
    if missed:
        assert f"where this command has reached {reached(overrides)}: optimizer.generator.lr=0.0002" in said
