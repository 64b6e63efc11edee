from types import SimpleNamespace

import numpy as np
import pytest
import torch
from backbones import random_backbone
from config_view import problems
from scipy.ndimage import gaussian_filter
from torchmetrics.image import PeakSignalNoiseRatio

from gan_experiments.core.perceptual import PerceptualEmbedding
from gan_experiments.core.step import Translated
from gan_experiments.core.types import DataFacts
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.datasets.unpaired import TwoClasses
from gan_experiments.data.synthetic.twin import DigitsTwin
from gan_experiments.metrics import translation
from gan_experiments.metrics.measure import update_measure
from gan_experiments.metrics.translation import LPIPS, PSNR, SSIM, CycleError, LabelKept
from gan_experiments.systems.cyclegan import CycleGAN
from gan_experiments.systems.gan import GAN
from gan_experiments.systems.pix2pix import Pix2Pix


def noise(seed, *shape):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def translated(count=6, size=32, channels=3, classical=True, **changes):
    shape = (count, channels, size, size)
    images, inputs, answers = (noise(seed, *shape) for seed in range(3))
    answers = (answers // 8 + images // 2).to(torch.uint8)  # nearer to the images than to the inputs
    batch = Translated(images, None, inputs, answers, None, noise(3, *shape) if classical else None, None)
    return batch._replace(**changes)


def measured(measure, *batches):
    for batch in batches:
        update_measure(measure, batch)
    return measure.scores_and_margins()


def test_psnr_is_that_of_torchmetrics_and_the_definition():
    batch = translated()
    values, margins = measured(PSNR(), batch)
    for name, images in (("psnr", batch.images), ("psnr_input", batch.inputs), ("psnr_classical", batch.classical)):
        error = ((images.double() - batch.answers.double()) ** 2).mean().item()
        assert values[name] == pytest.approx(10 * np.log10(255**2 / error))
        theirs = PeakSignalNoiseRatio(data_range=255.0)
        assert values[name] == pytest.approx(theirs(images.double(), batch.answers.double()).item(), rel=1e-5)
    assert values["psnr"] > values["psnr_input"]
    assert margins.keys() == values.keys()


def test_its_margin_covers_the_spread_over_samples():
    generator = torch.Generator().manual_seed(0)
    scales = torch.rand(200, 40, 1, 1, 1, generator=generator) * 30
    answers = torch.full((200, 40, 1, 8, 8), 128, dtype=torch.uint8)
    images = (128 + scales * torch.randn(answers.shape, generator=generator)).clamp(0, 255).to(torch.uint8)
    batches = [Translated(i, None, i, a, None, None, None) for i, a in zip(images, answers, strict=True)]
    pairs = [measured(PSNR(), batch) for batch in batches]
    spread = 1.96 * np.std([values["psnr"] for values, _ in pairs])
    assert np.mean([margins["psnr"] for _, margins in pairs]) == pytest.approx(spread, rel=0.2)


def test_a_perfect_translation_has_the_ratio_of_rounding():
    batch = translated()
    values, _ = measured(PSNR(), batch._replace(images=batch.answers))
    assert values["psnr"] == pytest.approx(10 * np.log10(255**2 * 12))


def ssim(a, b):
    """Wang et al. 2004, equation 13, with Gaussian windows of 11 pixels, the mean over them."""
    values = []
    for x, y in zip(a.double().numpy(), b.double().numpy(), strict=True):

        def blur(z):
            return gaussian_filter(z, 1.5, mode="mirror", radius=5)

        mx, my = blur(x), blur(y)
        vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        each = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
        values.append(each.mean())
    return np.mean(values)


@pytest.mark.parametrize("size", [32, 8])
def test_ssim_is_the_equation_of_the_paper(size):
    batch = translated(size=size, channels=1)
    values, _ = measured(SSIM(), batch)
    assert values["ssim"] == pytest.approx(ssim(batch.images[:, 0], batch.answers[:, 0]), abs=1e-5)
    assert values["ssim_input"] == pytest.approx(ssim(batch.inputs[:, 0], batch.answers[:, 0]), abs=1e-5)


def test_images_smaller_than_half_a_window_have_no_similarity():
    with pytest.raises(ValueError, match="SSIM needs images of 6 pixels, not 4"):
        SSIM().prepare(SimpleNamespace(facts=DataFacts("x", 4, 1)))


def test_lpips_is_the_distance_of_the_embeddings(monkeypatch):
    backbone = random_backbone()
    monkeypatch.setattr(translation, "load_backbone", lambda _: backbone)
    measure, batch = LPIPS(), translated()
    measure.prepare(SimpleNamespace(images=batch.images))
    network = PerceptualEmbedding(backbone)
    expected = (network(batch.images) - network(batch.answers)).square().sum(1).mean().item()
    assert measured(measure, batch)[0]["lpips"] == pytest.approx(expected, rel=1e-5)
    assert measure.provenance()["weights"]
    with pytest.raises(ValueError, match="32 pixels"):
        LPIPS().prepare(SimpleNamespace(images=batch.images[..., :8, :8]))


def test_values_do_not_depend_on_the_batches():
    whole = translated(count=6)
    parts = [Translated(*(None if each is None else each[s] for each in whole)) for s in (slice(0, 4), slice(4, 6))]
    for measure in (PSNR, SSIM):
        (one, one_margins), (two, two_margins) = measured(measure(), whole), measured(measure(), *parts)
        assert one == pytest.approx(two)
        assert one_margins == pytest.approx(two_margins)


def test_without_a_classical_method_there_is_no_value_of_it():
    assert measured(PSNR(), translated(classical=False))[0].keys() == {"psnr", "psnr_input"}


def test_grey_inputs_are_compared_with_coloured_answers():
    batch = translated(inputs=noise(5, 6, 1, 32, 32))
    values, _ = measured(PSNR(), batch)
    error = ((batch.inputs.double() - batch.answers.double()) ** 2).mean().item()
    assert values["psnr_input"] == pytest.approx(10 * np.log10(255**2 / error))


def test_the_cycle_error_is_the_mean_absolute_difference():
    batch = translated()
    values, _ = measured(CycleError(), batch._replace(back=lambda: 255 - batch.inputs))
    expected = (255 - 2 * batch.inputs.double()).abs().mean().item()
    assert values == {"cycle_error": pytest.approx(expected)}


def test_labels_are_kept_by_the_right_answers_and_not_by_others():
    data = DigitsTwin()
    data.prepare_data()
    measure, inputs = LabelKept(training_images=6000), data.inputs
    measure.prepare(data)
    chosen = inputs.tested
    answers, labels = inputs.answers_of(chosen), inputs.labels_of(chosen)
    right = Translated(answers, None, inputs.of(chosen), answers, labels, None, None)
    values, margins = measured(measure, right)
    assert values["label_kept"] == values["label_kept_answer"] > 0.8
    measure.reset()
    values, _ = measured(measure, right._replace(images=answers.roll(1, 0)))
    assert values["label_kept"] < 0.4
    assert margins["label_kept"] < 0.1
    with pytest.raises(ValueError, match="needs labels; x has none"):
        LabelKept().prepare(SimpleNamespace(labels=None, facts=DataFacts("x", 8, 1)))


def test_images_alone_are_no_translation():
    with pytest.raises(TypeError, match="PSNR needs Translated images, not Tensor"):
        PSNR().update(torch.zeros(1, 1, 8, 8))


def config(measure, model=Pix2Pix, dataset=Digits, task=None):
    parts = {"model": model, "dataset": dataset, "m": measure}
    return {name: {"_target_": each} for name, each in parts.items()} | ({"task": {"_target_": task}} if task else {})


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"measure": PSNR, "model": GAN}, "PSNR measures translated images, and GAN generates from noise"),
        ({"measure": PSNR, "dataset": TwoClasses}, "the right translation of the inputs of TwoClasses is not known"),
        ({"measure": CycleError}, "CycleError needs a translation back, which Pix2Pix has not"),
        ({"measure": LabelKept, "model": CycleGAN, "dataset": TwoClasses}, "needs labels, which TwoClasses has not"),
    ],
)
def test_what_cannot_be_measured_is_refused(options, problem):
    (line,) = problems(config(**options), "m")
    assert problem in line


def test_what_can_be_measured_is_not_refused():
    assert problems(config(PSNR, task=object), "m") == []
    assert problems(config(PSNR, CycleGAN, DigitsTwin), "m") == []
    assert problems(config(CycleError, CycleGAN, TwoClasses), "m") == []
