import pytest
import torch
from stubs import Echo

from gan_experiments.core.types import ConfigError
from gan_experiments.sampling.classes import Classes


def test_a_column_for_each_class_and_a_row_for_each_latent():
    generator = Echo(num_classes=3)
    Classes(count=2)(generator, None, 0)
    latents, labels = generator.asked[0]
    assert labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert all(torch.equal(row[0], row[column]) for row in latents.view(2, 3, 4) for column in (1, 2))
    assert not torch.equal(latents[0], latents[3])


def test_classes_can_be_chosen():
    generator = Echo(num_classes=3)
    Classes(count=1, classes=[2, 0])(generator, None, 0)
    assert generator.asked[0][1].tolist() == [2, 0]


@pytest.mark.parametrize(
    ("generator", "classes", "reason"),
    [
        (Echo(), None, "not conditional"),
        (Echo(num_classes=3), [1, 3, -1], r"output\.classes: invalid label 3, -1; echo has 0 to 2"),
        (Echo(num_classes=3), [], r"output\.classes: empty"),
    ],
)
def test_invalid_classes_are_refused(generator, classes, reason):
    with pytest.raises(ConfigError, match=reason):
        Classes(classes=classes)(generator, None, 0)
