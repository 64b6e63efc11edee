import sys

import pytest
from hydra.core.global_hydra import GlobalHydra


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run a command in this process, in an empty folder; returns its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(module, *arguments):
        monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
        GlobalHydra.instance().clear()
        with pytest.raises(SystemExit) as exit_:
            module.main()
        out, err = capsys.readouterr()
        return exit_.value.code, out, err

    return run
