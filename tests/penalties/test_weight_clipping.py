import torch

from gan_experiments.penalties.weight_clipping import WeightClipping


def test_every_parameter_ends_in_the_box_and_those_inside_stay(parts):
    discriminator = parts.SmallDiscriminator()
    before = [parameter.detach().clone() for parameter in discriminator.parameters()]
    penalty = WeightClipping(bound=0.1)
    penalty.after_discriminator_step(discriminator)
    assert any(parameter.abs().max() > 0.1 for parameter in before)
    for parameter, old in zip(discriminator.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), old.clamp(-0.1, 0.1), rtol=0, atol=0)


def test_it_adds_no_term(parts):
    assert WeightClipping().discriminator(parts.step()) is None
    assert WeightClipping().generator(parts.step(side="generator")) is None
