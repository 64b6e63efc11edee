import pytest

from gan_experiments.runs.findings import TITLES, advice, findings, lines

ADAM = {name: {"lr": 4e-4} for name in ("generator", "discriminator")}
R1 = {"r1": {"weight": 1.0}}


def found(name, ended=None, began=500):
    return {"findings": {name: {"began": began, "ended": ended, "reason": "because"}}}


def test_findings_are_read_in_the_order_in_which_they_began():
    both = {"findings": found("oscillation")["findings"] | found("mode_collapse", 900, 100)["findings"]}
    assert [each.name for each in findings(both)] == ["mode_collapse", "oscillation"]
    assert lines(both) == [
        "mode collapse, from 100 images on to 900: because", "oscillation, from 500 images on: because",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "written", [None, [], 3, {"x": 1}, {"x": {}}, {"x": {"began": "1"}}, {"x": {"began": 1, "ended": "2"}}]
)
def test_what_cannot_be_read_is_left_out(written):
    assert findings({"findings": written}) == []
    assert advice({"findings": written}, {}) == ""


@pytest.mark.parametrize(
    ("name", "config", "remedy"),
    [
        ("discriminator_too_strong", {"penalty": {}, "optimizer": ADAM}, "penalty=r1"),
        ("discriminator_too_strong", {"penalty": R1, "optimizer": ADAM}, "penalty.r1.weight=2"),
        ("discriminator_too_strong", {"optimizer": ADAM | {"discriminator": {"lr": 0.01}}}, "discriminator.lr=0.0004"),
        ("mode_collapse", {"optimizer": ADAM}, "optimizer.generator.lr=4e-05"),
        ("memorization", {"augment": {}}, "augment=diffaugment"),
        ("memorization", {"augment": {"ada": {}}}, "checkpoint=best"),
        ("oscillation", {"optimizer": {"generator": {"momentum": 0.9}}}, "optimizer.generator.momentum=0"),
        ("oscillation", {"optimizer": ADAM, "penalty": R1}, "penalty.r1.weight=2"),
        ("divergence", {"optimizer": ADAM}, "optimizer.generator.lr=0.0002 optimizer.discriminator.lr=0.0002"),
        ("divergence", {"trainer": {"precision": "bf16-mixed"}}, "trainer.precision=32-true"),
    ],
)
def test_what_to_try_follows_from_the_finding_and_the_config(name, config, remedy):
    assert remedy in advice(found(name), config)
    assert ("gan-diagnose" in advice(found(name), config)) == (name != "memorization")
    assert advice(found(name, ended=900), config) == ""


def test_there_is_something_to_try_for_every_finding():
    assert all(advice(found(name), {"optimizer": ADAM}) for name in TITLES)


@pytest.mark.parametrize(
    ("value", "best", "text"),
    [(90.0, 9_900, "budget.images=20000"), (90.0, 4_000, "best at 4,000 images"), (2.0, 4_000, "")],
)
def test_a_result_far_from_the_real_baseline_says_whether_it_was_still_getting_better(value, best, text):
    final = {"fid": {"value": value, "real_baseline": 0.3, "higher_is_better": False}}
    record = {"images_seen": 10_000, "final": final, "best": {"images_seen": best}}
    assert (text in advice(record, {"optimizer": ADAM})) if text else advice(record, {"optimizer": ADAM}) == ""


@pytest.mark.parametrize(("every", "once"), [(10_000, True), (9_950, True), (9_900, False), (5_000, False)])
def test_one_evaluation_alone_does_not_show_that_a_run_was_still_getting_better(every, once):
    final = {"fid": {"value": 90.0, "real_baseline": 0.3, "higher_is_better": False}}
    record = {"images_seen": 10_000, "final": final, "best": {"images_seen": 10_000}}
    text = advice(record, {"metrics": {"every": every}, "batch_size": 64})
    assert ("still getting better" in text) != once
    assert (
        "FID is far from a perfect generator's, and was measured only at the end: gan-train resume=" in text
    ) == once
