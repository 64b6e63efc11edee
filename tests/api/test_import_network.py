import hashlib
import pickle
from pathlib import Path

import foreign
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tiny import tiny_overrides

from gan_experiments.api.evaluate import evaluate
from gan_experiments.api.import_network import import_network
from gan_experiments.api.train import train
from gan_experiments.cli import evaluate as evaluate_command
from gan_experiments.cli import import_network as command
from gan_experiments.cli import sample
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from gan_experiments.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator
from gan_experiments.networks.stylegan3 import StyleGAN3Generator
from gan_experiments.runs.generator_file import load_generator

CASES = {
    "config-f": (16, 0, {"mapping_layers": 8}, {}),
    "cifar": (16, 5, {"mapping_layers": 2}, {"form": "plain", "mapping_layers": 3}),
    "residual": (16, 0, {"form": "residual", "mapping_layers": 1}, {"form": "skip", "group_size": 2}),
}
STYLEGAN3 = {"t": (0, {"variant": "t", "layers": 5}), "r, conditional": (4, {"variant": "r", "layers": 4})}
R3GAN = {"conditional": ((8, 8), 4), "plain": ((8, 4), 0)}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def stylegan2(case):
    size, classes, generator, discriminator = CASES[case]
    facts = DataFacts("images", size, 3, classes)
    shape = {"channels": 4, "max_channels": 8}
    made = [StyleGAN2Generator(facts, 6, 5, **shape, **generator, conditional=classes > 0) for _ in range(2)]
    conditioning = "projection" if classes else "none"
    critic = StyleGAN2Discriminator(facts, **shape, **discriminator, conditioning=conditioning)
    return [foreign.scrambled(network) for network in (*made, critic)]


def write_stylegan2(case, path="snapshot.pkl"):
    raw, average, critic = stylegan2(case)
    networks = {"G": raw, "G_ema": average}
    snapshot = {key: foreign.stylegan2_generator(network) for key, network in networks.items()}
    snapshot["D"] = foreign.stylegan2_discriminator(critic, CASES[case][0])
    foreign.write(Path(path), snapshot)
    return raw, average, critic


