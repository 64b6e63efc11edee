"""The snippets of docs/python.md run, in their order, with a tenth of the budget."""

import re
from pathlib import Path

import pytest

from gan_experiments.metrics.extractors import native

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_every_snippet_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))  # of classifiers that have learned less
    train_and_test = native._train_and_test
    monkeypatch.setattr(native, "_train_and_test", lambda *given: train_and_test(*given[:2], 2000))
    names: dict = {}
    assert "budget.images=4000" in SNIPPETS[1]
    for snippet in SNIPPETS:
        exec(compile(snippet.replace("images=4000", "images=400"), str(PAGE), "exec"), names)
    out = capsys.readouterr().out
    assert "batch_size: 'abc' is not an integer >= 1" in out
    assert "model: no option 'dcgn'; did you mean 'dcgan'?" in out
    assert "2 seeds" in out
    assert names["faster"].folder != names["run"].folder
    assert names["images"].shape == (16, 1, 8, 8)
    assert [run.status for run in names["runs"]] == ["finished"] * 4
