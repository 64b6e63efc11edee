import multiprocessing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import LONGEST_NAME, RunFolder, differences, is_main_process, run_name

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


def test_configs_differ_by_what_changes_the_result():
    old = {"seed": 0, "name": "a", "trainer": {"devices": 1, "precision": "32-true"}, "loss": {"_target_": "x"}}
    assert differences(old, {**old, "name": "b", "trainer": {"devices": 2, "precision": "32-true"}}) == []
    new = {"seed": 1, "trainer": {"devices": 1, "precision": "bf16-mixed"}, "loss": {"_target_": "y", "margin": 1}}
    assert differences(old, new) == ["seed", "trainer.precision", "loss._target_", "loss.margin"]


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="not the folder of a run"):
        RunFolder(tmp_path).read_config()


@pytest.mark.parametrize("text", ["{", "- a", "\x00", "!!python/object/apply:os.system ['false']"])
def test_a_config_that_is_none_is_refused(tmp_path, text):
    run = RunFolder(tmp_path)
    run.config_file.write_text(text)
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        run.read_config()


def test_a_record_keeps_what_is_not_updated(tmp_path):
    run = RunFolder(tmp_path)
    run.update_record(status="running", seed=1)
    run.update_record(status="finished")
    assert run.record() == {"status": "finished", "seed": 1}
    run.record_file.write_text("{half")
    assert run.record() == {}


def test_a_rerun_is_put_beside(tmp_path):
    run = RunFolder(tmp_path / "a")
    run.path.mkdir()
    assert run.beside().path.name == "a-2"
    run.beside().path.mkdir()
    assert run.beside().path.name == "a-3"


def _hold(path, held, release):
    with RunFolder(path).lock():
        held.set()
        release.wait(60)


def test_two_processes_do_not_train_one_run_and_a_dead_one_lets_go(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(tmp_path, held, release))
    process.start()
    try:
        assert held.wait(60)
        with pytest.raises(ConfigError, match="another process"), RunFolder(tmp_path).lock():
            pass
    finally:
        process.kill()
        process.join()
    with RunFolder(tmp_path).lock():
        pass


@pytest.mark.parametrize(
    ("variables", "main"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"RANK": "8", "LOCAL_RANK": "0"}, False),
        ({"SLURM_PROCID": "3"}, False),
    ],
)
def test_the_first_process_is_known_before_they_have_met(monkeypatch, variables, main):
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_main_process() is main
