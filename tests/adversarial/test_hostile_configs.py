"""Configs of a stranger, through every way by which a file of ``--config-dir`` gets into a command."""

import logging
import sys

import pytest

from gan_experiments.cli import train

SECRET = "hunter2-of-the-environment"
CONTENTS = [
    "hydra: {job_logging: {version: 1, formatters: {a: {(): hacked.run}}, root: {handlers: []}}}",
    "hydra: {job_logging: {version: 1, handlers: {a: {class: logging.FileHandler, filename: hacked}}, root: {}}}",
    "hydra: {hydra_logging: {version: 1, handlers: {a: {class: logging.FileHandler, filename: hacked}}, root: {}}}",
    "hydra: {job: {env_set: {LD_PRELOAD: hacked.so}}}",
    "hydra: {job: {chdir: true}}",
    "hydra: {callbacks: {a: {_target_: hacked.run}}}",
    "hydra: {searchpath: ['pkg://hacked']}",
    "hydra: {run: {dir: hacked}, output_subdir: x}",
    "hydra: {sweep: {dir: hacked}}",
    "hydra: {launcher: {_target_: hacked.run}}",
    "hydra: {launcher: {submitit_folder: hacked}}",
    "hydra: {launcher: {setup: [touch hacked]}}",
    "hydra: {sweeper: {_target_: hacked.run}}",
    "hydra: {sweeper: {storage: 'sqlite:///hacked'}}",
    "hydra: {sweeper: {params: {+hydra.job.env_set.LD_PRELOAD: hacked}}}",
    "hydra: {sweeper: {params: {hydra.sweep.dir: hacked}}}",
    "hydra: {help: {template: '${oc.env:ADVERSARIAL_SECRET}'}}",
    "hydra: {mode: MULTIRUN, verbose: true}",
    "defaults: [override /hydra/job_logging: hacked]",
    "defaults: [override /hydra/launcher: ray_aws]",
    "defaults: ['/loss@hydra.job_logging: hinge']",
    "name: '${oc.env:ADVERSARIAL_SECRET}'",
    "name: \"${oc.decode:'${oc.env:ADVERSARIAL_SECRET}'}\"",
    "name: '${${x}:ADVERSARIAL_SECRET}'\nx: oc.env",
    "output_dir: hacked/${oc.env:ADVERSARIAL_SECRET}",
    "seed: '${oc.env:ADVERSARIAL_SECRET}'",
    "loss: {_target_: '${oc.env:ADVERSARIAL_SECRET}'}",
    "loss: {_target_: hacked.run}",
    "loss: {_target_: os.system, command: touch hacked}",
    "loss: {_target_: torch.hub.load, repo_or_dir: hacked}",
    "loss: {_target_: torch.ops.load_library, path: hacked.so}",
    "loss: {_target_: torch.utils.cpp_extension.load, name: hacked}",
    "loss: {_target_: gan_experiments.cli.train.main}",
    "loss: {_target_: pytorch_lightning.cli.LightningCLI}",
    "trusted: [hacked]\nloss: {_target_: hacked.run}",
    "output_dir: /tmp/hacked",
    "output_dir: ../hacked",
    "output_dir: ~/hacked",
    "callbacks: {a: {_target_: pytorch_lightning.callbacks.ModelCheckpoint, dirpath: /tmp/hacked}}",
    "logger: {a: {_target_: pytorch_lightning.loggers.CSVLogger, save_dir: /tmp/hacked}}",
    "metrics: {extractors: {native: {cache_dir: /tmp/hacked}}}",
    "a: &a [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1 if i else ''}, *a{i - 1 if i else ''}]\n" for i in range(40)),
    "a: &a {b: *a}",
    "a: " + "[" * 20000,
    "a: !!python/object/apply:os.system ['touch hacked']",
    "a: !!python/name:hacked.run",
    "\x1b[31m: 1",
    "a: \x00",
    "- hacked",
    "%TAG ! tag:yaml.org,2002:python/\n---\na: !name:hacked.run",
]
WAYS = {
    "study": ("study/evil.yaml", "# @package _global_\n", ("-m", "study=evil")),
    "experiment": ("experiment/evil.yaml", "# @package _global_\n", ("experiment=evil",)),
    "experiment of a sweep": ("experiment/evil.yaml", "# @package _global_\n", ("-m", "experiment=evil,baseline")),
    "root": ("evil.yaml", "", ("--config-name", "evil")),
    "info": ("experiment/evil.yaml", "# @package _global_\n", ("-i", "config", "experiment=evil")),
    "print": ("experiment/evil.yaml", "# @package _global_\n", ("--cfg", "all", "--resolve", "experiment=evil")),
}


@pytest.mark.parametrize("content", CONTENTS, ids=range(len(CONTENTS)))
@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_it_is_run_told_or_written(call, tmp_path, monkeypatch, way, content):
    file, header, arguments = WAYS[way]
    path = tmp_path / "evil" / file
    path.parent.mkdir(parents=True)
    path.write_text(f"{header}{content}\n")
    (tmp_path / "hacked.py").write_text("raise SystemExit('hacked')")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setenv("ADVERSARIAL_SECRET", SECRET)
    monkeypatch.setattr(logging, "raiseExceptions", False)  # Hydra's handlers keep the output of an earlier test
    monkeypatch.syspath_prepend(str(tmp_path))
    code, out, err = call(train, "--config-dir", "evil", *arguments)
    shown = way in ("print", "info")  # what only a run would refuse is printed there as it stands
    assert code == 2 or (shown and code in (0, 1)), err
    assert SECRET not in out + err
    assert "Traceback" not in err
    assert "hacked" not in sys.modules
    assert sorted(tmp_path.rglob("*")) == before
    assert all(line.isprintable() for line in (out if not shown else "").splitlines() + err.splitlines())
