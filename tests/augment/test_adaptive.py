import pytest
import torch
from config_view import problems, warnings
from processes import in_two_processes

from gan_experiments.augment.ada import ADA
from gan_experiments.augment.adaptive import Adaptive
from gan_experiments.augment.apa import APA
from gan_experiments.core.types import DataFacts
from gan_experiments.losses.began import BEGAN
from gan_experiments.losses.dual_contrastive import DualContrastive
from gan_experiments.losses.hinge import Hinge
from gan_experiments.losses.relativistic_average import RelativisticAverage
from gan_experiments.losses.relativistic_pairing import RelativisticPairing
from gan_experiments.losses.wasserstein import Wasserstein


def outputs(mean_sign, count=10):
    """Return outputs for reals of which the signs have this mean."""
    positive = round(count * (1 + mean_sign) / 2)
    return torch.cat([torch.full((positive,), 3.0), torch.full((count - positive,), -0.1)])


def probabilities(augmentation, signs):
    seen = []
    for step, sign in enumerate(signs):
        augmentation.observe(outputs(sign), 10 * step, 10)
        seen.append(round(augmentation.p.item(), 6))
    return seen


def test_it_moves_every_interval_by_the_images_of_the_interval():
    assert probabilities(Adaptive(0.0, 0.6, 2, 100), [0.8] * 4) == [0, 0.2, 0.2, 0.4]
    assert probabilities(Adaptive(0.5, 0.6, 1, 100), [0.8, 0.4, 0.4, 0.8]) == [0.6, 0.5, 0.4, 0.5]


def test_it_follows_the_mean_of_an_interval_of_which_nothing_is_left():
    assert probabilities(Adaptive(0.5, 0.5, 2, 100), [1.0, 0.2, 0.6, 0.2]) == [0.5, 0.7, 0.7, 0.5]


def test_it_stays_a_probability():
    assert probabilities(Adaptive(0.95, 0.6, 1, 100), [1.0, 1.0, 0.0]) == [1, 1, 0.9]
    assert probabilities(Adaptive(0.05, 0.6, 1, 100), [0.0, 0.0, 1.0]) == [0, 0, 0.1]


def test_it_crosses_from_0_to_1_in_so_many_images():
    augmentation = Adaptive(0.0, 0.6, 4, 500)
    probabilities(augmentation, [1.0] * 48)
    assert augmentation.p.item() == pytest.approx(480 / 500)


def test_without_a_target_it_stays():
    augmentation = Adaptive(0.3, None, 1, 100)
    assert probabilities(augmentation, [1.0, -1.0]) == [0.3, 0.3]
    assert augmentation.probability is None


def test_it_is_all_in_the_state():
    whole, resumed = Adaptive(0.0, 0.6, 4, 400), Adaptive(0.0, 0.6, 4, 400)
    signs = [0.8, 0.2, 1.0, 0.8, 0.0, 0.2, 0.6, 0.8]
    expected = probabilities(whole, signs)
    probabilities(resumed, signs[:6])
    after = Adaptive(0.9, 0.6, 4, 400)
    after.load_state_dict(resumed.state_dict())
    for step in (6, 7):
        after.observe(outputs(signs[step]), 10 * step, 10)
    assert after.p.item() == pytest.approx(expected[-1])
    assert torch.equal(after.p, whole.p)


@pytest.mark.parametrize("augmentation", [ADA(DataFacts("images", 8, 3)), APA()])
def test_what_adapts_keeps_its_state_and_nothing_else_in_a_checkpoint(augmentation):
    assert set(augmentation.state_dict()) == {"p", "signs"}


def observe(rank, folder):
    augmentation = Adaptive(0.5, 0.2, 2, 100)
    for step in range(2):
        signs = [1.0, 1.0, 1.0, -1.0] if rank == 0 else [1.0, -1.0, -1.0, -1.0]
        augmentation.observe(torch.tensor(signs), 8 * step, 8)
    (folder / str(rank)).write_text(str(round(augmentation.p.item(), 6)))


def test_processes_move_together_by_what_all_of_them_saw(tmp_path):
    """Together the signs are even, which is below the target; to the first process alone they are not."""
    in_two_processes(observe, tmp_path, tmp_path)
    assert [(tmp_path / str(rank)).read_text() for rank in (0, 1)] == ["0.34", "0.34"]


def beside(loss, augmentation=ADA, **options):
    return {"loss": {"_target_": loss}, "augment": {"ada": {"_target_": augmentation, **options}}}


@pytest.mark.parametrize("augmentation", [ADA, APA])
def test_following_the_sign_of_energies_is_refused(augmentation):
    (line,) = problems(beside(BEGAN, augmentation), "augment.ada")
    assert line.startswith("augment.ada.target: BEGAN is computed on energies, which are never negative; null keeps")
    assert problems(beside(BEGAN, augmentation, target=None), "augment.ada") == []
    assert problems(beside(Hinge, augmentation), "augment.ada") == []


@pytest.mark.parametrize("loss", [Wasserstein, RelativisticPairing, RelativisticAverage, DualContrastive])
def test_following_signs_is_warned_of_where_only_differences_count(loss):
    (line,) = warnings(beside(loss), "augment.ada")
    assert line.startswith(f"augment.ada.target: {loss.__name__} depends only on differences of outputs")
    assert warnings(beside(loss, target=None), "augment.ada") == []
    assert warnings(beside(Hinge), "augment.ada") == []


def test_a_target_that_is_refused_is_not_spoken_of_again():
    assert problems(beside(BEGAN, target="x"), "augment.ada", refused=["augment.ada.target"]) == []