def assert_same_networks(run, raw, average, critic):
    stream = torch.Generator().manual_seed(2)
    latents = torch.randn(4, average.latent_dim, generator=stream)
    images = torch.randn(4, 3, 16, 16, generator=stream)
    labels = torch.tensor([0, 1, 2, 3])
    imported = load_generator(run.files.generator_file)
    for own, original, inputs in (
        (run.generator(), average, latents),
        (run.generator(raw=True), raw, latents),
        (imported, average, latents),
        (run.system().discriminator.eval(), critic, images),
    ):
        state = own.state_dict()
        assert state.keys() == original.state_dict().keys()
        assert all(torch.equal(value, state[name]) for name, value in original.state_dict().items())
        expected = original(inputs, labels)
        assert (own(inputs, labels) - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize("case", CASES)
def test_a_snapshot_of_stylegan2_becomes_a_run_with_its_networks(case):
    networks = write_stylegan2(case)
    assert_same_networks(import_network("snapshot.pkl", "imported"), *networks)


def stylegan3(case):
    """Return the networks, and a snapshot of them."""
    classes, options = STYLEGAN3[case]
    facts, shape = DataFacts("images", 16, 3, classes), {"channels": 4, "max_channels": 8}
    options = {**options, **shape, "magnitude_decay": 0.99, "conditional": classes > 0}
    made = [foreign.scrambled(StyleGAN3Generator(facts, 6, 5, **options)) for _ in range(2)]
    for network in made:
        for layer in network.layers:
            layer.magnitude.mean_square.abs_()
    conditioning = "projection" if classes else "none"
    critic = foreign.scrambled(StyleGAN2Discriminator(facts, **shape, conditioning=conditioning))
    snapshot = {key: foreign.stylegan3_generator(each, 4, 8) for key, each in zip(("G", "G_ema"), made, strict=True)}
    return (*made, critic), snapshot | {"D": foreign.stylegan2_discriminator(critic, 16)}


@pytest.mark.parametrize("case", STYLEGAN3)
def test_a_snapshot_of_stylegan3_becomes_a_run_with_its_networks(case):
    networks, snapshot = stylegan3(case)
    foreign.write(Path("three.pkl"), snapshot)
    run = import_network("three.pkl", "imported")
    assert_same_networks(run, *networks)
    assert run.generator().layers[0].magnitude.decay == pytest.approx(0.99)


def test_what_stylegan3_cannot_have_here_is_refused():
    def refused(problem, change):
        _, snapshot = stylegan3("t")
        change(snapshot["G_ema"].synthesis)
        foreign.write(Path("three.pkl"), snapshot)
        with pytest.raises(ConfigError, match=problem):
            import_network("three.pkl", "imported")

    refused("another filter than here: synthesis.L2", lambda part: next(  # the third layer
        layer for name, layer in part.named_children() if name.startswith("L2")).up_filter.data.mul_(1.1))  # fmt: skip
    refused("another filter than here: synthesis.input.transform", lambda part: part.input.transform.data.mul_(2))
    refused("without all of its layers", lambda part: part._modules.pop("L3_36_4"))
    refused("another scale of images", lambda part: part.__dict__.update(output_scale=1.0))
    assert not Path("imported").exists()


@pytest.mark.parametrize("case", R3GAN)
def test_a_snapshot_of_r3gan_becomes_a_run_with_its_networks(case):
    (channels, most), classes = R3GAN[case]
    facts = DataFacts("images", 16, 3, classes)
    shape = {"channels": min(channels, most), "max_channels": max(channels, most), "group_width": 4}
    made = [R3GANGenerator(facts, 6, **shape, conditional=classes > 0) for _ in range(2)]
    made.append(R3GANDiscriminator(facts, **shape, conditioning="projection" if classes else "none"))
    raw, average, critic = map(foreign.scrambled, made)
    snapshot = {"G": raw, "G_ema": average, "D": critic}
    foreign.write(Path("r3.pkl"), {key: foreign.r3gan(each, key == "D", 3, 2) for key, each in snapshot.items()})
    assert_same_networks(import_network("r3.pkl"), raw, average, critic)
    assert Path("outputs/imported/r3/record.json").exists()


def test_an_imported_run_is_sampled_evaluated_and_begun_with(call):
    write_stylegan2("config-f")
    code, out, err = call(command, "snapshot.pkl", "output=imported")
    assert code == 0, err
    assert "StyleGAN2, ema, generator, discriminator" in out
    digest = hashlib.sha256(Path("snapshot.pkl").read_bytes()).hexdigest()
    images = Path("images")
    images.mkdir()
    for index in range(60):
        Image.effect_noise((16, 16), 10 + index).convert("RGB").save(images / f"{index}.png")
    code, _, err = call(sample, "run=imported", "output=truncation", "file=sheet.png")
    assert code == 0, err
    small = ["metrics.extractors.native.width=4", "metrics.extractors.native.training_images=60", "metrics.samples=40"]
    data = ["dataset=image_folder", "dataset.root=images"]
    code, out, err = call(evaluate_command, "run=imported", *data, *small)
    assert (code, "FID" in out) == (0, True), err
    code, _, err = call(evaluate_command, "run=imported", "dataset=digits", *small)
    assert (code, "dataset: its images have 1 x 8 x 8 values, those of the run 3 x 16 x 16" in err) == (2, True), err
    code, _, err = call(evaluate_command, "run=imported", *small)
    assert (code, "an imported network comes without images" in err) == (2, True), err
    shape = ["channels=4", "max_channels=8"]
    networks = ["generator.latent_dim=6", "generator.style_dim=5", "generator.mapping_layers=8"]
    networks += [f"{name}.{option}" for name in ("generator", "discriminator") for option in shape]
    overrides = ["model=stylegan2", *(f"model.{option}" for option in networks), "metrics=none", "init_from=imported"]
    own = [line for line in tiny_overrides("metrics=none") if not line.startswith("model.")]
    run = train([*own, *overrides, *data, "init.strict=true", "batch_size=4", "budget.images=4"])
    assert run.record["init_from"]["imported"]["sha256"] == digest
    with pytest.raises(ConfigError, match="comes without images"):
        evaluate("imported", metrics="native", samples=40)


def test_snapshots_that_do_not_fit_are_refused_in_a_line_and_nothing_is_written(call):
    _, average, _ = write_stylegan2("config-f")
    tree = foreign.stylegan2_generator(average)
    cases = {}

    def snapshot(name, problem, **networks):
        foreign.write(Path(f"{name}.pkl"), networks)
        cases[f"{name}.pkl"] = problem

    snapshot("empty", "holds no G_ema and no G")
    snapshot(
        "other",
        "holds a generator of a: a family that is not known",
        G=foreign.tree(foreign.Plain, {"a.b": torch.ones(2)}),
    )
    snapshot("text", "something else where a network should be", G="network")
    del tree.synthesis.b8._modules["torgb"]
    snapshot("lacking", "of a network that differs", G_ema=tree)
    three = foreign.tree(foreign.Plain, {"synthesis.input.weight": torch.ones(2), "mapping.fc0.weight": torch.ones(2)})
    snapshot("three", "of a generator without all of its layers", G=three)
    tree = foreign.stylegan2_generator(average)
    tree.synthesis.b8.conv0.resample_filter.mul_(2)
    snapshot("filtered", "another filter", G_ema=tree)
    Path("old.pkl").write_bytes(pickle.dumps(("G", "D", "Gs")))
    Path("cut.pkl").write_bytes(Path("snapshot.pkl").read_bytes()[:5000])
    Path("words.pkl").write_text("no pickle at all")
    Path("zero.pkl").write_bytes(b"")
    cases |= {"old.pkl": "of TensorFlow", "cut.pkl": "cut off", "words.pkl": "no pickle", "zero.pkl": "cannot be read"}
    cases["absent.pkl"] = "file: there is no file or folder absent.pkl"
    for file, problem in cases.items():
        code, _, err = call(command, file, "output=imported")
        assert (code, problem in err, "1 problem" in err, "Traceback" in err) == (2, True, True, False), (file, err)
    assert not Path("imported").exists()
    Path("imported").mkdir()
    code, _, err = call(command, "snapshot.pkl", "output=imported")
    assert (code, "exists and is not overwritten" in err) == (2, True)


def test_weights_of_a_network_here_are_refused_with_what_begins_a_run(call):
    state = {"linear.weight": torch.ones(2, 2), "linear.bias": torch.ones(2)}
    torch.save(state, "mine.pth")
    save_file(state, "mine.safetensors")
    ways = {
        "mine.pth": "no known state dict (StudioGAN, torchgan, BigGAN-deep); save those of a network here with "
        "safetensors.torch.save_file(generator.state_dict(), 'mine.safetensors'), then "
        "gan-train init_from=mine.safetensors\n",
        "mine.safetensors": "if they are of a generator here: gan-train init_from=mine.safetensors\n",
    }
    for file, way in ways.items():
        code, _, err = call(command, file, "output=imported")
        assert (code, err.endswith(way), "1 problem" in err) == (2, True, True), err


def test_a_word_is_the_file_and_no_value_of_a_flag_is(call):
    code, out, err = call(command, "--cfg", "job", "it's mine.pkl")
    assert code == 0, err
    assert "file: it's mine.pkl" in out
    code, _, err = call(command, "one.pkl", "two.pkl")
    assert (code, "file: " in err) == (2, True)
    code, _, err = call(command, "one.pkl", "file=two.pkl")
    assert (code, "file: given twice: one.pkl and file=two.pkl" in err) == (2, True)


def test_an_output_in_the_home_folder_is_looked_for_there(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "there").mkdir(parents=True)
    with pytest.raises(ConfigError, match="there exists and is not overwritten"):
        import_network("network.pkl", "~/there")


def test_an_import_that_is_cut_off_leaves_nothing_and_can_be_repeated(monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    write_stylegan2("cifar")
    with monkeypatch.context() as patch:
        patch.setattr("gan_experiments.training.callbacks.checkpoint.save_generator", fail)
        with pytest.raises(KeyboardInterrupt):
            import_network("snapshot.pkl", "made/run")
    assert not list(Path("made").iterdir())
    assert import_network("snapshot.pkl", "made/run").status == "finished"
