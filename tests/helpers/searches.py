"""Searches whose jobs are stand-ins that end at once."""

import math

from gan_experiments.runs.folder import RunFolder
from gan_experiments.sweeps.search.options import SearchConfig

CONFIG = SearchConfig(
    n_trials=6, n_jobs=1, objectives=["fid"], score="final", per=[], sampler="tpe", startup_trials=2,
    pruner="none", warmup_images=0, seed=0, storage=None, params={},
    better={"fid": "lower", "is": "higher"},
)  # fmt: skip


SPACE = ("lr=tag(log, interval(1e-4, 1e-1))", "width=choice(8,16)", "loss=hinge", "retry=none")


def config(**changes):
    return SearchConfig(**{**vars(CONFIG), **changes})


def drawn(lines):
    return dict(line.split("=") for line in lines)


class Jobs:
    """Stand-in for the launcher: writes the record that ``outcome`` returns for the overrides of a run."""

    def __init__(self, study, outcome=None):
        self.study = study
        self.outcome = outcome or (lambda values: {"status": "finished", "final": {"fid": {"value": self.fid(values)}}})
        self.launched = []

    @staticmethod
    def fid(values):
        return 10 + abs(math.log10(float(values["lr"]) / 1e-2)) + 0.1 * float(values["width"])

    def folder_of(self, lines):
        return self.study / "-".join(line for line in lines if not line.startswith("retry")).replace("=", "_")

    def __call__(self, batch):
        self.launched += [tuple(lines) for lines in batch]
        for lines in batch:
            outcome = self.outcome(drawn(lines))
            if outcome is not None:
                run = RunFolder(self.folder_of(lines))
                run.write_config({"seed": 3, "output_dir": "outputs"})
                run.update_record(**outcome)


def drawn_and_scored(rows):
    return [(row["lr"], row["width"], row["fid"]) for row in rows]


STORAGES = [None, "sqlite:///{}/search.db"]
