"""Each kind of picture of one run, from the command line."""

import pytest
from PIL import Image

from gan_experiments.cli import sample
from gan_experiments.config.files import conf_dir

KINDS = sorted(file.stem for file in (conf_dir() / "kind").glob("*.yaml"))
SMALL = {
    "neighbours": ["kind.extractor.width=4", "kind.extractor.training_images=2000"],
    "sefa": ["kind.directions=[0]"],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from omegaconf import OmegaConf
    from tiny import tiny_overrides

    from gan_experiments.config.compose import compose
    from gan_experiments.runs.folder import RunFolder
    from gan_experiments.training.train import train

    config = compose("train", tiny_overrides("metrics=none", "budget.images=16"))
    folder = RunFolder(tmp_path_factory.mktemp("study") / "run")
    folder.path.mkdir()
    plain = OmegaConf.to_container(config, resolve=True)
    folder.write_config(plain)
    train(plain, folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_picture_or_a_clear_refusal(run, call, kind):
    code, out, err = call(sample, f"run={run.path}", f"kind={kind}", *SMALL.get(kind, []))
    if kind == "classes":
        assert code == 2
        assert "not conditional" in err
        return
    assert code == 0, err
    picture = out.splitlines()[-1]
    assert picture.endswith(f"{kind}-last-seed0-1.png")
    assert min(Image.open(picture).size) >= 34


def test_a_grid_is_the_run_s_own(run, call, tmp_path):
    code, _, err = call(sample, f"run={run.path}", "kind.count=4", "output=own.png")
    assert code == 0, err
    assert (tmp_path / "own.png").read_bytes() == run.grid(16).read_bytes()
    code, _, err = call(sample, f"run={run.path}", "output=own.png")
    assert (code, "own.png exists and is not overwritten" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["count=4"], "count: no such key; did you mean 'kind.count'?"),
        (["kind=interpolations"], "kind: no option 'interpolations'; did you mean 'interpolation'?"),
        (["kind=interpolation", "kind.path=round"], "kind.path: 'round' is not one of spherical, linear"),
        (["kind=truncation", "kind.values=[0]"], "kind.values[0]: 0 is not a number > 0"),
        (["kind=neighbours", "kind.extractor._target_=torch.nn.Linear"], "Linear does not descend from gan_experiments.metrics.extractors.base.Extractor"),
    ],
)
def test_wrong_input_is_refused(run, call, arguments, line):
    code, _, err = call(sample, f"run={run.path}", *arguments)
    assert code == 2
    assert line in err
