"""Weights & Biases without what it imports for seconds at its first run: what runs of its own service are given."""


def make_quick(monkeypatch):
    """Let it be quick until the end of a test; nothing happens where it is not installed."""
    try:
        from wandb.sdk.wandb_run import Run
    except ImportError:
        return
    monkeypatch.setattr(Run, "_detect_and_apply_job_inputs", lambda _: None)
