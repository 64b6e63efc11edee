from gan_experiments.cli import export
from gan_experiments.runs import onnx as onnx_export


def test_the_command_writes_beside_the_run_and_over_nothing(fit, tiny, call, monkeypatch):
    config = tiny("model=mlp", "model.generator.hidden=[4]", "metrics=none", "budget.images=16")
    run = fit(config=config)
    run.write_config(config)
    code, out, err = call(export, f"run={run.path}")
    assert code == 0, err
    assert "generator.onnx: at most" in out.splitlines()[-1]
    code, _, err = call(export, f"run={run.path}")
    assert (code, "generator.onnx exists and is not overwritten" in err) == (2, True)
    code, _, err = call(export, f"run={run.path}", "output=other.pt")
    assert (code, "output: other.pt is no .onnx, which this is written as" in err) == (2, True)
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None)
    code, _, err = call(export, f"run={run.path}", "output=other.onnx")
    assert code == 2
    assert "ONNX needs onnx, onnxruntime, onnxscript: pip install 'gan-experiments[onnx]'" in err
