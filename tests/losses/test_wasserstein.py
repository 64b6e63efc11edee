import pytest
from config_view import warnings

from gan_experiments.losses.wasserstein import Wasserstein
from gan_experiments.networks.dcgan import DCGANDiscriminator
from gan_experiments.penalties.r1 import R1
from gan_experiments.penalties.zcr import ZCR


def test_is_the_difference_of_means(outputs):
    real, fake, r, f = outputs
    assert Wasserstein().discriminator(real, fake).item() == pytest.approx(f.mean() - r.mean())
    assert Wasserstein().generator(fake).item() == pytest.approx(-f.mean())


@pytest.mark.parametrize(
    ("penalty", "spectral_norm", "bounded"), [(R1, False, True), (ZCR, True, True), (ZCR, False, False)]
)
def test_a_critic_that_nothing_bounds_is_warned_of(penalty, spectral_norm, bounded):
    discriminator = {"_target_": DCGANDiscriminator, "spectral_norm": spectral_norm}
    config = {"loss": {"_target_": Wasserstein}, "model": {"discriminator": discriminator}}
    said = warnings(config | {"penalty": {"a": {"_target_": penalty}}}, "loss")
    assert (
        [line.partition(";")[0] for line in said] == []
        if bounded
        else ["loss: nothing bounds the gradient of the critic, so its outputs can grow without limit"]
    )
