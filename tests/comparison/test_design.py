import pytest
from synthetic import TARGETS, write_run, write_study

from gan_experiments.comparison.collect import collect
from gan_experiments.comparison.design import lay_out
from gan_experiments.core.types import ConfigError


def design(folder, factor=None):
    return lay_out(collect(folder).runs, factor)


def sizes(layout):
    return {arm.label: len(arm.runs) for arm in layout.arms}


def test_the_group_that_varies_besides_the_seed_is_the_factor(study):
    layout = design(study)
    assert layout.factors == ("loss",)
    assert sizes(layout) == {"hinge": 5, "wasserstein": 5, "minimax": 5}
    assert (layout.differences, layout.within, layout.repeats) == ({}, [], [])


def test_a_key_can_be_the_factor(tmp_path):
    for rate in (1e-4, 2e-4):
        for seed in range(3):
            write_run(tmp_path / f"{rate}-{seed}", seed=seed, config={"optimizer.generator.lr": rate})
    layout = design(tmp_path)
    assert (layout.factors, sizes(layout)) == (("optimizer.generator.lr",), {"0.0001": 3, "0.0002": 3})


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ((0.12345671, 0.12345672), {"0.12345671", "0.12345672"}),
        ((1_000_000.0, 1_000_001.0), {"1000000", "1000001"}),
        ((0.1 + 0.2, 0.5), {"0.3", "0.5"}),  # as short as they can be
        ((1, 1.0, 2.0), {"1", "2"}),
    ],
)
def test_numbers_are_shortened_as_long_as_they_stay_apart(tmp_path, values, labels):
    for number, value in enumerate(values):
        write_run(tmp_path / str(number), seed=number, config={"optimizer.generator.lr": value})
    assert sizes(design(tmp_path, "optimizer.generator.lr")).keys() == labels


def grid(tmp_path):
    for loss in ("hinge", "minimax"):
        for rate in (1e-4, 2e-4):
            for seed in range(2):
                config = {"optimizer.generator.lr": rate}
                write_run(tmp_path / f"{loss}-{rate}-{seed}", loss, seed, config=config)
    return tmp_path


def test_two_that_vary_make_arms_of_their_combinations(tmp_path):
    layout = design(grid(tmp_path))
    assert layout.factors == ("loss", "optimizer.generator.lr")
    assert sizes(layout) == dict.fromkeys(["hinge/0.0001", "hinge/0.0002", "minimax/0.0001", "minimax/0.0002"], 2)


@pytest.mark.parametrize("factor", ["loss", ["loss"]])
def test_one_of_two_leaves_the_other_to_pair_the_runs(tmp_path, factor):
    layout = design(grid(tmp_path), factor)
    assert (sizes(layout), layout.within) == ({"hinge": 4, "minimax": 4}, ["optimizer.generator.lr"])
    assert (
        set(layout.arms[0].runs) == set(layout.arms[1].runs) == {(s, lr) for s in "01" for lr in ("0.0001", "0.0002")}
    )
    assert layout.differences == {}, "both arms have both values"


@pytest.mark.parametrize("factor", ["loss,optimizer.generator.lr", ["loss", "optimizer.generator.lr"]])
def test_several_factors_can_be_named(tmp_path, factor):
    assert len(design(grid(tmp_path), factor).arms) == 4


def test_a_group_of_several_options_is_one_level(tmp_path):
    several = {"choices": {}, "overrides": ["penalty=[r1, lecam]"]}  # such a choice is in the overrides alone
    for seed, record in enumerate([several, {"choices": {"penalty": "none"}}] * 2):
        config = {"penalty.r1.weight": 1.0, "penalty.lecam.weight": 0.3} if record is several else {}
        write_run(tmp_path / f"{seed}", seed=seed, config=config, record=record)
    assert sizes(design(tmp_path)) == {"r1+lecam": 2, "none": 2}


def test_without_noted_choices_a_component_is_its_class(tmp_path):
    for seed, loss in enumerate(["hinge", "minimax"]):
        write_run(tmp_path / loss, loss, seed, record={"choices": None} if seed else {})
    assert sizes(design(tmp_path)) == sizes(design(tmp_path, "loss")) == {"Hinge": 1, "Minimax": 1}


