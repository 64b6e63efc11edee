import pytest
from synthetic import FEATURES, write_run, write_study

from gan_experiments.comparison.report.measured import measured
from gan_experiments.comparison.report.tables import tables
from gan_experiments.core.types import ConfigError
from gan_experiments.runs.folder import RunFolder

TWO = {"hinge": [4.0, 4.2, 4.1], "minimax": [5.0, 5.2, 5.1]}


def warned(comparison, text):
    return [line for line in comparison.warnings if text in line]


def test_a_clean_study_has_no_warnings(tmp_path, compared):
    assert compared(write_study(tmp_path, TWO)).warnings == []


def test_other_keys_are_said(tmp_path, compared):
    write_study(tmp_path, {"hinge": TWO["hinge"]}, config={"batch_size": 32, "d_steps": 5})
    write_study(tmp_path, {"minimax": TWO["minimax"]})
    (line,) = warned(compared(tmp_path, factor="loss"), "differ in more than loss: ")
    assert "batch_size, d_steps" in line


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"images_seen": 300_000}, "Unequal real images: 200,000 in minimax, 300,000 in hinge"),
        ({"steps": {"discriminator": 9999, "generator": 3125}}, "Unequal discriminator updates: 3,125 in minimax"),
        ({"steps": {"discriminator": 3125, "generator": 600}}, "Unequal generator updates: 600 in hinge"),
        ({"seconds": 900.0}, "Unequal training seconds: 200 in minimax, 900 in hinge"),
        ({"device": "H200"}, "on different devices"),
        ({"versions": {"torch": "2.6.0"}}, "with different software"),
        ({"git": {"commit": "fedc", "changed": False}}, "from different commits"),
        ({"git": {"commit": "0123456789abcdef", "changed": True}}, "uncommitted changes"),
        ({"processes": 2}, "with different numbers of processes"),
        ({"dataset": {"fingerprint": "def"}}, "on different data"),
    ],
)
def test_unequal_budgets_and_surroundings_are_said(tmp_path, compared, record, text):
    write_study(tmp_path, {"hinge": TWO["hinge"]}, record=record)
    write_study(tmp_path, {"minimax": TWO["minimax"]})
    (line,) = compared(tmp_path).warnings
    assert text in line


def write_skipped(folder, hinge, minimax):
    for loss, count in {"hinge": hinge, "minimax": minimax}.items():
        write_study(folder, {loss: TWO[loss]}, record={"dataset": {"name": "digits", "skipped": count}})
    return folder


def test_different_numbers_of_unreadable_images_are_said_and_equal_ones_noted(tmp_path, compared):
    apart = compared(write_skipped(tmp_path / "apart", 1, 2))
    (line,) = apart.warnings
    assert line == (
        "Unreadable images were left out of the data, and not equally many in all runs (dataset.skipped: 1 in 3 runs "
        "(digits-dcgan-loss_hinge-seed_0 ...), 2 in 3 runs (digits-dcgan-loss_minimax-seed_0 ...)), so they were "
        "trained on different data."
    )
    assert not any("unreadable" in line for line in measured(apart))
    for count, note in {
        1: "1 image of the data was left out in every run, being unreadable (dataset.skipped).",
        1200: "1,200 images of the data were left out in every run, being unreadable (dataset.skipped).",
    }.items():
        alike = compared(write_skipped(tmp_path / str(count), count, count))
        assert (alike.warnings, measured(alike)[-1]) == ([], note)
    assert not any("unreadable" in line for line in measured(compared(write_skipped(tmp_path / "0", 0, 0))))


def test_data_that_differ_by_unreadable_images_are_refused_with_their_numbers(tmp_path, compared):
    write_skipped(tmp_path, 1, 2)
    for record in tmp_path.glob("*minimax*/record.json"):
        record.write_text(record.read_text().replace('"data": "abc"', '"data": "abd"'))
    with pytest.raises(ConfigError, match=r"not equally many in all runs \(dataset\.skipped: 1 in 3 runs"):
        compared(tmp_path)
    assert len(warned(compared(tmp_path, allow_incomparable=True), "not equally many")) == 1


