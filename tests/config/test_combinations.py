import pytest

from gan_experiments.config.compose import compose
from gan_experiments.config.schema import check, warnings


@pytest.mark.parametrize(
    ("overrides", "key", "text"),
    [
        (["penalty=r1", "trainer=gpu", "trainer.precision=16-mixed"], "trainer.precision", "penalty r1"),
        (["trainer.precision=16-mixed", "penalty=none"], "trainer.precision", "needs a GPU"),
        (["loss=ebgan", "model=dcgan"], "loss", "take model=autoencoder, or a loss that is computed on 'logits'"),
        (["model=autoencoder"], "loss", "take model=mlp or model=dcgan, or a loss that is computed on 'energy'"),
        (["penalty=top_k", "loss=relativistic_pairing"], "penalty.top_k", "RelativisticPairing pairs each with a real"),
        (["model.unroll_steps=1", "optimizer=wgan"], "model.unroll_steps", "optimizer.discriminator is RMSprop"),
        (
            ["model.unroll_steps=1", "+optimizer.discriminator.weight_decay=0.1"],
            "model.unroll_steps",
            "optimizer.discriminator is Adam with weight_decay",
        ),
        (["model.unroll_steps=1", "trainer=gpu", "trainer.precision=16-mixed"], "trainer.precision", "unroll_steps"),
        (["trainer.devices=3", "batch_size=64"], "batch_size", "shared equally by 3 processes"),
        (["trainer.devices=2", "trainer.num_nodes=3", "batch_size=64"], "batch_size", "by 6 processes"),
        (
            ["optimizer.schedule.kind=linear", "optimizer.schedule.start=2000000"],
            "optimizer.schedule.start",
            "have fallen",
        ),
        (
            ["optimizer.schedule.kind=cosine", "optimizer.schedule.start=9", "optimizer.schedule.end=8"],
            "optimizer.schedule.end",
            "begin to fall at 9",
        ),
        (
            ["metrics=known_distribution"],
            "metrics.measures.known_distribution",
            "the distribution of Digits is not known; that of",
        ),
        (["optimizer.generator.betas=[0,0.9]"], "optimizer.generator.betas[0]", "write 0.0"),
        (["model=autoencoder", "loss=ebgan", "augment=apa"], "augment.apa.target", "energies, which have one sign"),
        (
            ["model=r3gan", "model.generator.channels=12"],
            "model.generator.channels",
            "12 x 2 does not divide into groups of 16; 8 and 16 would",
        ),
        (
            ["model=r3gan", "model.generator.channels=6"],
            "model.generator.channels",
            "6 channels become 12: 12 x 2 does not divide into groups of 16; 4 and 8 would",
        ),
        (
            ["model=r3gan", "model.generator.channels=6", "model.generator.expansion=3", "dataset=cifar10"],
            "model.generator.channels",
            "6 x 3 does not divide into groups of 16; 16 would",
        ),
        (
            ["model=r3gan", "model.discriminator.max_channels=100", "model.discriminator.group_width=32"],
            "model.discriminator.max_channels",
            "96 and 112 would",
        ),
        (["augment=ada", "augment.ada.p=2"], "augment.ada.p", "in [0, 1]"),
        (["augment=apa", "augment.apa.target=2"], "augment.apa.target", "in [-1, 1] or null"),
        (["augment=ada", "+augment.ada.facts=1"], "augment.ada.facts", "given by the program"),
    ],
)
def test_what_does_not_go_together_is_refused(overrides, key, text):
    (problem,) = check(compose("train", overrides))
    assert problem.startswith(f"{key}: ")
    assert text in problem


