import re

import pytest
from config_view import config_view

from gan_experiments.config.schema import Config, Metrics, Optimizer
from gan_experiments.config.sections import Average, Freeze, Initial, Ramp, Schedule, Stop, Trainer
from gan_experiments.metrics.kid import KID
from gan_experiments.metrics.known_distribution import KnownDistributionMetric
from gan_experiments.metrics.prdc import PRDC
from gan_experiments.systems.gan import GAN
from gan_experiments.systems.vae import VAE


def lines(rule, key, config, refused=()):
    view = config_view(config, refused)
    return [str(problem) for problem in rule(key, view.get(key, {}), view)]


@pytest.mark.parametrize(
    ("batch", "devices", "nodes", "processes"), [(64, 3, 1, 3), (64, 2, 3, 6), (64, 2, 2, None), (63, "auto", 1, None)]
)
def test_a_batch_is_shared_equally(batch, devices, nodes, processes):
    config = {"batch_size": batch, "trainer": {"devices": devices, "num_nodes": nodes}}
    where = f"{processes} processes (trainer.devices={devices}, trainer.num_nodes={nodes})"
    expected = [f"batch_size: {batch} images cannot be divided equally among {where}"] * bool(processes)
    assert lines(Config.check, "", config) == expected


def test_a_refused_number_is_not_spoken_of_again():
    config = {"batch_size": "x", "trainer": {"devices": 0, "num_nodes": 1}, "optimizer": {"generator": {"betas": 3}}}
    refused = ["batch_size", "trainer.devices", "optimizer.generator.betas"]
    assert lines(Config.check, "", config, refused) == lines(Optimizer.check, "optimizer", config, refused) == []


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed", "32-true"])
@pytest.mark.parametrize("accelerator", ["cpu", "gpu", "auto"])
def test_float16_needs_a_gpu(precision, accelerator):
    found = lines(Trainer.check, "trainer", {"trainer": {"precision": precision, "accelerator": accelerator}})
    wrong = (precision, accelerator) == ("16-mixed", "cpu")
    assert found == ["trainer.precision: 16-mixed needs a GPU; the CPU supports 32-true and bf16-mixed"] * wrong


def test_integer_betas_are_refused():
    config = {"optimizer": {"generator": {"betas": [0, 0.9]}, "discriminator": {"betas": [0.0, 0.9]}}}
    (line,) = lines(Optimizer.check, "optimizer", config)
    assert line == "optimizer.generator.betas[0]: the optimizer does not accept integers; write 0.0"
    assert lines(Optimizer.check, "optimizer", {"optimizer": {"generator": {}, "discriminator": None}}) == []


@pytest.mark.parametrize(
    ("average", "warned"),
    [
        ({"half_life": 400}, True),
        ({"half_life": 300}, False),
        ({"half_life": 400, "rampup": 0.05}, False),
        ({"half_life": 400, "start": 500, "rampup": None}, True),
        ({"half_life": 400, "start": 900}, False),  # it never starts: the average is the network itself
    ],
)
def test_a_half_life_that_is_long_against_the_budget_is_warned_of(average, warned):
    view = config_view({"ema": average, "budget": {"images": 900}})
    found = list(Average.check("ema", average, view))
    assert [problem.warning for problem in found] == [True] * warned
    text = "ema.half_life: 400 images are more than a third of the budget of 900: the average still holds early weights"
    assert [str(problem) for problem in found] == [f"{text}; set ema.rampup=0.05"] * warned


@pytest.mark.parametrize(
    ("schedule", "line"),
    [
        (
            {"kind": "linear", "start": 2000000, "end": None},
            "start: 2,000,000 images have to be fewer than",
        ),
        (
            {"kind": "cosine", "start": 9, "end": 8},
            "end: 8 images have to be more than optimizer.",
        ),
        ({"kind": "linear", "start": 0, "end": None}, None),
        ({"kind": "constant", "start": 0, "end": None}, None),
        ({"kind": "linear", "start": 0, "end": 2000000}, "end: 2,000,000"),
        ({"kind": "cosine", "start": 3000000, "end": 4000000}, "start: 3,000,000"),
        ({"kind": "linear", "start": 0, "end": None, "warmup": 1000001}, "warmup: 1,000,001"),
        ({"kind": "constant", "start": 2000000, "end": None}, "start: is not used"),
    ],
)
def test_learning_rates_stop_falling_after_they_start(schedule, line):
    config = {"optimizer": {"schedule": schedule}, "budget": {"images": 1000000}}
    found = lines(Schedule.check, "optimizer.schedule", config)
    assert [text.startswith(f"optimizer.schedule.{line}") for text in found[:1]] == [True] * bool(line)