def test_times_that_differ_by_a_start_are_equal(tmp_path, compared):
    for loss, seconds in {"hinge": 1.0, "minimax": 4.0}.items():
        write_study(tmp_path, {loss: TWO[loss]}, record={"seconds": seconds})
    assert compared(tmp_path).warnings == []


def test_budgets_that_differ_by_a_batch_are_equal(tmp_path, compared):
    write_study(tmp_path, {"hinge": TWO["hinge"]}, record={"images_seen": 200_064, "seconds": 190.0})
    write_study(tmp_path, {"minimax": TWO["minimax"]})
    assert compared(tmp_path).warnings == []


def test_runs_that_ended_early_are_named_and_counted(tmp_path, compared):
    write_study(tmp_path, TWO)
    early = {"finished_early": {"patience": 1000, "best_at": 5000, "images_seen": 6000}}
    write_run(tmp_path / "soon", "hinge", seed=9, fid=4.0, record=early)
    comparison = compared(tmp_path)
    (line,) = warned(comparison, "finished before their budget")
    assert line == "1 of 7 runs finished before their budget was spent (stop.patience): soon"
    ranking = next(table for table in tables(comparison) if table.title == "Ranking")
    assert {row[0]: row[1] for row in ranking.rows} == {"hinge": "4, 1 early", "minimax": "3"}


def test_an_option_that_earlier_versions_did_not_have_is_no_difference(tmp_path, compared):
    write_study(tmp_path, {"hinge": TWO["hinge"]}, config={"stop": {"patience": None}})
    write_study(tmp_path, {"minimax": TWO["minimax"]})
    assert compared(tmp_path).warnings == []


def test_runs_that_do_not_count_are_named(tmp_path, compared):
    write_study(tmp_path, TWO)
    write_run(tmp_path / "broken", seed=7, status="failed")
    write_run(tmp_path / "going", "wasserstein", status="running")
    write_run(tmp_path / "again", seed=0, fid=4.0, record={"started": "2020"})
    (tmp_path / "notes").mkdir()
    comparison = compared(tmp_path)
    assert comparison.warnings == [
        "1 run that failed is not counted: broken",
        "1 run that has not ended is not counted: going",
        "wasserstein has no run that has ended, so it has no result.",
        "again is left out because it repeats digits-dcgan-loss_hinge-seed_0",
        "notes is left out (not a run folder: config.yaml is missing)",
    ]
    assert [arm.count for arm in comparison.arms] == [3, 3, 0]


def test_a_longer_run_without_a_result_is_no_repetition(tmp_path, compared):
    write_study(tmp_path, TWO)
    write_run(tmp_path / "longer", seed=0, status="interrupted", config={"budget.images": 900_000})
    assert compared(tmp_path, factor="loss").warnings == [
        "longer is left out because it has no result, as digits-dcgan-loss_hinge-seed_0 has"
    ]


def test_many_shorter_runs_are_named_in_one_line(tmp_path, compared):
    write_study(tmp_path, {name: [1.0, 2.0, 3.0, 4.0] for name in TWO})
    for name in TWO:
        for seed in range(4):
            write_run(tmp_path / f"short {name} {seed}", name, seed=seed, config={"budget.images": 50_000})
    (line,) = compared(tmp_path, factor="loss").warnings
    assert line.startswith("8 runs are left out because others of their seeds have a larger budget: short ")
    assert line.endswith(" and 2 more")


def test_of_a_component_that_varies_its_options_are_not_listed(tmp_path, compared):
    r1 = {"penalty.r1._target_": "R1", "penalty.r1.weight": 1.0}
    for seed in range(2):
        for loss in TWO:
            write_run(tmp_path / f"{loss} {seed}", loss, seed=seed, config={"penalty": {}})
            write_run(tmp_path / f"{loss} r1 {seed}", loss, seed=seed, config=r1)
    assert compared(tmp_path, factor="loss").warnings == [
        "Runs of one arm differ in more than the seed: penalty. Runs are paired by these and the seed, and each run "
        "counts as a seed."
    ]