def test_options_of_the_same_name_with_other_values_are_other_arms(tmp_path):
    for seed, kind in enumerate(["kl", "pearson", "kl", "pearson"]):
        write_run(tmp_path / f"{seed}", seed=seed // 2, config={"loss.divergence": kind})
    assert design(tmp_path).factors == ("loss.divergence",)


def test_an_experiment_stands_for_what_it_sets(tmp_path):
    for seed, name in enumerate(["wgan", "dcgan"] * 2):
        loss = {"wgan": "wasserstein", "dcgan": "non_saturating"}[name]
        record = {"choices": {"experiment": name, "loss": loss}}
        write_run(tmp_path / f"{seed}", loss, seed // 2, config={"d_steps": 5 if name == "wgan" else 1}, record=record)
    layout = design(tmp_path)
    assert layout.factors == ("experiment",)
    assert set(layout.differences) == {"loss._target_", "d_steps"}


def test_what_differs_besides_is_listed_with_its_values(tmp_path):
    write_study(tmp_path / "a", {"hinge": [1.0, 2.0]}, config={"batch_size": 32})
    write_study(tmp_path / "b", {"minimax": [1.0, 2.0]}, config={"penalty.r1.weight": 10.0})
    layout = design(tmp_path, "loss")
    assert layout.differences == {
        "batch_size": {"hinge": "32", "minimax": "64"},
        "penalty": {"hinge": "{}", "minimax": "(absent)"},
        "penalty.r1.weight": {"hinge": "(absent)", "minimax": "10.0"},
    }


def test_a_run_made_twice_is_one_seed(tmp_path):
    write_run(tmp_path / "run", fid=4.0)
    again = {"started": "2026-02-01T00:00:00+00:00"}
    write_run(tmp_path / "run-2", fid=4.0, record=again, config={"trainer.devices": 2, "callbacks.monitor.every": 1})
    write_run(tmp_path / "run-3", status="failed", record={"started": "2026-03-01T00:00:00+00:00"})
    write_run(tmp_path / "other", "minimax")
    layout = design(tmp_path)
    assert sizes(layout) == {"hinge": 1, "minimax": 1}
    assert layout.arms[0].runs[("0",)].name in ("run-2", "other")
    assert layout.repeats == [("run", "run-2")]
    assert layout.unended == [("run-3", "run-2")]


def two_budgets(tmp_path, *seeds):
    for loss in ("hinge", "minimax"):
        for budget in (100_000, 200_000):
            for seed in seeds:
                write_run(tmp_path / f"{loss}-{seed}-{budget}", loss, seed, config={"budget.images": budget})
    return tmp_path


def test_two_budgets_are_not_two_seeds(tmp_path):
    layout = design(two_budgets(tmp_path, 0, 1), "loss")
    assert (sizes(layout), layout.within, layout.repeats) == ({"hinge": 2, "minimax": 2}, [], [])
    assert {run.config["budget.images"] for arm in layout.arms for run in arm.runs.values()} == {200_000}
    names = [(f"{loss}-{seed}-100000", f"{loss}-{seed}-200000") for loss in ("hinge", "minimax") for seed in (0, 1)]
    assert sorted(layout.shorter) == names
    as_factor = design(tmp_path)
    assert as_factor.factors == ("loss", "budget.images")
    assert set(sizes(as_factor).values()) == {2}


def test_the_longer_of_two_runs_counts_only_if_it_has_ended(tmp_path):
    write_run(tmp_path / "short", config={"budget.images": 100_000})
    write_run(tmp_path / "long", status="running")
    write_run(tmp_path / "other", "minimax")
    layout = design(tmp_path, "loss")
    assert [run.name for arm in layout.arms for run in arm.runs.values()].count("short") == 1
    assert (layout.repeats, layout.unended) == ([], [("long", "short")])


def test_what_a_search_draws_is_no_factor(tmp_path):
    for trial in range(6):
        loss = ("hinge", "minimax")[trial % 2]
        write_run(tmp_path / f"{trial}", loss, config={"optimizer.generator.lr": 1e-4 * (1 + trial)})
    layout = design(tmp_path)
    assert (layout.factors, layout.within) == (("loss",), ["optimizer.generator.lr"])


def test_runs_that_differ_in_the_seed_alone_are_one_arm(tmp_path):
    layout = design(write_study(tmp_path, {"hinge": [1.0, 2.0]}))
    assert (layout.factors, sizes(layout)) == ((), {"all": 2})


@pytest.mark.parametrize(
    ("factor", "text"),
    [
        ("penalty", "penalty is none in all 15 runs (what varies: loss)"),
        ("seed", "seed cannot be a factor"),
        ("los", "no run has 'los' in its config; did you mean 'loss'?"),
    ],
)
def test_a_factor_that_cannot_be_one_is_refused(study, factor, text):
    with pytest.raises(ConfigError) as caught:
        design(study, factor)
    assert text in str(caught.value)


def test_the_losses_of_the_fixture_exist():
    from gan_experiments.config.targets import find_class

    assert all(find_class(target) for target in TARGETS.values())


def test_a_system_without_a_loss_is_an_arm_beside_the_others(tmp_path):
    for seed in range(3):
        write_run(tmp_path / f"gan-{seed}", seed=seed, record={"overrides": ["model=dcgan"]})
        choices = {"dataset": "digits", "model": "vae", "loss": "none", "penalty": "none", "callbacks": "default"}
        run = write_run(tmp_path / f"vae-{seed}", seed=seed, record={"choices": choices, "overrides": ["model=vae"]})
        config = run.read_config() | {"loss": None, "optimizer": {"generator": {"lr": 1e-3}, "discriminator": None}}
        run.write_config(config)
    layout = design(tmp_path)
    assert (layout.factors, sizes(layout)) == (("model",), {"dcgan": 3, "vae": 3})


def test_a_group_that_is_empty_in_some_runs_is_one_factor(tmp_path):
    r1 = {"penalty": {"r1": {"_target_": "gan_experiments.penalties.r1.R1", "weight": 10.0}}}
    for loss in ("hinge", "minimax"):
        for penalty, config in (("none", {}), ("r1", r1)):
            record = {"choices": {"loss": loss, "penalty": penalty}}
            write_run(tmp_path / f"{loss}-{penalty}", loss, config=config, record=record)
    layout = design(tmp_path)
    assert layout.factors == ("loss", "penalty")
    assert {arm.label: arm.levels for arm in layout.arms}["hinge/r1"] == ("hinge", "r1")
