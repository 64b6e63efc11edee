"""The rules that every loss, penalty and network has by its class attributes."""

import pytest
from config_view import problems, warnings

from gan_experiments.core.contracts import Discriminator, Generator, Loss, Penalty
from gan_experiments.core.types import DataFacts
from gan_experiments.data.datasets.celeba import CelebA
from gan_experiments.data.datasets.cifar import CIFAR10
from gan_experiments.data.datasets.image_files import ImageFolder
from gan_experiments.data.datasets.stl10 import STL10
from gan_experiments.data.synthetic.polygons import Polygons


class EnergyLoss(Loss):
    discriminator_output = "energy"


class PairingLoss(Loss):
    pairs = True


class CouplingLoss(Loss):
    couples_batch = True


class EnergyDiscriminator(Discriminator):
    output = "energy"


class FeatureDiscriminator(Discriminator):
    def features(self, images, labels=None):
        return images


class ConditionalGenerator(Generator):
    image_sizes = (8, 16)

    def __init__(self, facts, conditional: bool = False):
        super().__init__(facts)


class ConditionalDiscriminator(Discriminator):
    image_sizes = (8, 16)

    def __init__(self, facts, conditioning: str = "none"):
        super().__init__(facts)


class SecondOrder(Penalty):
    second_order = True
    kind = "gradient"


class OtherOfThatKind(Penalty):
    kind = "gradient"


class OfAnotherKind(Penalty):
    kind = "another"


class NeedsFeatures(Penalty):
    needs_features = True


class CouplesBatch(Penalty):
    couples_batch = True


class DropsFakes(Penalty):
    def generator_outputs(self, output, step):
        return output[:1]


class TrainsHead(Penalty):
    trains = "classifier"


class EightPixels:
    known = DataFacts("eight", image_size=8, channels=1, num_classes=10)


def networks(generator=None, discriminator=None, **rest):
    """Return a config of two conditionable networks with these options."""
    return {
        "model": {
            "generator": {"_target_": ConditionalGenerator} | (generator or {}),
            "discriminator": {"_target_": ConditionalDiscriminator} | (discriminator or {}),
        }
    } | rest


def test_a_loss_refuses_a_discriminator_with_another_output():
    config = {"loss": {"_target_": EnergyLoss}, "model": {"discriminator": {"_target_": Discriminator}}}
    (line,) = problems(config, "loss")
    assert line.startswith("loss: EnergyLoss needs a discriminator that returns 'energy', Discriminator returns 'logit")
    assert "take model=autoencoder, or a loss that is computed on 'logits'" in line
    config = {"loss": {"_target_": Loss}, "model": {"discriminator": {"_target_": EnergyDiscriminator}}}
    (line,) = problems(config, "loss")
    assert "take another model, or a loss that is computed on 'energy'" in line


def test_a_loss_takes_a_discriminator_with_its_output():
    for loss, network in ((Loss, Discriminator), (EnergyLoss, EnergyDiscriminator)):
        assert problems({"loss": {"_target_": loss}, "model": {"discriminator": {"_target_": network}}}, "loss") == []
    assert problems({"loss": {"_target_": Loss}}, "loss") == []


@pytest.mark.parametrize(("group", "component"), [("loss", CouplingLoss), ("penalty", CouplesBatch)])
def test_comparing_a_batch_is_warned_of_on_several_processes(group, component):
    config = {"loss": {"_target_": component}} if group == "loss" else {"penalty": {"it": {"_target_": component}}}
    key = "loss" if group == "loss" else "penalty.it"
    for trainer in (
        {"devices": 2, "num_nodes": 1},
        {"devices": "auto", "num_nodes": 1},
        {"devices": 1, "num_nodes": 2},
    ):
        (line,) = warnings(config | {"trainer": trainer}, key)
        assert line.startswith(f"{key}: {component.__name__} compares the images of a batch")
    assert warnings(config | {"trainer": {"devices": 1, "num_nodes": 1}}, key) == []
    assert warnings(config | {"trainer": {"devices": 0, "num_nodes": 1}}, key, refused=["trainer.devices"]) == []


class PackingDiscriminator(Discriminator):
    def __init__(self, facts, conditioning="none", packing=1):
        super().__init__(facts, packing)


