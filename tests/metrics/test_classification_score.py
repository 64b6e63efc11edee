from gan_experiments.metrics.classification_score import ClassificationScore


def test_options_are_in_the_passport():
    options = {"few_per_class": 3, "training_images": 100, "width": 4, "seed": 7}
    assert ClassificationScore(**options).passport() == options