def test_unequal_budgets_within_an_arm_are_said(tmp_path, compared):
    write_study(tmp_path, TWO)
    write_run(tmp_path / "short", seed=0, config={"budget.images": 50_000})
    assert compared(tmp_path, factor="loss").warnings == [
        "short is left out because digits-dcgan-loss_hinge-seed_0 has a larger budget"
    ]
    write_run(tmp_path / "other seed", seed=7, config={"budget.images": 50_000})
    assert "Runs of hinge have different budgets, between 50,000 and 200,000 images." in (
        compared(tmp_path, factor="loss").warnings
    )


def with_other_way(tmp_path, **changes):
    study = write_study(tmp_path, TWO)
    way = {
        "samples": 10000,
        "periodic_samples": 2000,
        "generator": "ema",
        "extractors": {"native": {"name": "native", "num_features": 64, "weights": "17df"}},
        "real_images": 1797,
        "data": "abc",
    }
    write_run(study / "other", "minimax", seed=3, record={"evaluation": way | changes})
    return study


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"samples": 50000}, "samples: 10000 in 6 runs"),
        ({"periodic_samples": 500}, "periodic_samples"),
        ({"generator": "raw"}, "generator: ema in 6 runs"),
        ({"data": "def"}, "data: abc"),
        ({"real_images": 60000}, "real_images"),
        (
            {"extractors": {"native": {"name": "native", "num_features": 64, "weights": "88aa"}}},
            "extractors.native.weights: 17df in 6 runs (digits-dcgan-loss_hinge-seed_0 ...), 88aa in 1 run",
        ),
    ],
)
def test_values_with_other_provenance_are_refused(tmp_path, compared, changes, key):
    study = with_other_way(tmp_path, **changes)
    with pytest.raises(ConfigError, match="was not measured in the same way") as caught:
        compared(study)
    assert key in str(caught.value)
    assert "allow_incomparable=true" in caught.value.problems[-1]
    assert "gan-evaluate" not in caught.value.problems[-1]  # whose values are not read
    (line,) = compared(study, allow_incomparable=True).warnings
    assert key in line


def test_other_datasets_are_named_instead_of_their_hashes(tmp_path, compared):
    native = {"native": {"name": "native", "num_features": 64, "weights": "88aa"}}
    study = with_other_way(tmp_path, data="def", real_images=60000, extractors=native)
    run = write_run(study / "more", "hinge", seed=4)
    other = {"dataset": {"name": "mnist", "fingerprint": "def"}}
    for folder in (run, RunFolder(study / "other")):
        folder.update_record(**other)
    run.update_record(evaluation=RunFolder(study / "other").record()["evaluation"] | {"samples": 500})
    with pytest.raises(ConfigError) as caught:
        compared(study)
    dataset, samples, _ = caught.value.problems
    assert dataset.endswith(
        "dataset: digits in 6 runs (digits-dcgan-loss_hinge-seed_0 ...), mnist in 2 runs (more ...)"
    )
    assert "samples: 10000 in 7 runs" in samples
    for folder in (run, RunFolder(study / "other")):
        folder.update_record(dataset={"name": "digits", "fingerprint": "def"})
    with pytest.raises(ConfigError, match="data: abc in 6 runs"):
        compared(study)


def test_what_another_measure_was_obtained_with_does_not_matter(tmp_path, compared):
    study = with_other_way(tmp_path, features=FEATURES | {"inception": FEATURES["inception"] | {"splits": 1}})
    assert compared(study).warnings == []
    with pytest.raises(ConfigError, match=r"features\.inception\.splits"):
        compared(study, measure="is")


NATIVE = {"name": "native", "num_features": 64, "weights": "17df"}