@pytest.mark.parametrize(
    ("options", "rest", "lines"),
    [
        ({"packing": 2}, {"batch_size": 8}, []),
        ({"packing": 1}, {"batch_size": 9}, []),
        ({"packing": 3}, {"batch_size": 8}, ["batch_size: 8 images are no whole number of packs of 3"]),
        ({"packing": 3}, {"batch_size": 2}, ["batch_size: 2 images are no whole number of packs of 3"]),
        ({"packing": 2}, {"batch_size": 6, "trainer": {"devices": 2, "num_nodes": 1}}, ["batch_size: 6 images are no"]),
    ],
)  # fmt: skip
def test_a_batch_is_a_whole_number_of_packs(options, rest, lines):
    config = {"model": {"discriminator": {"_target_": PackingDiscriminator} | options}} | rest
    found = problems(config, "model.discriminator")
    assert [line.startswith(start) for line, start in zip(found, lines, strict=True)] == [True] * len(lines)


def test_packs_have_no_common_label():
    config = {
        "model": {"discriminator": {"_target_": PackingDiscriminator, "packing": 2, "conditioning": "projection"}}
    }
    (line,) = problems(config, "model.discriminator")
    assert line == (
        "model.discriminator.packing: 2 images of different classes have no common label; "
        "set model.discriminator.conditioning=none"
    )


def test_a_second_derivative_refuses_loss_scaling():
    config = {"penalty": {"r1": {"_target_": SecondOrder}}, "trainer": {"precision": "16-mixed"}}
    (line,) = problems(config, "penalty.r1")
    assert line.startswith("trainer.precision: 16-mixed cannot be combined with penalty.r1: ")
    assert "bf16-mixed and 32-true work" in line
    assert problems(config | {"trainer": {"precision": "bf16-mixed"}}, "penalty.r1") == []
    config["penalty"]["r1"]["_target_"] = Penalty
    assert problems(config, "penalty.r1") == []


def test_dropping_fakes_is_refused_beside_a_loss_of_pairs():
    config = {"penalty": {"top_k": {"_target_": DropsFakes}}, "loss": {"_target_": PairingLoss}}
    (line,) = problems(config, "penalty.top_k")
    assert line.startswith("penalty.top_k: DropsFakes drops fakes, but PairingLoss compares each fake with one real")
    assert problems(config | {"loss": {"_target_": CouplingLoss}}, "penalty.top_k") == []
    config["penalty"]["top_k"]["_target_"] = SecondOrder
    assert problems(config, "penalty.top_k") == []


def test_features_are_asked_of_the_discriminator():
    config = {
        "penalty": {"matching": {"_target_": NeedsFeatures}},
        "model": {"discriminator": {"_target_": Discriminator}},
    }
    assert problems(config, "penalty.matching") == [
        "penalty.matching: NeedsFeatures needs features, which Discriminator does not have"
    ]
    config["model"]["discriminator"]["_target_"] = FeatureDiscriminator
    assert problems(config, "penalty.matching") == []
    assert problems({"penalty": config["penalty"]}, "penalty.matching") == []


def test_a_term_without_its_class_head_is_refused():
    penalty = {"penalty": {"acgan": {"_target_": TrainsHead}}}
    assert problems(networks(**penalty), "penalty.acgan") == [
        "penalty.acgan: TrainsHead trains the class head of a discriminator with conditioning=classifier; that of "
        "ConditionalDiscriminator is none; set model.discriminator.conditioning=classifier and "
        "model.generator.conditional=true"
    ]
    assert problems(networks(discriminator={"conditioning": "classifier"}, **penalty), "penalty.acgan") == []
    wrong = networks(discriminator={"conditioning": "klassifier"}, **penalty)
    assert problems(wrong, "penalty.acgan", refused=["model.discriminator.conditioning"]) == []


def test_a_class_head_without_an_option_is_a_class_attribute():
    class Classifying(Discriminator):
        conditioning = "classifier"

    config = {"penalty": {"acgan": {"_target_": TrainsHead}}, "model": {"discriminator": {"_target_": Discriminator}}}
    (line,) = problems(config, "penalty.acgan")
    assert line.endswith("conditioning=classifier; that of Discriminator is none")
    config["model"]["discriminator"]["_target_"] = Classifying
    assert problems(config, "penalty.acgan") == []


