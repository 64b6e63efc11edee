"""Files of StudioGAN, torchgan and pytorch_pretrained_biggan become runs whose networks compute the same."""

from pathlib import Path

import foreign_states
import pytest
import torch

from gan_experiments.api.import_network import import_network
from gan_experiments.cli import import_network as command
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.biggan import BigGANGenerator
from gan_experiments.networks.biggan_deep import BigGANDeepGenerator
from gan_experiments.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_experiments.networks.residual import ResidualDiscriminator, ResidualGenerator
from gan_experiments.networks.sndcgan import SNDCGANDiscriminator, SNDCGANGenerator
from gan_experiments.runs.foreign.state_dicts import files_of

FACTS = DataFacts("images", 32, 3, 5)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(3)


def ready(network):
    """Give weights and statistics values of their own, near those that they begin with; none of them is 0."""
    stream = torch.Generator().manual_seed(1)
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=stream) + 0.5)
        elif value.is_floating_point() and not name.endswith(("_u", "_v")):
            value.add_(torch.randn(value.shape, generator=stream) * 0.1)
    return network.eval().requires_grad_(False)


def save(networks, **more):
    """Write the checkpoints of StudioGAN into a folder, as it names them."""
    folder = Path("checkpoints")
    folder.mkdir(exist_ok=True)
    for name, state in networks.items():
        torch.save(
            {"state_dict": state, "optimizer": {"state": {}, **more}}, folder / f"model={name}-best-weights-step=7.pth"
        )
    return folder


def assert_same(run, raw=None, average=None, critic=None):
    stream = torch.Generator().manual_seed(2)
    network = raw or average
    latents = torch.randn(4, network.latent_dim, generator=stream)
    images = torch.randn(4, *network.facts.shape, generator=stream)
    labels = torch.tensor([0, 1, 2, 4])
    pairs = [(run.generator(raw=True), raw, latents), (run.generator(), average, latents)]
    pairs += [(run.system().discriminator.eval(), critic, images)] if critic else []
    for own, original, inputs in pairs:
        if original is not None:
            expected = original(inputs, labels)
            assert (own(inputs, labels) - expected).abs().max() < 1e-5 * expected.abs().max()
            assert expected.std() > 1e-3 * expected.abs().max()


def residual(conditional, spectral):
    options = {"spectral_norm": spectral, "conditional": conditional, "attention": "half" if spectral else "none"}
    return ready(ResidualGenerator(FACTS, 6, 2, **options))


def critic(conditioning="projection", attention="none"):
    options = {"wide": True, "activated_shortcuts": True, "conditioning": conditioning, "attention": attention}
    return ready(ResidualDiscriminator(FACTS, 4, **options))


def test_a_sngan_of_studiogan_without_classes():
    raw, discriminator = residual(False, False), critic("none")
    folder = save({"G": foreign_states.studiogan(raw), "D": foreign_states.studiogan(discriminator)})
    assert_same(import_network(folder), raw, raw, discriminator)


def test_a_sagan_of_studiogan_normalizes_its_tables_of_classes_too():
    raw, discriminator = residual(True, True), critic("projection", "quarter")
    state = foreign_states.with_spectral_tables(foreign_states.studiogan(raw, attention=2))
    run = import_network(save({"G": state, "D": foreign_states.studiogan(discriminator)}))
    assert_same(run, raw, raw, discriminator)
    assert run.record["imported"]["family"] == "StudioGAN"
    assert run.config["model"]["discriminator"]["attention"] == "quarter"


@pytest.mark.parametrize(
    ("conditioning", "option"), [("classifier", "acgan"), ("twin_classifier", "adcgan"), ("contrastive", "contragan")]
)
def test_a_biggan_of_studiogan_comes_with_its_average_and_its_class_head(conditioning, option):
    raw, average = (ready(BigGANGenerator(FACTS, 8, 2, 6, attention="quarter", conditional=True)) for _ in range(2))
    discriminator = critic(conditioning, "half")
    networks = {"G": raw, "G_ema": average, "D": discriminator}
    states = {name: foreign_states.studiogan(network, attention=1) for name, network in networks.items()}
    run = import_network(save(states), "imported")
    assert_same(run, raw, average, discriminator)
    assert option in run.config["penalty"]
    assert len(run.record["imported"]["sha256"]) == 3
    own = run.system().discriminator.state_dict()
    assert all(
        torch.equal(value, own[name]) for name, value in discriminator.state_dict().items() if "class_head" in name
    )


