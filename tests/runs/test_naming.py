import re

from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.runs.naming import LONGEST_NAME, run_name

CHOICES = {"dataset": "digits", "model": "dcgan"}


def test_the_default_run_is_named_after_data_and_model():
    assert run_name(CHOICES, []) == "digits-dcgan"


def test_the_defaults_of_a_dataset_are_named_only_where_they_are_not_its_own():
    choices = {"dataset": "ring", "model": "mlp"}
    assert run_name(choices, ["dataset=ring", "dataset_defaults=ring"]) == "ring-mlp"
    assert run_name(choices, ["dataset=ring", "dataset_defaults=grid"]) == "ring-mlp-dataset_defaults_grid"


def test_a_name_tells_its_overrides_in_any_order():
    one = run_name(CHOICES, ["seed=3", "loss=minimax", "budget.images=200"])
    assert one == run_name(CHOICES, ["budget.images=200", "seed=3", "loss=minimax"])
    assert one == "digits-dcgan-loss_minimax-seed_3-budget.images_200"


def test_a_name_that_is_too_long_keeps_the_groups_and_the_seed():
    fixed = [f"model.{network}.{option}=12345" for network in ("generator", "discriminator") for option in "abcdefgh"]
    names = [run_name(CHOICES, [*fixed, f"seed={seed}", "loss=hinge"]) for seed in range(3)]
    assert all(name.startswith(f"digits-dcgan-loss_hinge-seed_{seed}-") for seed, name in enumerate(names))
    assert {len(name) for name in names} == {LONGEST_NAME}


def test_a_mapping_or_a_long_value_is_left_to_the_digest():
    ramp = "ramps.warmup={keys: [model.beta], to: 1, end: 100000, kind: linear}"
    assert re.fullmatch(r"digits-dcgan-warmup-[0-9a-f]{6}", run_name(CHOICES, [ramp]))
    rates = [f"optimizer.{network}.lr=0.0002" for network in ("generator", "discriminator")]
    long = run_name(CHOICES, ["seed=1", "penalty=[r1,lecam]", *rates])
    assert long.startswith("digits-dcgan-penalty_r1_lecam-seed_1-discriminator.lr_0.0002-generator.lr_0.0002-")


def test_what_changes_no_result_is_not_in_the_name():
    assert run_name(CHOICES, ["rerun=true", "output_dir=/x", "trusted=[a]"]) == "digits-dcgan"


def test_names_that_lose_a_character_are_told_apart():
    assert run_name(CHOICES, ["penalty=[r1,lecam]"]) != run_name(CHOICES, ["penalty=r1_lecam"])


@given(st.dictionaries(st.from_regex(r"[a-z.]{1,20}", fullmatch=True), st.text(max_size=80), max_size=6))
def test_every_name_is_one_safe_short_folder(values):
    name = run_name(CHOICES, [f"{key}={value}" for key, value in values.items()])
    assert len(name) <= LONGEST_NAME
    assert "/" not in name
    assert name == name.strip()
    assert name not in (".", "..")
    assert name.isascii()
