from gan_experiments.cli import diagnose


def test_the_command_writes_where_it_is_asked_to(fit, tiny, call, tmp_path):
    config = tiny("model=mlp", "model.generator.hidden=[4]", "model.discriminator.hidden=[4]", "metrics=none")
    run = fit(config=config)
    run.write_config(config)
    code, out, err = call(diagnose, f"run={run.path}", "images=32", "only=[half the rates]", "output=there")
    assert code == 0, err
    assert "No failure lasts 32 images after the checkpoint" in out
    plan, *said = err.splitlines()[-3:]
    assert plan.startswith("2 replays of 32 images each, which takes about ")
    assert said[0].startswith("1 of 2, as it was: survives · ")
    assert said[1] == "2 of 2, half the rates: survives · 0:00 left"
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["diagnosis.json", "diagnosis.md"]
    (tmp_path / "file").touch()
    code, out, err = call(diagnose, f"run={run.path}", "images=32", "only=[half the rates]", "output=file")
    assert (code, out) == (2, "")
    assert "output: file: cannot be written to: file is not a folder" in err
    assert "survives" not in err
    code, _, err = call(diagnose, f"run={tmp_path / 'none'}")
    assert (code, "not a run folder" in err) == (2, True)
