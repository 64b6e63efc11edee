"""The scripts that measure can be started, share one harness, and are listed with what they show."""

import importlib.util
import json
import re
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from tiny import narrow_overrides

FOLDER = Path(__file__).parent.parent / "benchmarks"
SCRIPTS = sorted(FOLDER.glob("*.py"))
MODELS = sorted(file.stem for file in (FOLDER.parent / "conf" / "model").glob("*.yaml") if file.stem != "base")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_benchmark_imports_exists(script, monkeypatch):
    monkeypatch.syspath_prepend(str(script.parent))
    spec = importlib.util.spec_from_file_location(f"benchmark_{script.stem}", script)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
    spec.loader.exec_module(module)


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def test_every_table_is_described_and_made_by_a_command(scripts):
    tables = {path.stem for path in (FOLDER / "results").glob("*.md")}
    described = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert {name for name in tables if f"(results/{name}.md)" not in described} == set()
    assert tables - set(scripts("remake").COMMANDS) == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_is_listed(script):
    assert script.stem in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_a_turn_warms_up_and_contenders_alternate(scripts):
    calls = []

    def contender(name, values):
        given = iter(values)
        return lambda: calls.append(name) or next(given)

    taken = scripts("harness").turns({"a": contender("a", [9, 1, 2]), "b": contender("b", [9, 4, 4])}, rounds=2)
    assert taken == {"a": [1, 2], "b": [4, 4]}
    assert calls == ["a", "b"] * 3
    assert scripts("harness").ratio(taken["a"], taken["b"]) == 0.375