def test_a_dcgan_of_studiogan_adds_up_its_last_feature_map():
    raw = ready(SNDCGANGenerator(FACTS, 6, 2))
    discriminator = ready(SNDCGANDiscriminator(FACTS, 2, norm="batch", slope=0, spectral_norm=False))
    discriminator.head.weight.copy_(discriminator.head.weight[:, ::16].repeat_interleave(16, dim=1))
    states = {"G": foreign_states.studiogan_dcgan(raw), "D": foreign_states.studiogan_dcgan(discriminator)}
    assert_same(import_network(save(states)), raw, raw, discriminator)


@pytest.mark.parametrize(("norm", "step"), [("batch", 3), ("none", 2)])
def test_a_dcgan_of_torchgan(norm, step):
    facts = DataFacts("images", 16, 3)
    raw = ready(DCGANGenerator(facts, 6, 2, norm=norm, slope=0.2, image_bias=True))
    discriminator = ready(DCGANDiscriminator(facts, 2, norm=norm, image_bias=True))
    if norm == "none":
        raw.layers[0].bias.copy_(raw.layers[0].bias[::16].repeat_interleave(16))
    states = {
        "generator": foreign_states.torchgan(raw, step),
        "discriminator": foreign_states.torchgan(discriminator, step),
    }
    torch.save({"epoch": 3, "loss_objects": {"a": torch.nn.BCELoss()}, **states}, "gan0.model")
    assert_same(import_network("gan0.model"), raw, raw, discriminator)


def test_a_biggan_deep_of_pytorch_pretrained_biggan():
    facts = DataFacts("images", 128, 3, 5)
    raw = ready(BigGANDeepGenerator(facts, 3, 1, 4, spectral_norm=False, conditional=True))
    torch.save(foreign_states.biggan_deep(raw), "pytorch_model.bin", _use_new_zipfile_serialization=False)
    run = import_network("pytorch_model.bin")
    assert_same(run, raw, raw)
    assert run.record["imported"]["networks"] == ["generator"]


def test_what_differs_is_refused_in_a_line_and_nothing_is_written(call):
    state = foreign_states.studiogan(residual(True, False))
    discriminator = foreign_states.studiogan(critic())
    more = {**state, "info_proj_linear.weight": torch.ones(2, 2)}
    normalized = {**discriminator, "blocks.0.0.bn1.weight": torch.ones(4)}
    cases = {
        "generator.info_proj_linear.weight ((2, 2) there, None here)": {"G": more},
        "discriminator.layers.0.norm1.weight ((4,) there, None here)": {"G": state, "D": normalized},
        "of networks without linear0.weight": {"G": discriminator},
        "a StyleGAN of StudioGAN": {"G": {"mapping.fc0.weight": torch.ones(2, 2)}},
        "holds values that are not finite": {"G": {**state, "linear0.bias": state["linear0.bias"] * torch.nan}},
        "without blocks": {"G": {"linear0.weight": torch.ones(2, 2)}},
        "known": {"G": {"weight": torch.ones(2)}},
    }
    for problem, states in cases.items():
        code, _, err = call(command, f"file={save(states)}", "output=imported")
        assert (code, problem in err, "1 problem" in err, "Traceback" in err) == (2, True, True, False), (problem, err)
        for file in Path("checkpoints").iterdir():
            file.unlink()
    code, _, err = call(command, "file=checkpoints", "output=imported")
    assert (code, "holds no checkpoints of StudioGAN" in err) == (2, True)
    torch.save({"state_dict": discriminator}, "critic.pth")
    code, _, err = call(command, "critic.pth", "output=imported")
    assert (code, "holds no generator" in err) == (2, True)
    assert not Path("imported").exists()


def test_of_several_steps_the_newest_of_the_generator_is_read_for_all_networks():
    folder = Path("steps")
    folder.mkdir()

    def add(name, *steps):
        files = [folder / f"model={name}-best-weights-step={step}.pth" for step in steps]
        for file in files:
            file.touch()
        return files

    newest = {"generator": add("G", 99000, 100000, "last")[1], "discriminator": add("D", 100000, 99000, 200000)[0]}
    assert files_of(folder) == newest
    (older,) = add("G_ema", 99000)
    with pytest.raises(ConfigError) as refused:
        files_of(folder)
    assert refused.value.problems == [f"steps: holds no model=G_ema-best-weights-step=100000.pth, but {older.name}"]


def test_many_views_of_a_few_bytes_are_not_made_tensors():
    base = torch.ones(64)
    torch.save({f"model.{index}.0.weight": base.view(8, 8, 1, 1) for index in range(9)}, "views.pth")
    with pytest.raises(ConfigError, match="larger than its data"):
        import_network("views.pth")