BETAS = {"generator": {"betas": [0.5, 0.999]}, "discriminator": {"betas": [0.5, 0.999]}}
ADVERSARIAL = {
    "model": {"_target_": GAN},
    "penalty": {"r1": {"weight": 1.0, "interval": 1}, "clipping": {}},
    "augment": {"fixed": {"p": 0.3, "target": None}, "adaptive": {"p": 0.0, "target": 0.6}, "noise": {"sigma": 1.0}},
    "optimizer": BETAS,
}
PLAIN = {"model": {"_target_": VAE, "beta": 1.0}, "optimizer": {"generator": BETAS["generator"], "discriminator": None}}
CLIPPED = ADVERSARIAL | {"optimizer": {"generator": {"alpha": 0.9}, "discriminator": {"alpha": 0.9}}}


def ramp(config, *keys, to=0.5, end=1000, start=0, refused=()):
    ramps = {"ramps": {"gamma": {"keys": list(keys), "to": to, "end": end, "start": start}}}
    return lines(Ramp.check, "ramps.gamma", {"budget": {"images": 800000}} | config | ramps, refused)


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        (ADVERSARIAL, ["penalty.r1.weight"]),
        (ADVERSARIAL, ["optimizer.generator.betas[1]", "optimizer.discriminator.betas[0]"]),
        (ADVERSARIAL, ["ema.half_life"]),
        (ADVERSARIAL, ["augment.fixed.p"]),
        (PLAIN, ["model.beta", "ema.half_life", "optimizer.generator.betas[0]"]),
    ],
)
def test_numbers_that_can_change(config, keys):
    assert ramp(config, *keys) == []


@pytest.mark.parametrize(
    ("half_life", "rampup", "course", "said"),
    [
        (0, 0.05, {"to": 50000, "end": 200000}, "5,000 half way, not 25,000"),
        (500000, 0.05, {"to": 1000, "end": 200000}, "5,000 half way, not 250,500"),
        (0, 0.05, {"to": 5000, "end": 200000, "start": 100000}, ""),
        (0, 0.05, {"to": 9000, "end": 200000}, ""),
        (0, 0.05, {"to": 11000, "end": 200000, "start": 100000}, "10,000 at its end, not 11,000"),
        (0, 0.05, {"to": 50000, "end": None}, "20,000 half way, not 25,000"),
        (0, None, {"to": 50000, "end": 200000}, ""),
    ],
)
def test_a_ramp_of_the_half_life_that_its_bound_hides_is_warned_of(half_life, rampup, course, said):
    config = ADVERSARIAL | {"ema": {"half_life": half_life, "rampup": rampup}}
    bound = "ramps.gamma.keys: ema.half_life is at most 0.05 of the images seen (ema.rampup): "
    assert ramp(config, "ema.half_life", **course) == [f"{bound}{said}; set ema.rampup=null"] * bool(said)
    assert ramp(config, "penalty.r1.weight", **course) == []


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (ADVERSARIAL, "penalty.r2.weight"),
        (ADVERSARIAL, "penalty.r1.interval"),
        (ADVERSARIAL, "penalty.clipping.weight"),
        (ADVERSARIAL, "batch_size"),
        (ADVERSARIAL, "model.beta"),
        (ADVERSARIAL, "augment.adaptive.p"),
        (ADVERSARIAL, "augment.noise.p"),
        (ADVERSARIAL, "optimizer.generator.betas[2]"),
        (PLAIN, "penalty.r1.weight"),
        (PLAIN, "optimizer.discriminator.betas[0]"),
        (CLIPPED, "optimizer.generator.betas[0]"),
    ],
)
def test_what_cannot_change_is_refused_with_what_can(config, key):
    (line,) = ramp(config, key)
    assert line.startswith(f"ramps.gamma.keys: '{key}' is not a number that can change during this run")
    assert re.search(r"[( ]ema\.half_life[,)]", line)


def test_the_nearest_number_is_named():
    assert "did you mean 'penalty.r1.weight'?" in ramp(ADVERSARIAL, "penalty.r1.weigth")[0]


def test_bounds_of_what_a_ramp_ends_at():
    assert ramp(ADVERSARIAL, "augment.fixed.p", to=1.1) == [
        "ramps.gamma.keys: augment.fixed.p must be at most 1; to is 1.1"
    ]
    assert ramp(ADVERSARIAL, "augment.fixed.p", to=1.0) == []
    assert "must be below 1" in ramp(ADVERSARIAL, "optimizer.generator.betas[0]", to=1.0)[0]
    assert ramp(ADVERSARIAL, "penalty.r1.weight", to=1000) == []


