import pytest

from gan_experiments.core.dotted import value_of
from gan_experiments.training.counterfactuals import AS_IT_WAS, config_of_replay, counterfactuals, every_of


@pytest.mark.parametrize(
    ("overrides", "seen", "names"),
    [
        ([], 16, {"r1 x 2", "half the batch", "twice the batch"}),
        (["penalty=none"], 8, {"r1 added", "half the batch"}),  # 16 images are no multiple of 8
        (["penalty=[r1,lecam]", "batch_size=9"], 9, {"r1 x 2", "lecam x 2"}),
        (["trainer.precision=bf16-mixed"], 8, {"r1 x 2", "float32", "half the batch"}),
        (["model=vae"], 8, {"half the batch"}),
        (["optimizer=sgd", "optimizer.generator.momentum=0.9"], 8, {"r1 x 2", "half the batch", "no momentum"}),
    ],
)
def test_what_could_have_been_different_follows_from_the_config(tiny, overrides, seen, names):
    config = tiny(*overrides)
    named = counterfactuals(config, seen)
    rates = {AS_IT_WAS, "half the rates", "a tenth of the generator's rate"}
    rates |= {"a slower discriminator"} if config["loss"] else set()
    assert set(named) == rates | names
    assert named[AS_IT_WAS] == {}
    for name, changes in named.items():
        for key, value in changes.items():
            assert (value_of(config, key) != value) or name == AS_IT_WAS


def test_a_replay_ends_its_schedules_where_the_run_does_and_is_evaluated_once(tiny):
    config = tiny("optimizer.schedule.kind=linear", "ramps={a: {keys: [ema.half_life], to: 3}}", "stop.patience=32")
    replay = config_of_replay(config, 40, {"penalty.r1.weight": 7.0})
    assert replay["optimizer"]["schedule"]["end"] == replay["ramps"]["a"]["end"] == 64
    assert replay["budget"]["images"] == replay["metrics"]["every"] == 40
    assert replay["penalty"]["r1"] == {**config["penalty"]["r1"], "weight": 7.0}
    assert replay["callbacks"].keys() == {"monitor", "failures"}
    assert replay["stop"] == {"patience": None}
    assert every_of(replay) == 16


def test_a_run_without_a_monitor_is_replayed_with_one(tiny):
    replay = config_of_replay(tiny() | {"callbacks": {}}, 40, {})
    assert [node["_target_"].rpartition(".")[2] for node in replay["callbacks"].values()] == [
        "Monitor",
        "FailureMonitor",
    ]
