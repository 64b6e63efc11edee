import pytest
import torch

from gan_experiments.metrics.classifier import Classifier
from gan_experiments.metrics.functional.classification_accuracy import (
    ClassifierTraining,
    LabelledImages,
    augmentation_gain,
    classification_accuracy_score,
)

SHORT = ClassifierTraining(width=4, images_shown=6000)


def stripes(count, seed=0, noise=120):
    """Two classes: horizontal and vertical stripes in noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=generator)
    pattern = 60 * (torch.arange(8) // 2 % 2).expand(8, 8)
    images = torch.stack([pattern, pattern.T])[labels][:, None]
    drawn = torch.randint(noise, (count, 1, 8, 8), generator=generator)
    return LabelledImages((images + drawn).to(torch.uint8), labels)


def relabelled(images, labels):
    return LabelledImages(images.images, labels)


TEST = stripes(300, seed=1)


def score(train, **options):
    return classification_accuracy_score(train, TEST, 2, options.get("training", SHORT)).mean().item()


def test_right_labels_teach_and_wrong_ones_do_not():
    train = stripes(500)
    assert score(train) > 0.95
    assert score(relabelled(train, 1 - train.labels)) < 0.1
    assert score(relabelled(train, train.labels[torch.randperm(500)])) == pytest.approx(0.5, abs=0.2)


def test_a_dropped_class_is_lost():
    train = stripes(500)
    kept = train.labels == 0
    assert score(LabelledImages(train.images[kept], train.labels[kept])) == pytest.approx(
        (TEST.labels == 0).double().mean()
    )


def test_generated_images_help_where_data_is_little():
    few = stripes(2000, seed=2, noise=190).few(3, seed=0)
    assert few.labels.tolist() == [0, 0, 0, 1, 1, 1]
    found = augmentation_gain(few, stripes(500, seed=3), TEST, 2, SHORT)
    assert found.gain == pytest.approx((found.few_and_generated.mean() - found.few.mean()).item())
    assert found.few_and_generated.mean() > 0.95
    assert found.gain > 0
    harmful = stripes(500, seed=3)
    assert augmentation_gain(few, relabelled(harmful, 1 - harmful.labels), TEST, 2, SHORT).gain < 0


def test_it_is_a_function_of_the_seed_whatever_surrounds_it():
    train = stripes(200)
    expected = classification_accuracy_score(train, TEST, 2, SHORT)
    torch.manual_seed(5)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(classification_accuracy_score(train, TEST, 2, SHORT), expected)
    torch.manual_seed(5)
    ambient = torch.rand(3)
    torch.manual_seed(5)
    classification_accuracy_score(train, TEST, 2, ClassifierTraining(4, 128, seed=1))
    assert torch.equal(torch.rand(3), ambient)


def test_classifiers_learn_in_full_float32(monkeypatch):
    seen, forward = set(), Classifier.forward

    def looks(self, images):
        seen.add(torch.backends.cudnn.allow_tf32)
        return forward(self, images)

    monkeypatch.setattr(Classifier, "forward", looks)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    classification_accuracy_score(stripes(20), TEST, 2, ClassifierTraining(4, 128))
    assert seen == {False}
    assert torch.backends.cudnn.allow_tf32


def test_few_images_are_disjoint_draws_of_each_class():
    data = stripes(100)
    assert torch.equal(data.few(5, 0).images, data.few(5, 0).images)
    assert not torch.equal(data.few(5, 0).images, data.few(5, 1).images)
    with pytest.raises(ValueError, match=r"classes \[0, 1\] have fewer than 90 images"):
        data.few(90, 0)


def test_sets_that_do_not_fit_are_refused():
    wide = LabelledImages(TEST.images.repeat(1, 3, 1, 1), TEST.labels)
    with pytest.raises(ValueError, match=r"trained on \(3, 8, 8\) and tested on \(1, 8, 8\)"):
        classification_accuracy_score(wide, TEST, 2, SHORT)
    with pytest.raises(ValueError, match="images to learn from"):
        classification_accuracy_score(LabelledImages(TEST.images[:0], TEST.labels[:0]), TEST, 2, SHORT)
