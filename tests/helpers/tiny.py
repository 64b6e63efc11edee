"""The smallest run that has everything in it."""

# What evaluations need beside, as by default their classifier learns for seconds.
CLASSIFIER = ("metrics.extractors.native.width=4", "metrics.extractors.native.training_images=2000")

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
    *CLASSIFIER,
)


# What makes a translator tiny beside that, with the data that it is trained on unless a test says otherwise.
TRANSLATORS = {
    "pix2pix": ["task=denoise"],
    "cyclegan": ["dataset=digits_twin", "model.generator.blocks=1"],
    "cut": ["dataset=digits_twin", "model.generator.blocks=1", "model.projection.features=8", "model.patches=9"],
}
TRANSLATORS["fastcut"] = TRANSLATORS["cut"]

# What makes a transformer tiny.
PATCHES = [
    f"model.{network}.{line}"
    for network in ("generator", "discriminator")
    for line in ("width=16", "depth=2", "heads=2", "patch=4")
]

# What makes the networks of any model narrow; what it has of these.
NARROW = {
    **{"channels": 4, "max_channels": 16, "style_dim": 12, "mapping_layers": 2, "hidden": [8], "embedding_dim": 4},
    **{"width": 16, "depth": 2, "heads": 2, "layers": 3, "blocks": 1},
}

# Models, recipes and penalties that the 8 pixels of the default dataset are too small for, and what they need instead.
LARGE_IMAGES = ["dataset=polygons", "dataset.image_size=32", "dataset.num_images=64"]
LARGE = {
    "fastgan": LARGE_IMAGES,
    "reconstruction": [*LARGE_IMAGES, "model=fastgan"],
    "projected_gan": [*LARGE_IMAGES, "model.discriminator.weights=random", "model.discriminator.resolution=128"],
}


# Adam divides by the size of the gradient: where that is rounding error, so is the step. SGD shows the gradients.
SGD = [
    line
    for name in ("generator", "discriminator")
    for line in (
        f"optimizer.{name}._target_=torch.optim.SGD",
        f"~optimizer.{name}.betas",
        f"optimizer.{name}.lr=0.001",
    )
]


def narrow_overrides(model):
    """Return overrides that make the networks of a model narrow, whatever it is."""
    from gan_experiments.config.compose import compose

    networks = compose("train", [f"model={model}"]).model
    return [
        f"model.{network}.{key}={value}"
        for network in ("generator", "discriminator")
        if network in networks
        for key, value in NARROW.items()
        if key in networks[network]
    ]


def tiny_overrides(*overrides):
    """Add what makes a run tiny to ``overrides``, as far as it belongs to the groups that they choose."""
    unfit = []
    if "metrics=none" in overrides:
        unfit.append("metrics.extractors")
    if {"model=mlp", "model=mlp_points", "model=mlp_vae"} & set(overrides):
        unfit += ["model.generator.channels", "model.discriminator.channels"]
    if "transformer" in str(overrides):
        unfit += ["model.generator.channels", "model.discriminator.channels"]
        overrides = (*PATCHES, *overrides)
    if "model=vae" in overrides:
        unfit.append("model.discriminator")
    model = next((line.partition("=")[2] for line in overrides if line.startswith("model=")), "")
    given = [line.partition("=")[0] for line in overrides]
    own = [line for line in TRANSLATORS.get(model, []) if line.partition("=")[0] not in given]
    if model in TRANSLATORS:
        unfit.append("model.generator.latent_dim")
        own = [line for line in own if "task" not in given or not line.startswith("dataset=")]
        own += [] if "metrics" in given else ["metrics=native"]
    return [line for line in TINY if not line.startswith(tuple(unfit))] + own + list(overrides)