def test_contenders_in_processes_are_asked_in_turn(scripts, tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text(f"import sys; sys.path.insert(0, {str(FOLDER)!r})\nimport harness\n"
                      "count = iter(range(10))\nharness.serve(lambda: next(count) * float(sys.argv[1]))\n")  # fmt: skip
    commands = {"one": [str(worker), "1"], "ten": [str(worker), "10"]}
    assert scripts("harness").turns_of_processes(commands, rounds=2) == {"one": [1, 2], "ten": [10, 20]}


def test_the_loop_of_gan_train_is_timed_in_turns_of_one_run(scripts, monkeypatch):
    speed = scripts("training_speed")
    monkeypatch.setattr(speed, "STEPS", {"points": 2})
    monkeypatch.setattr(speed, "WARM_UP", {"points": 1})
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    building = importlib.import_module("gan_experiments.training.build")
    monkeypatch.setattr(building, "construct", building.construct)
    monkeypatch.setattr(building, "Clock", building.Clock)
    monkeypatch.setattr(speed, "seconds", lambda model: next(ticks))
    monkeypatch.setattr(speed, "IMAGES", 7 * speed.BATCH)
    ticks = iter([0, 1, 5, 7, 10, 20, 20])
    segment = speed.ours("points", naive=False)
    assert [segment(), segment(), segment()] == [2 * speed.BATCH / seconds for seconds in (1, 2, 10)]
    for thread in threading.enumerate():
        if thread.name == "gan-train":
            thread.join()


def test_a_row_of_the_gpus_table_is_measured(scripts, monkeypatch, capsys):
    gpu = scripts("gpu")
    monkeypatch.setattr(gpu, "USUAL", {"mlp": (8, 4)})
    monkeypatch.setattr(gpu, "WARM_UP", 1)
    tiny = ["model.generator.hidden=[8]", "model.discriminator.hidden=[8]"]
    options = SimpleNamespace(accelerator="cpu", steps=2, overrides=tiny)
    gpu.work("mlp", gpu.Setting(), options)
    assert json.loads(capsys.readouterr().out)["speed"] > 0


def test_a_first_command_is_judged_by_a_perfect_generator(scripts, monkeypatch):
    first = scripts("first_commands")
    near, far = (SimpleNamespace(value=value, real_baseline=0.99, higher_is_better=True) for value in (0.95, 0.4))
    assert [first.verdict({"precision": each}, 1.25) for each in (near, far)] == ["good", "poor"]
    near, far = (SimpleNamespace(value=value, real_baseline=0.07, higher_is_better=False) for value in (0.25, 80.0))
    assert [first.verdict({"fid": each}, 1.25) for each in (near, far)] == ["good", "poor"]
    assert first.verdict({}, 1.25) == ""
    commands = [command[0] for command in first.rows(None)]
    assert {"dataset=ring", "model=vae", "experiment=wgan_gp"} <= set(commands)
    assert len(commands) == len(set(commands))


def test_rows_of_first_commands_are_kept_or_said_not_to_be_run(scripts, tmp_path, monkeypatch, capsys):
    first = scripts("first_commands")
    monkeypatch.setattr(first, "rows", lambda root: [["dataset=rnig"], ["model=mlp"]])
    arguments = ["first_commands.py", "--folder", str(tmp_path), "--sheet", str(tmp_path / "sheet.png"), "--only"]
    for only in ("dataset=rnig", "model=mlp"):
        monkeypatch.setattr(sys, "argv", [*arguments, only, *(["--limit", "0"] if only == "model=mlp" else [])])
        first.main()
    refused, left, _, pictures, _, said = capsys.readouterr().out.splitlines()[-6:]
    assert "exit code 2: dataset: no option 'rnig'; did you mean 'ring'?" in refused
    assert left.endswith("| not run |")
    assert pictures == "![Samples of the rows, by their numbers](sheet.png)"
    assert said == first.PICTURES
    monkeypatch.setattr(first, "train", lambda *_: {"overrides": ["dataset=rnig"], "verdict": "good"})
    for again, verdict in ([], "'ring'?"), (["--again"], "good"):
        monkeypatch.setattr(sys, "argv", [*arguments, "dataset=rnig", *again])
        first.main()
        (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("| 1 |"))
        assert verdict in row


def test_a_row_of_first_commands_says_what_its_run_ended_in_and_at_what_part_of_the_budget(scripts, tmp_path):
    first = scripts("first_commands")
    final = {"fid": {"value": 9.0, "margin": 0.1, "real_baseline": 0.07, "higher_is_better": False}}
    record = {"parameters": {"generator": 2_000_000, "discriminator": 500_000}, "final": final}
    row = {"run": str(tmp_path), "minutes": 3.0, "overrides": ["model=mlp"], "remark": "blurred"}
    for images, share, why in (
        (8_000, "1.0% of about 5 h", "a part of its budget; blurred"),
        (800_000, "all", "blurred"),
    ):
        counts = {
            "budget": {"images": images},
            "images_seen": images,
            "best": {"images_seen": 100},
            "overrides": ["x=1"],
        }
        (tmp_path / "record.json").write_text(json.dumps({**record, **counts}))
        (tmp_path / "config.yaml").write_text("optimizer: {generator: {lr: 1.0}}")
        said = first.shown(row, 1.25)
        assert (said["parameters"], said["result"], said["real"]) == ("2,500,000", "fid 9", "fid 0.07")
        assert (said["share"], said["verdict"]) == (share, f"poor: {why}")


def test_times_of_first_commands_are_short_to_read(scripts):
    assert [scripts("first_commands").span(minutes) for minutes in (0.5, 90, 150, 9000)] == [
        "0.5 min",
        "90 min",
        "2.5 h",
        "6.2 days",
    ]


def test_the_budget_of_a_first_command_fits_the_minutes(scripts, monkeypatch):
    first = scripts("first_commands")
    monkeypatch.setattr(first, "images_per_second", lambda config, seconds, patience: 1000.0)
    assert first.affordable(["model=mlp"], 100) == []
    assert first.affordable(["model=mlp"], 3) == ["budget.images=100000"]
    assert first.affordable(["model=mlp"], 0.25) == ["budget.images=10000", "metrics.final_samples=1000"]

    def too_slow(config, seconds, patience):
        raise first.TooSlowError

    monkeypatch.setattr(first, "images_per_second", too_slow)
    given = ["model=mlp", "batch_size=64", "d_steps=2"]
    assert first.affordable(given, 3) == ["budget.images=128", "metrics.final_samples=1000"]


def test_the_memory_of_a_step_is_measured_in_each_way_or_refused(scripts):
    memory = scripts("memory")
    options = SimpleNamespace(threads=1, size=8, batch=8, part=4, channels=2)
    for way in memory.WAYS:
        options.overrides = []
        if "model.microbatch={part}" in memory.WAYS[way]:
            with pytest.raises(SystemExit, match=str(scripts("networks").SKIPPED)):  # batch norm
                memory.work("sngan", way, options)
        else:
            grown, seconds = memory.work("sngan", way, options)
            assert grown >= 0
            assert seconds > 0
    grown, seconds = memory.work("stylegan2", "both", options)
    assert grown >= 0 < seconds


@pytest.mark.parametrize("model", MODELS)
def test_every_model_can_be_measured(scripts, model):
    networks, options = scripts("networks"), SimpleNamespace(batch=2, overrides=narrow_overrides(model))
    assert model in networks.all_models()
    (size,) = networks.sizes_of(model, [32])
    system, _ = networks.build(model, size, options, False)  # or it exits with a reason
    assert system.generator.facts.image_size == size


def test_the_table_of_networks_has_every_model():
    table = (FOLDER / "results" / "networks.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| (\w+) \|", table, re.MULTILINE)) - {"model"} == set(MODELS)


def test_a_model_that_no_size_fits_is_reported(scripts, monkeypatch, capsys):
    networks = scripts("networks")
    monkeypatch.setattr(networks, "in_process", lambda model, *_: None if model == "vae" else [model] * 9)
    monkeypatch.setattr(sys, "argv", ["networks.py", "--models", "mlp", "vae", "--sizes", "32"])
    with pytest.raises(SystemExit, match="no row: vae at 32 pixels"):
        networks.main()
    assert "| mlp | " in capsys.readouterr().out


def test_half_of_the_runs_of_a_fixed_design_have_its_verdicts_where_one_of_six_arms_differs(scripts):
    """60 simulated studies with the defaults of the sweeper; benchmarks/results/sequential.md has 2,000."""
    sequential = scripts("sequential")
    options = yaml.safe_load((FOLDER.parent / "conf" / "hydra" / "sweeper" / "sequential.yaml").read_text())
    defaults = options["max_seeds"], options["first_seeds"], options["rounds"], options["futility"]
    assert defaults == (sequential.MOST, sequential.FIRST, sequential.ROUNDS, sequential.FUTILITY)
    rng = np.random.default_rng(0)
    studies = [sequential.one_study(rng, sequential.ONE[4]) for _ in range(60)]
    assert np.mean([study.verdicts == study.fixed for study in studies]) >= 0.9
    assert np.mean([study.runs for study in studies]) / (6 * 20) <= 0.5