@pytest.mark.parametrize(
    ("key", "ways"),
    [
        (
            "extractors.native.resize",
            [{"extractors": {"native": NATIVE | {"resize": how}}} for how in ("tf1", "other")],
        ),
        ("extractors.native.precision", [{"extractors": {"native": NATIVE | {"precision": how}}} for how in "ab"]),
        *(
            (f"extractors.native.{part}", [{"extractors": {"native": NATIVE | ways}} for ways in both])
            for part, both in {
                "features": ({"features": "embedding"}, {"features": "output"}),
                "preparation.crop_pct": ({"preparation": {"crop_pct": share}} for share in (0.875, 1.0)),
                "preparation.input_size": ({"preparation": {"input_size": [3, n, n]}} for n in (224, 288)),
                "positions": ({"positions": "timm"}, {"positions": "dinov2"}),
            }.items()
        ),
        ("truncation", [{"truncation": how} for how in (None, 0.7)]),
        ("real_split", [{"real_split": how} for how in ("train", "test")]),
        ("features.other.size", [{"features": {"other": FEATURES["fid"] | {"size": size}}} for size in (1, 2)]),
    ],
)
def test_every_part_of_the_provenance_counts_where_both_have_it(tmp_path, compared, key, ways):
    study = write_study(tmp_path, TWO)  # whose records say nothing of it
    way = {"samples": 10000, "periodic_samples": 2000, "generator": "ema", "extractors": {"native": NATIVE}}
    write_run(study / "first", "minimax", seed=3, record={"evaluation": way | ways[0]})
    assert compared(study).warnings == []
    write_run(study / "second", "hinge", seed=3, record={"evaluation": way | ways[1]})
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        compared(study)


def test_measures_of_images_count_by_their_options_and_not_by_an_extractor(tmp_path, compared):
    study = write_study(tmp_path, {})
    ways = [("17df", {"width": 16}), ("88aa", {"width": 16}), ("17df", {"width": 32})]
    for seed, (weights, options) in enumerate(ways):
        way = {"extractors": {"native": NATIVE | {"weights": weights}}}
        way["measures"] = {"score": {"values": ["cas"], "higher_is_better": {"cas": True}, **options}}
        way["features"] = FEATURES
        loss = "hinge" if seed else "minimax"
        write_run(
            study / f"run{seed}",
            loss,
            seed=seed,
            record={"evaluation": way, "final": {"fid": {"value": 1.0}, "cas": {"value": 0.5}}},
        )
        if seed == 1:
            compared(study, measure="cas")
            with pytest.raises(ConfigError, match=r"extractors\.native\.weights"):
                compared(study, measure="fid")
    with pytest.raises(ConfigError, match=r"measures\.score\.width: 16 in 2 runs .*, 32 in 1 run "):
        compared(study, measure="cas")


def test_options_of_another_measure_do_not_matter(tmp_path, compared):
    study = write_study(tmp_path, TWO)
    way = {"samples": 10000, "periodic_samples": 2000, "generator": "ema", "extractors": {"native": NATIVE}}
    for seed, size in ((3, 1), (4, 2)):
        other = {"features": {"kid": {"values": ["kid"], "subset_size": size}}}
        write_run(study / f"run{size}", "minimax", seed=seed, record={"evaluation": way | other})
    assert compared(study).warnings == []


@pytest.mark.parametrize(("hashes", "said"), [({"generator": "b"}, True), ({"generator": "a"}, False), (None, False)])
def test_other_weights_to_begin_with_are_said_and_missing_ones_are_not(tmp_path, compared, hashes, said):
    """A run that failed before it began has none."""
    options = {"config": {"init_from": "old.ckpt"}, "record": {"init_from": {"hashes": {"generator": "a"}}}}
    write_study(tmp_path, TWO, **options)
    record = {"init_from": {"hashes": hashes}} if hashes else {}
    write_run(tmp_path / "other", seed=7, status="failed", config=options["config"], record=record)
    assert bool(warned(compared(tmp_path), "init_from=old.ckpt began with different weights")) == said
