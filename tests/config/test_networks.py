"""Networks that do not fit the data or each other are refused before anything is built."""

import pytest

from gan_experiments.config.compose import compose
from gan_experiments.config.schema import check, warnings


def refusals(*overrides):
    return check(compose("train", overrides))


@pytest.mark.parametrize(
    ("overrides", "size", "fits"),
    [
        (["model=dcgan", "dataset=stl10"], "STL10 has 48; dataset.image_size sets it", "8, 16, 28, 32, 64"),
        (["model=sngan", "dataset=celeba", "dataset.image_size=100"], "CelebA has 100", "8, 16, 28, 32, 48, 64, 128"),
        (["model=sndcgan", "dataset=polygons", "dataset.image_size=40"], "Polygons has 40", "8, 16, 28, 32, 48, 64"),
    ],
)
def test_a_size_is_refused_with_those_that_fit(overrides, size, fits):
    lines = refusals(*overrides)
    assert [line.partition(":")[0] for line in lines] == ["model.generator", "model.discriminator"]
    for line in lines:
        assert f"is for images of {fits} pixels" in line
        assert size in line


@pytest.mark.parametrize("data", [["dataset=celeba"], ["dataset=polygons"], ["dataset=stl10", "dataset.image_size=32"]])
@pytest.mark.parametrize("conditioning", ["projection", "acgan"])
def test_conditioning_is_refused_without_labels(data, conditioning):
    lines = refusals("model=sngan", *data, f"conditioning={conditioning}")
    assert len(lines) == 2
    for line, key in zip(lines, ("model.generator.conditional", "model.discriminator.conditioning"), strict=True):
        assert line.startswith(f"{key}: ")
        assert "carry no labels (take conditioning=none)" in line


@pytest.mark.parametrize(
    "data", [["dataset=cifar10"], ["dataset=mnist"], ["dataset=digits"], ["dataset=image_folder", "dataset.root=x"]]
)
@pytest.mark.parametrize("conditioning", ["none", "concatenation", "projection", "acgan", "contragan", "reacgan"])
def test_conditioning_is_taken_with_labels(data, conditioning):
    assert refusals("model=sagan", *data, f"conditioning={conditioning}") == []


def test_only_the_split_of_stl10_with_labels_is_taken():
    assert refusals("model=sngan", "dataset=stl10", "dataset.split=train", "conditioning=projection") == []


@pytest.mark.parametrize(
    ("overrides", "key", "text"),
    [
        (
            ["conditioning=projection", "model.generator.conditional=false"],
            "discriminator.conditioning",
            "the generator",
        ),
        (["model.generator.conditional=true"], "generator.conditional", "the discriminator knows nothing of classes"),
        (["model=autoencoder", "loss=began", "model.generator.conditional=true"], "generator.conditional", "set both"),
        (["conditioning=acgan", "~penalty.acgan"], "discriminator.conditioning", "nothing trains the classifier head"),
        (["conditioning=acgan", "model.unroll_steps=1", "penalty=none"], "unroll_steps", "ACGAN sees no features"),
    ],
)
def test_what_belongs_together_is_asked_for(overrides, key, text):
    (line,) = refusals(*overrides)
    assert line.startswith(f"model.{key}: ")
    assert text in line


def test_a_term_without_its_head_is_refused():
    (line,) = refusals("conditioning=contragan", "model.discriminator.conditioning=classifier")
    assert line.startswith(
        "penalty.contragan: ContraGAN trains a head that model.discriminator.conditioning=contrastive"
    )


def test_a_network_that_cannot_be_conditioned_is_refused():
    lines = refusals("model=autoencoder", "loss=began", "conditioning=projection")
    assert any(line.startswith("model.discriminator.conditioning: no such key") for line in lines)


def test_contrasts_are_of_the_images_of_each_process():
    (line,) = warnings(compose("train", ["conditioning=reacgan", "trainer=ddp_cpu"]))
    assert line.startswith("penalty.reacgan: ReACGAN compares the images of a batch")
