"""The smallest run that has everything in it."""

TINY = (
    "model.generator.channels=4",
    "model.discriminator.channels=4",
    "model.generator.latent_dim=12",
    "batch_size=8",
    "budget.images=64",
    "callbacks.monitor.every=16",
    "callbacks.samples.every=32",
    "callbacks.samples.count=4",
    "callbacks.checkpoint.every=32",
    "metrics.every=32",
    "metrics.samples=40",
    "metrics.final_samples=60",
    "metrics.extractors.native.width=4",
    "metrics.extractors.native.training_images=2000",
)


def tiny_overrides(*overrides):
    """Add what makes a run tiny to ``overrides``, as far as it belongs to the groups that they choose."""
    unfit = []
    if "metrics=none" in overrides:
        unfit.append("metrics.extractors")
    if "model=mlp" in overrides or "model=mlp_vae" in overrides:
        unfit += ["model.generator.channels", "model.discriminator.channels"]
    if "model=vae" in overrides:
        unfit.append("model.discriminator")
    return [line for line in TINY if not line.startswith(tuple(unfit))] + list(overrides)