@pytest.mark.parametrize(
    "overrides",
    [
        ["trainer=gpu", "trainer.precision=16-mixed", "penalty=none"],
        ["penalty=r1", "trainer.precision=bf16-mixed"],
        ["trainer=ddp", "batch_size=63"],
        ["optimizer.schedule.kind=linear"],
        ["metrics=known_distribution", "dataset=ring", "model=mlp"],
        ["optimizer.schedule.start=2000000"],
        ["optimizer.generator.betas=[0.0,0.9]"],
        ["model=autoencoder", "loss=ebgan"],
        ["penalty=top_k", "loss=relativistic_average"],
        ["penalty=top_k", "loss=dual_contrastive"],
        ["penalty=[r1,r2]", "loss=relativistic_pairing"],
        ["model.unroll_steps=1", "optimizer.generator._target_=torch.optim.AdamW"],
        ["model=autoencoder", "loss=ebgan", "augment=ada", "augment.ada.target=null", "augment.ada.p=0.3"],
        ["model=r3gan", "model.generator.channels=4", "model.discriminator.channels=8"],
    ],
)
def test_what_goes_together_is_not(overrides):
    assert check(compose("train", overrides)) == []


def test_a_wrong_value_is_told_once():
    problems = check(compose("train", ["batch_size=x", "trainer.devices=0", "optimizer.generator.betas=3"]))
    assert len(problems) == 3


def test_features_are_asked_of_the_discriminator(tmp_path, monkeypatch):
    (tmp_path / "plain_networks.py").write_text(
        "from gan_experiments.core.contracts import Discriminator\nclass Plain(Discriminator): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    network = ["~model.discriminator", "model.discriminator={_target_:plain_networks.Plain}"]
    config = compose("train", [*network, "penalty=feature_matching"])
    assert [line for line in check(config, trusted=["plain_networks"]) if "needs features" in line]
    assert check(compose("train", ["penalty=feature_matching"])) == []


def test_penalties_of_one_kind_are_doubted():
    (line,) = warnings(compose("train", ["model=mlp", "penalty=[r1,wgan_gp]"]))
    assert "r1 and wgan_gp" in line
    assert warnings(compose("train", ["model=mlp", "penalty=[r1,lecam]"])) == []


@pytest.mark.parametrize("penalty", ["wgan_gp", "dragan", "max_gradient_penalty"])
def test_a_gradient_of_each_sample_is_doubted_under_batch_norm(penalty):
    (line,) = warnings(compose("train", [f"penalty={penalty}", "model=dcgan"]))
    assert line.startswith(f"model.discriminator.norm: 'batch' beside penalty {penalty}")
    assert warnings(compose("train", [f"penalty={penalty}", "model=dcgan", "model.discriminator.norm=layer"])) == []


@pytest.mark.parametrize("penalty", ["r1", "r2", "path_length", "lecam", "weight_clipping"])
def test_other_penalties_do_not_mind_batch_norm(penalty):
    assert warnings(compose("train", [f"penalty={penalty}", "model=dcgan"])) == []


def test_moved_latents_and_shared_fakes_are_doubted():
    shared = ["model=mlp", "model.share_fakes=true"]
    (line,) = warnings(compose("train", [*shared, "penalty=latent_optimization"]))
    assert line.startswith("penalty.latent_optimization: the generator does not learn through")
    assert warnings(compose("train", [*shared, "penalty=zcr"])) == []


def test_a_loss_that_couples_the_batch_is_doubted_on_several_devices():
    (line,) = warnings(compose("train", ["loss=relativistic_average", "trainer.devices=2"]))
    assert line.startswith("loss: ")
    assert warnings(compose("train", ["loss=relativistic_average"])) == []


@pytest.mark.parametrize("loss", ["wasserstein", "relativistic_pairing", "relativistic_average", "dual_contrastive"])
def test_following_signs_is_doubted_where_only_differences_count(loss):
    (line,) = warnings(compose("train", ["model=mlp", f"loss={loss}", "augment=ada"]))
    assert line.startswith("augment.ada.target: ")
    assert warnings(compose("train", ["model=mlp", f"loss={loss}", "augment=ada", "augment.ada.target=null"])) == []
    assert warnings(compose("train", ["model=mlp", "loss=hinge", "augment=ada"])) == []