def test_a_ramp_ends_after_it_starts():
    line = "ramps.gamma.end: 1,000 images have to be more than ramps.gamma.start, 1,000"
    assert ramp(ADVERSARIAL, "ema.half_life", start=1000) == [line]
    line = "ramps.gamma.start: 800,000 images have to be fewer than those of the run, 800,000"
    assert ramp(ADVERSARIAL, "ema.half_life", end=None, start=800000) == [line]


def test_a_ramp_names_something():
    assert ramp(ADVERSARIAL) == ["ramps.gamma.keys: must name at least one number"]


def test_what_is_no_text_or_has_no_valid_system_is_left_to_others():
    assert ramp(ADVERSARIAL, ["x"], refused=["ramps.gamma.keys[0]"]) == []
    assert ramp({"model": {}}, "anything") == []


def test_a_number_belongs_to_one_ramp():
    ramps = {name: {"keys": ["ema.half_life", "ema.half_life"]} for name in ("a", "b")}
    assert lines(Config.check, "", {"ramps": ramps}) == ["ramps.b.keys: ema.half_life is changed by ramps.a already"]
    unlisted = {"ramps": {"a": {"keys": [["x"]]}, "b": {"keys": [["x"]]}}}
    assert lines(Config.check, "", unlisted, ["ramps.a.keys[0]", "ramps.b.keys[0]"]) == []


def test_features_need_an_extractor():
    features = {"kid": {"_target_": KID}, "prdc": {"_target_": PRDC}}
    config = {"metrics": {"features": features, "extractors": {}}}
    (line,) = lines(Metrics.check, "metrics", config)
    assert line == "metrics: kid,prdc needs an extractor; add one: metrics=[native,kid,prdc]"
    config["metrics"] |= {"extractors": {"native": {"width": 4}}, "every": 10}
    assert lines(Metrics.check, "metrics", config) == []


def test_a_file_of_weights_needs_a_reader():
    config = {"metrics": {"weights": "file", "extractors": {"native": {"width": 4}}}}
    (line,) = lines(Metrics.check, "metrics", config)
    assert line == "metrics.weights: native takes no file of weights; metrics=inception does"
    config["metrics"]["extractors"]["inception"] = {"weights": "file"}
    assert lines(Metrics.check, "metrics", config) == []


def test_two_measures_do_not_share_a_value():
    features, measures = {"prdc": {"_target_": PRDC}}, {"known_distribution": {"_target_": KnownDistributionMetric}}
    config = {"metrics": {"every": 10, "features": features, "measures": measures, "extractors": {"native": {}}}}
    (line,) = lines(Metrics.check, "metrics", config)
    assert line == (
        "metrics.measures.known_distribution: metrics.features.prdc already computes precision, recall; "
        "keep one of the two"
    )


def test_options_of_a_source_need_one():
    options = {"networks": None, "generator": "raw", "strict": True}
    assert lines(Initial.check, "init", {"init": options, "init_from": None}) == [
        "init.generator: is of no use without init_from",
        "init.strict: is of no use without init_from",
    ]
    assert lines(Initial.check, "init", {"init": options, "init_from": "run"}) == []


def test_frozen_parts_need_a_network_that_is_not_unrolled_and_weights():
    config = {"freeze": {"discriminator": 2}, "init_from": "run", "model": {"_target_": GAN, "discriminator": {"x": 1}}}
    assert lines(Freeze.check, "freeze", config) == []
    unrolled = config | {"model": {**config["model"], "unroll_steps": 5}}
    assert lines(Freeze.check, "freeze", unrolled) == [
        "freeze.discriminator: model.unroll_steps steps with all weights; take unroll_steps=0"
    ]
    assert lines(Freeze.check, "freeze", config | {"model": {"_target_": VAE}}) == [
        "freeze.discriminator: the model has no discriminator"
    ]
    (warning,) = Freeze.check("freeze", {}, config_view(config | {"init_from": None}))
    assert (warning.key, warning.warning) == ("freeze.discriminator", True)


def test_patience_needs_an_evaluation():
    config = {"stop": {"patience": 100}, "metrics": {}, "budget": {"images": 1000}}
    assert lines(Stop.check, "stop", config) == ["stop.patience: needs a periodic evaluation; metrics=none makes none"]
    assert lines(Stop.check, "stop", config | {"metrics": {"features": {"fid": {}}}}) == []
