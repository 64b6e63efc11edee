import pytest
import torch
from pixels import source

from gan_experiments.core.types import ConfigError
from gan_experiments.metrics import classification_score
from gan_experiments.metrics.classification_score import ClassificationScore

LABELS = torch.arange(500) % 2
OPTIONS = {"few_per_class": 3, "training_images": 256, "width": 4, "seed": 7}


def test_options_are_in_the_provenance():
    assert ClassificationScore(**OPTIONS).provenance() == {**OPTIONS, "tested_on": "a fifth of all"}


def numbered(trained=None):
    """Images whose first pixels say which they are."""
    data = source(labels=LABELS)
    data.images[:, 0, 0, 0], data.images[:, 0, 0, 1] = torch.arange(500) // 256, torch.arange(500) % 256
    data.trained = trained
    return data


def numbers(images):
    return set((images[:, 0, 0, 0].long() * 256 + images[:, 0, 0, 1]).tolist())


@pytest.fixture
def used(monkeypatch):
    """Collect what classifiers learn from and are tested on."""
    found = {"learn": [], "test": set()}
    score = classification_score.classification_accuracy_score
    gain = classification_score.augmentation_gain

    def scored(train, test, *rest):
        found["learn"].append(numbers(train.images))
        found["test"] |= numbers(test.images)
        return score(train, test, *rest)

    def gained(few, generated, test, *rest):
        found["learn"].append(numbers(few.images))
        found["test"] |= numbers(test.images)
        return gain(few, generated, test, *rest)

    monkeypatch.setattr(classification_score, "classification_accuracy_score", scored)
    monkeypatch.setattr(classification_score, "augmentation_gain", gained)
    return found


def measured(data):
    measure = ClassificationScore(**OPTIONS)
    measure.prepare(data)
    measure.update(torch.full((60, 1, 2, 2), 255, dtype=torch.uint8), labels=LABELS[:60])
    return measure, measure.compute()


def test_it_is_tested_on_images_that_the_generator_was_not_trained_on(used):
    trained = torch.arange(500) % 7 < 4
    measure, values = measured(numbered(trained))
    assert measure.provenance()["tested_on"] == "images left out"
    assert set(values) == set(ClassificationScore.values)
    tests = int((~trained).sum())
    binomial = {name: 1.96 * (values[name] * (1 - values[name]) / tests) ** 0.5 for name in ("cas", "cas_real", "few")}
    assert {name: measure.margins[name] for name in binomial} == pytest.approx(binomial)
    _, real, few = used["learn"]
    assert used["test"] == set(torch.arange(500)[~trained].tolist())
    assert real | few <= set(torch.arange(500)[trained].tolist())
    assert (len(real), len(few)) == (60, 6)


@pytest.mark.parametrize("trained", [None, torch.ones(500, dtype=torch.bool)])
def test_it_is_tested_on_a_fifth_where_nothing_is_left_out(used, trained):
    measured(numbered(trained))
    _, real, few = used["learn"]
    assert len(used["test"]) == 100
    assert not used["test"] & (real | few)


def test_too_few_of_a_class_to_learn_from_are_refused():
    measure = ClassificationScore(**OPTIONS)
    measure.config_key = "metrics.measures.classification_score"
    text = r"^metrics\.measures\.classification_score\.few_per_class: 3 images per class .*, but one class has 2"
    with pytest.raises(ConfigError, match=text):
        measure.prepare(numbered(torch.arange(500) < 4))
