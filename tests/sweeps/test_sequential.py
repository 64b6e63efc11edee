import pytest
from omegaconf import OmegaConf

from gan_experiments.sweeps.options import sweeper_problems
from gan_experiments.sweeps.sequential import SequentialConfig, looks, read_arms

NODE = {
    "_target_": "x", "baseline": None, "max_seeds": 20, "first_seeds": 8, "rounds": 4, "smallest_difference": None,
    "futility": 0.0, "stop_within_runs": False,
    "measure": "fid", "score": "final", "better": "known", "params": {},
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((6, 20, 5), (6, 8, 11, 15, 20)), ((6, 20, 1), (20,)), ((20, 20, 5), (20,)), ((2, 4, 9), (2, 3, 4)),
     ((6, 20, 2), (6, 20))],
)  # fmt: skip
def test_seeds_grow_by_about_the_same_factor(arguments, expected):
    assert looks(*arguments) == expected


def test_arms_are_all_combinations_but_for_the_seed():
    lines = ["loss=hinge,minimax", "seed=range(0,5)", "batch_size=8", "d_steps=1,2", "loss=hinge,wasserstein"]
    fixed, arms = read_arms(lines)
    assert fixed == ["batch_size=8"]
    assert arms == {
        "hinge/1": ["loss=hinge", "d_steps=1"], "hinge/2": ["loss=hinge", "d_steps=2"],
        "wasserstein/1": ["loss=wasserstein", "d_steps=1"], "wasserstein/2": ["loss=wasserstein", "d_steps=2"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "lines", "problem"),
    [
        ({}, ["loss=hinge", "seed=1,2"], "nothing to compare"),
        ({}, ["lr=interval(0, 1)"], "lr: an interval has no single values"),
        ({}, ["loss=a,b", "name=x"], "name: every run needs its own folder"),
        ({"baseline": "c"}, ["loss=a,b"], "hydra.sweeper.baseline: no arm is called 'c' (a, b)"),
        ({"first_seeds": 30}, ["loss=a,b"], "hydra.sweeper.first_seeds: 30 are more than the 20"),
        ({"max_seeds": 1}, ["loss=a,b"], "hydra.sweeper.max_seeds: 1 is not an integer"),
        ({"smallest_difference": -1}, ["loss=a,b"], "hydra.sweeper.smallest_difference: -1 is not a number > 0"),
        ({"max_seed": 9}, ["loss=a,b"], "hydra.sweeper.max_seed: "),
        ({"stop_within_runs": True, "score": "best"}, ["loss=a,b"], "hydra.sweeper.stop_within_runs: a stopped run"),
        ({"stop_within_runs": True, "rounds": 1}, ["loss=a,b"], "hydra.sweeper.stop_within_runs: the first round"),
    ],
)
def test_what_makes_no_study_is_refused(options, lines, problem):
    (found,) = sweeper_problems(SequentialConfig, OmegaConf.create({**NODE, **options}), lines, None)
    assert problem in str(found)


def test_a_study_has_no_problems():
    node = OmegaConf.create({**NODE, "baseline": "a"})
    assert list(sweeper_problems(SequentialConfig, node, ["loss=a,b"])) == []
