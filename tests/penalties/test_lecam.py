import dataclasses

import numpy as np
import pytest
import torch

from gan_experiments.penalties.lecam import LeCam


def feed(penalty, step, real, fake, images_seen=0):
    step = dataclasses.replace(
        step,
        real_output=torch.tensor(real, requires_grad=True),
        fake_output=torch.tensor(fake, requires_grad=True),
        images_seen=images_seen,
    )
    return penalty.discriminator(step), step


def test_averages_are_true_means_at_first_and_moving_ones_later(parts):
    penalty, step = LeCam(decay=0.75), parts.step()
    reals = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0]
    average = 0.0
    for count, real in enumerate(reals, start=1):
        feed(penalty, step, [real, real + 2], [0.0, -2.0 * real])
        rate = max(0.25, 1 / count)
        average += rate * (real + 1 - average)
        assert penalty.averages[0].item() == pytest.approx(average)
        if count <= 4:
            assert average == pytest.approx(np.mean(reals[:count]) + 1)


def test_outputs_are_held_to_the_average_of_the_other_side(parts):
    penalty, step = LeCam(decay=1.0, start_images=0), parts.step()
    penalty.updates += 1
    penalty.averages.copy_(torch.tensor([2.0, -1.0]))
    rate = 0.5  # of the second update
    real, fake = np.array([3.0, -4.0, 0.5]), np.array([-3.0, 4.0, 1.5])
    average_real = 2.0 + rate * (real.mean() - 2.0)
    average_fake = -1.0 + rate * (fake.mean() + 1.0)
    value, _ = feed(penalty, step, real.tolist(), fake.tolist())
    expected = (np.maximum(0, real - average_fake) ** 2).mean() + (np.maximum(0, average_real - fake) ** 2).mean()
    assert value.item() == pytest.approx(expected)


def test_the_averages_are_constants_to_the_gradient(parts):
    value, step = feed(LeCam(start_images=0), parts.step(), [3.0, 1.0], [0.0, 0.0])
    (gradient,) = torch.autograd.grad(value, step.real_output)
    torch.testing.assert_close(gradient, torch.tensor([3.0, 1.0]))  # 2 r / 2, the average of fakes being 0


@pytest.mark.parametrize(("images_seen", "active"), [(0, False), (63_999, False), (64_000, True)])
def test_it_starts_late_but_follows_from_the_start(parts, images_seen, active):
    penalty = LeCam()
    value, _ = feed(penalty, parts.step(), [1.0], [0.0], images_seen)
    assert (value is not None) is active
    assert penalty.averages[0] == 1


def test_energies_are_held_the_other_way_round(parts):
    outputs, energies = parts.step(), parts.step()
    energies.discriminator.output = "energy"
    value, _ = feed(LeCam(start_images=0), outputs, [3.0, -1.0], [0.5, -2.0])
    negated, _ = feed(LeCam(start_images=0), energies, [-3.0, 1.0], [-0.5, 2.0])
    assert negated == value != 0
