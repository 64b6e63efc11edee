import math

import pytest
import torch

from gan_experiments.core.types import DivergedError
from gan_experiments.systems.step_statistics import CAPACITY, StepStatistics


def record(statistics, values, name="loss/generator", start=0):
    for step, value in enumerate(values, start):
        statistics.record(step, {name: torch.tensor(value)})


def test_reading_gives_means_and_forgets():
    statistics = StepStatistics()
    record(statistics, [1.0, 2.0, 6.0])
    record(statistics, [4.0], "loss/discriminator")
    assert statistics.check() == statistics.read() == {"loss/generator": 3.0, "loss/discriminator": 4.0}
    assert statistics.read() == {}


def test_a_term_that_is_there_in_some_steps_only_is_averaged_over_those():
    statistics = StepStatistics()
    for step in range(4):
        lazy = {"penalty": torch.tensor(5.0)} if step == 2 else {}
        statistics.record(step, {"loss": torch.tensor(float(step)), **lazy})
    assert statistics.read() == {"loss": 1.5, "penalty": 5.0}


def test_means_are_in_the_order_in_which_the_terms_were_recorded():
    statistics = StepStatistics()
    for step, names in enumerate([("loss", "penalty", "accuracy"), ("loss", "accuracy")]):
        statistics.record(step, {name: torch.tensor(1.0) for name in names})
    assert list(statistics.read()) == ["loss", "penalty", "accuracy"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_the_first_value_that_is_not_finite_is_named(bad):
    statistics = StepStatistics()
    record(statistics, [1.0, 2.0, bad, bad])
    record(statistics, [1.0, 2.0, 3.0, bad], "gradient_norm/generator")
    with pytest.raises(DivergedError, match=r"^loss/generator is no longer finite at step 2$"):
        statistics.read()


def test_all_values_that_end_in_one_step_are_named():
    statistics = StepStatistics()
    for name in ("loss/generator", "gradient_norm/generator"):
        record(statistics, [1.0, float("nan")], name)
    terms = "loss/generator, gradient_norm/generator"
    with pytest.raises(DivergedError, match=rf"^{terms} are no longer finite at step 1$"):
        statistics.read()


def test_what_nobody_reads_does_not_pile_up():
    statistics = StepStatistics()
    record(statistics, [1.0] * (CAPACITY + 10))
    assert len(statistics.state_dict()["loss/generator"][0]) == 10


def test_logits_of_a_batch_give_their_mean_and_how_often_their_sign_is_right():
    statistics = StepStatistics()
    for step, scale in enumerate((1.0, 3.0)):
        logits = torch.tensor([1.0, 2.0, 3.0, -2.0]) * scale
        statistics.record(step, {"logits/real": logits, "logits/fake": logits, "energy/real": logits})
    assert statistics.read() == {
        "logits/real": 2.0, "accuracy/real": 0.75, "logits/fake": 2.0, "accuracy/fake": 0.25, "energy/real": 2.0,
        "accuracy/ranking": 0.0,
    }  # fmt: skip


def test_right_is_the_side_of_the_boundary():
    statistics = StepStatistics()
    statistics.boundary = 0.5
    statistics.record(0, {"logits/real": torch.tensor([0.4, 0.6, 0.7]), "logits/fake": torch.tensor([0.4, 0.6, 0.3])})
    values = statistics.read()
    assert values["accuracy/real"] == values["accuracy/fake"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(("kind", "share"), [("logits", 0.75), ("energy", 0.25)])
def test_how_often_a_real_image_is_ranked_above_a_fake_one(kind, share):
    statistics = StepStatistics()
    real, fake = torch.tensor([1.0, 2.0, 3.0, -2.0]), torch.tensor([0.0, 1.0, 2.0, 4.0])
    for step in range(2):
        statistics.record(step, {f"{kind}/real": real - 100 * step, f"{kind}/fake": fake - 100 * step})
    assert statistics.read()["accuracy/ranking"] == share


def test_a_resumed_run_reads_the_same_means():
    one, other = StepStatistics(), StepStatistics()
    record(one, [1.0, 2.0])
    other.load_state_dict(one.state_dict(), torch.device("cpu"))
    for statistics in (one, other):
        record(statistics, [float("nan")], start=2)
        with pytest.raises(DivergedError, match="at step 2"):
            statistics.read()


def test_a_run_that_is_resumed_drops_what_nobody_reads_at_the_same_step():
    def take(statistics, steps):
        for step in steps:
            for name in "abcd":
                statistics.record(step, {name: torch.tensor(float(step)), name * 2: torch.tensor(1.0)})

    end = CAPACITY + CAPACITY // 5
    whole, first, second = StepStatistics(), StepStatistics(), StepStatistics()
    take(whole, range(end))
    take(first, range(end // 2))
    second.load_state_dict(first.state_dict(), torch.device("cpu"))
    take(second, range(end // 2, end))
    assert second.read() == whole.read()


@pytest.mark.parametrize("shape", [(), (4,)])
def test_values_of_two_processes_that_one_takes_up_are_averaged_over_both(shape):
    statistics = StepStatistics()
    tables = torch.tensor([[1.0, 2.0], [3.0, 6.0]]).reshape(2, 2, *[1] * len(shape)).expand(2, 2, *shape)
    statistics.load_state_dict({"loss": ([0, 1], tables)}, torch.device("cpu"))
    assert statistics.check() == {"loss": 3.0}
    statistics.record(2, {"loss": torch.full((2 * math.prod(shape),), 9.0)})
    assert statistics.read() == {"loss": 5.0}


def test_other_numbers_of_values_than_of_steps_are_refused():
    with pytest.raises(ValueError, match="loss"):
        StepStatistics().load_state_dict({"loss": ([0, 1, 2], torch.ones(1, 2))}, torch.device("cpu"))