def test_penalties_of_one_kind_are_warned_of_once():
    chosen = {
        "r1": {"_target_": SecondOrder},
        "lecam": {"_target_": OfAnotherKind},
        "gp": {"_target_": OtherOfThatKind},
    }
    (line,) = warnings({"penalty": chosen}, "penalty.r1")
    assert line.startswith("penalty: r1 and gp are of the same kind (gradient)")
    assert warnings({"penalty": chosen}, "penalty.gp") == []
    assert warnings({"penalty": chosen}, "penalty.lecam") == []
    assert warnings({"penalty": {name: chosen[name] for name in ("r1", "lecam")}}, "penalty.r1") == []


@pytest.mark.parametrize(
    ("dataset", "text"),
    [
        ({"_target_": CIFAR10}, "CIFAR10 has 32"),
        ({"_target_": STL10, "image_size": 48}, "STL10 has 48; set dataset.image_size"),
        ({"_target_": STL10}, "STL10 has 48"),
        ({"_target_": CelebA, "image_size": 100}, "CelebA has 100; set dataset.image_size"),
        ({"_target_": Polygons, "image_size": 40}, "Polygons has 40; set dataset.image_size"),
    ],
)
@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_a_size_is_refused_with_those_that_fit(dataset, text, network):
    (line,) = problems(networks(dataset=dataset), f"model.{network}")
    name = f"Conditional{network.capitalize()}"
    assert line == f"model.{network}: {name} supports image sizes 8, 16; {text}"


@pytest.mark.parametrize(
    "dataset",
    [
        {"_target_": EightPixels},
        {"_target_": Polygons, "image_size": 16},
        {"_target_": ImageFolder, "image_size": None},
    ],
)
def test_a_size_that_fits_or_is_not_known_is_taken(dataset):
    assert problems(networks(dataset=dataset), "model.generator") == []
    refused = networks(dataset={"_target_": STL10, "image_size": 5})
    assert problems(refused, "model.generator", refused=["dataset.image_size"]) == []


@pytest.mark.parametrize(
    "dataset",
    [{"_target_": CelebA, "image_size": 8}, {"_target_": Polygons, "image_size": 8},
     {"_target_": STL10, "image_size": 8, "split": "unlabeled"}],
)  # fmt: skip
def test_conditioning_is_refused_without_labels(dataset):
    config = networks({"conditional": True}, {"conditioning": "projection"}, dataset=dataset)
    for network, option in (("generator", "conditional"), ("discriminator", "conditioning")):
        (line,) = problems(config, f"model.{network}")
        name = dataset["_target_"].__name__
        assert line == f"model.{network}.{option}: {name} has no labels; set conditioning=none"


@pytest.mark.parametrize(
    "dataset",
    [{"_target_": EightPixels}, {"_target_": ImageFolder}, {"_target_": STL10, "image_size": 8, "split": "train"}],
)
def test_conditioning_is_taken_with_labels(dataset):
    config = networks({"conditional": True}, {"conditioning": "projection"}, dataset=dataset)
    assert problems(config, "model.generator") == problems(config, "model.discriminator") == []


def test_both_networks_are_conditional_or_neither():
    config = networks(discriminator={"conditioning": "projection"})
    (line,) = problems(config, "model.discriminator")
    assert line.startswith("model.discriminator.conditioning: model.generator is not conditional")
    assert "set model.generator.conditional too" in line
    assert problems(config, "model.generator") == []
    config = networks(generator={"conditional": True})
    (line,) = problems(config, "model.generator")
    assert line.startswith("model.generator.conditional: model.discriminator is not conditional")
    assert problems(config, "model.discriminator") == []


def test_a_network_without_an_option_is_as_its_class_says():
    config = networks(generator={"conditional": True}, discriminator={"_target_": EnergyDiscriminator})
    (line,) = problems(config, "model.generator")
    assert line.startswith("model.generator.conditional: model.discriminator is not conditional")
    assert problems(config, "model.discriminator") == []
    del config["model"]["discriminator"]
    assert problems(config, "model.generator") == []


def test_a_refused_conditioning_says_nothing_of_the_other_network():
    config = networks(generator={"conditional": True}, discriminator={"conditioning": "projektion"})
    assert problems(config, "model.generator", refused=["model.discriminator.conditioning"]) == []
