from typing import Annotated

from torch import nn

from gan_experiments.config.kinds import Component, slot_of
from gan_experiments.config.signatures import Slot, signature_of

LOSS = Annotated[Component, Slot(("gan_experiments.core.contracts:Loss",), frozenset({"facts"}))]


def test_a_slot_names_the_classes_that_fit():
    from gan_experiments.core.contracts import Generator, Loss

    assert slot_of(LOSS) == slot_of(LOSS | None) == Slot((Loss,), frozenset({"facts"}))
    assert slot_of(nn.Module | int) == Slot((nn.Module,))
    assert slot_of(Generator) == Slot((Generator,), frozenset({"facts"}))
    assert slot_of(int | None) == Slot()


def test_what_the_program_provides_to_a_class_itself_is_known_too():
    from gan_experiments.core.contracts import Generator

    class Backward(Generator):
        provided = ("facts", "forward")

    assert slot_of(Generator, Backward).provided == {"facts", "forward"}


def test_a_system_is_provided_with_its_setup_as_a_whole():
    from gan_experiments.systems.gan import GAN

    class Own(GAN):
        def __init__(self, generator, discriminator, setup, clip: float = 1.0):
            super().__init__(generator, discriminator, setup)

    assert signature_of(Own, slot_of(GAN, Own)).parameters.keys() == {"generator", "discriminator", "clip"}
