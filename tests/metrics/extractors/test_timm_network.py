"""Networks of timm with random weights: no machine here has the published ones."""

import re
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image
from pixels import noise, source
from safetensors.torch import save_file
from torch.nn.functional import interpolate

from gan_experiments.core.types import ConfigError
from gan_experiments.core.weights import WeightsMissingError
from gan_experiments.metrics.extractors.base import versions
from gan_experiments.metrics.extractors.timm_network import TimmNetwork

pytestmark = pytest.mark.skipif(find_spec("timm") is None, reason="needs timm")  # to import it takes a while

MODEL = "test_vit.r160_in1k"


def random_weights(model, folder):
    """Write the weights of a network whose biases and normalizations do something; return both."""
    timm = pytest.importorskip("timm")
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        network = timm.create_model(model).eval()
        for values in network.parameters():
            values += 0.1 * torch.randn(values.shape)
    path = folder / f"{model}.safetensors"
    save_file(network.state_dict(), path)
    return network, path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return random_weights(MODEL, tmp_path_factory.mktemp("weights"))


def prepared(path, data, model=MODEL, **options):
    extractor = TimmNetwork(model, str(path), batch_size=2, **options)
    extractor.prepare(data)
    return extractor


def by_hand(images, size, crop, mean, std):
    """Return images resized by Pillow on 8 bits, their middle, normalized, in NumPy."""
    pictures = []
    for image in images:
        picture = Image.fromarray(image.permute(1, 2, 0).numpy()).resize((size, size), Image.Resampling.BICUBIC)
        border = round((size - crop) / 2)
        pixels = np.asarray(picture, dtype=np.float64)[border : border + crop, border : border + crop] / 255
        pictures.append((pixels - mean) / std)
    return torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2)).float()


def test_features_and_logits_are_those_of_the_network_and_the_preparation(small):
    network, path = small
    data = noise(size=40)
    extractor = prepared(path, data)
    with torch.no_grad():
        features, logits = extractor(data.images)
        expected = network(by_hand(data.images, 168, 160, 0.5, 0.5))  # 160 / 0.95, rounded down
        assert torch.allclose(logits, expected, atol=1e-4)
        assert torch.allclose(network.head(features), expected, atol=1e-4)
        output, none = prepared(path, data, features="output")(data.images)
        grey = extractor(data.images[:, :1])[0]
        coloured = extractor(data.images[:, :1].repeat(1, 3, 1, 1))[0]
    assert features.shape == (3, extractor.num_features) == (3, 64)
    assert torch.equal(output, logits)
    assert none is None
    assert torch.equal(grey, coloured)
    assert features.std() > 0.1


def test_stretched_images_and_positions_as_dgm_eval_has_them_for_dinov2(small, tmp_path):
    """Position embeddings are resampled without antialiasing, by a scale with an offset."""
    state = small[0].state_dict()
    state["pos_embed"] = torch.randn(state["pos_embed"].shape, generator=torch.Generator().manual_seed(1))
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    grid = state["pos_embed"][:, 1:].view(1, 10, 10, 64).permute(0, 3, 1, 2)
    grid = interpolate(grid, scale_factor=(6.1 / 10, 6.1 / 10), mode="bicubic", antialias=False)
    positions = torch.cat([state["pos_embed"][:, :1], grid.permute(0, 2, 3, 1).reshape(1, 36, 64)], 1)
    reference = pytest.importorskip("timm").create_model(MODEL, img_size=96).eval()
    reference.load_state_dict(state | {"pos_embed": positions})
    data = noise(size=32)
    data.images = data.images[:, :, :24]  # not square
    found = {
        how: prepared(path, data, features="output", image_size=96, crop="squash", crop_share=1.0, positions=how)
        for how in ("dinov2", "timm")
    }
    with torch.no_grad():
        expected = reference(by_hand(data.images, 96, 96, 0.5, 0.5))
        assert torch.allclose(found["dinov2"](data.images)[0], expected, atol=1e-4)
        assert not torch.allclose(found["timm"](data.images)[0], expected, atol=1e-2)  # another protocol


def test_the_preparation_is_in_the_provenance(small):
    _, path = small
    data = noise(size=40)
    provenance = prepared(path, data, image_size=192, crop="squash", crop_share=1.0).provenance()
    assert provenance["name"] == MODEL
    assert provenance["preparation"] == {
        "resize": "Pillow, 8 bits", "input_size": (3, 192, 192), "interpolation": "bicubic", "crop_mode": "squash",
        "crop_pct": 1.0, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5),
    }  # fmt: skip
    assert (provenance["features"], provenance["positions"]) == ("embedding", "timm")
    assert provenance["weights"] != prepared(path, data).provenance()["weights"]  # resampled positions
    assert {"timm", "pillow"} <= versions([prepared(path, data)]).keys()


def test_weights_are_found_in_the_cache_and_never_downloaded(small, tmp_path, monkeypatch):
    _, path = small
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    target = tmp_path / "weights" / f"{MODEL}.safetensors"
    source_of_them = r"model\.safetensors of https://huggingface\.co/timm/test_vit\.r160_in1k at "
    with pytest.raises(WeightsMissingError, match=source_of_them + re.escape(str(target))):
        TimmNetwork(MODEL).prepare(noise())
    target.parent.mkdir()
    target.write_bytes(path.read_bytes())
    extractor = TimmNetwork(MODEL)
    extractor.prepare(noise())
    assert extractor.weight_hash


def test_wrong_names_weights_and_data_are_refused(small, tmp_path):
    with pytest.raises(ConfigError, match=r"timm has no model 'vit_huge' with weights \(similar: .*vit_"):
        TimmNetwork("vit_huge")
    with pytest.raises(ConfigError, match="timm has no model 'hf-hub:some/thing' with weights"):
        TimmNetwork("hf-hub:some/thing")
    _, path = small
    with pytest.raises(ConfigError, match=r"metrics\.weights: .* of another network than test_resnet"):
        prepared(path, noise(), "test_resnet.r160_in1k")
    wrong = tmp_path / "wrong.safetensors"
    save_file({"fc.weight": torch.zeros(2)}, wrong)
    with pytest.raises(
        ConfigError, match=r"metrics\.weights: .*wrong\.safetensors holds the weights of another network"
    ):
        prepared(wrong, noise(), positions="dinov2")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ConfigError, match=r"metrics\.weights: .*damaged\.safetensors cannot be read"):
        prepared(damaged, noise())
    data = source()
    data.images = torch.zeros(4, 2, 1, 1)
    with pytest.raises(ConfigError, match="holds points"):
        prepared(path, data)


def test_random_numbers_of_others_stay_as_they_are(small):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    prepared(small[1], noise())
    assert torch.equal(torch.rand(2), expected)
