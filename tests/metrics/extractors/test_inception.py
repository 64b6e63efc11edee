"""The Inception network with random weights of the right shapes: no machine here has the published ones."""

import hashlib
import io

import numpy as np
import pytest
import torch
from PIL import Image
from pixels import source
from torch.nn.functional import interpolate

from gan_experiments.core import weights
from gan_experiments.core.types import ConfigError
from gan_experiments.core.weights import WeightsMissingError, hash_weights
from gan_experiments.metrics.extractors.base import versions
from gan_experiments.metrics.extractors.inception import Inception, prepare_pixels, resize_tf1
from gan_experiments.metrics.feature_set import FeatureSet
from gan_experiments.metrics.fid import FID
from gan_experiments.metrics.inception_score import inception_score
from gan_experiments.metrics.moments import Moments

fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    """Write a state dict whose activations neither vanish nor explode, and whose batch norms do something."""

    class Blank(fidelity.FeatureExtractorInceptionV3):
        def load_state_dict(self, *_):
            pass

    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    network = Blank("inception", ["2048"], feature_extractor_weights_path=empty)
    generator = torch.Generator().manual_seed(0)
    for name, values in network.state_dict().items():
        if name.endswith("conv.weight"):
            fan_in = values[0].numel()
            values.copy_(torch.randn(values.shape, generator=generator) * (2 / fan_in) ** 0.5)
        elif "bn" in name and values.is_floating_point():
            shift = 0.5 if name.endswith(("weight", "var")) else -0.1
            values.copy_(torch.rand(values.shape, generator=generator) + shift)
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def colours(images):
    data = source(count=4)
    data.images = images
    return data


def prepared(file, images, **options):
    extractor = Inception(str(file), **options)
    extractor.prepare(colours(images))
    return extractor


@pytest.fixture(scope="module")
def tf1(file, images):
    return prepared(file, images)


@pytest.fixture(scope="module")
def found(images, tf1):
    """Return the features and logits of the images, which take a second."""
    return tf1(images)


def relative(found, expected):
    return ((found - expected).norm(dim=0) / expected.norm(dim=0).clamp_min(1e-12)).max()


@pytest.fixture(scope="module")
def theirs(file):
    return fidelity.FeatureExtractorInceptionV3("theirs", ["2048", "logits_unbiased"], str(file))


def test_features_and_logits_are_those_of_torch_fidelity(images, theirs, found):
    features, logits = found
    expected = theirs(images)
    assert expected[0].std() > 0.1
    assert relative(features, expected[0]) < 1e-3
    assert relative(logits, expected[1]) < 1e-3


def test_fid_and_inception_score_are_those_of_torch_fidelity(theirs, tf1):
    """Of four features, whose covariance has full rank with so few images."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_isc import isc_features_to_metric

    generator = torch.Generator().manual_seed(1)
    ours, their_statistics, their_logits = [], [], []
    for brightest in (1, 0.6):
        colours_of_each = torch.rand(5, 3, 1, 1, generator=generator) * brightest
        shown = (255 * colours_of_each * torch.rand(5, 3, 32, 32, generator=generator)).to(torch.uint8)
        features, logits = theirs(shown)
        their_statistics.append(fid_features_to_statistics(features[:, :4].double()))
        their_logits.append(logits)
        features, logits = tf1(shown)
        moments = Moments(4)
        moments.update(features[:, :4].double())
        ours.append(FeatureSet(moments, logits=logits))
    expected = fid_statistics_to_metric(*their_statistics, verbose=False)["frechet_inception_distance"]
    assert FID().compare(*ours, seed=0)["fid"] == pytest.approx(expected, rel=1e-4)
    # To a random network all images are of about one class: what they have in common is taken away.
    common = their_logits[1].mean(0)
    apart, own_apart = (10 * (logits - common) for logits in (their_logits[1], ours[1].logits))
    expected = isc_features_to_metric(apart, splits=1, shuffle=False)["inception_score_mean"]
    assert expected > 1.05
    assert inception_score(own_apart, 1, 0)[0] == pytest.approx(expected, rel=1e-4)


def test_the_antialiased_variant_is_that_of_torchmetrics(file, images, found):
    from torchmetrics.image.fid import NoTrainInceptionV3

    theirs = NoTrainInceptionV3("theirs", ["2048"], str(file))  # whose default it is
    other = prepared(file, images, resize="antialiased")
    assert other.name == "inception_antialiased"
    features, _ = other(images)
    assert relative(features, theirs(images)) < 1e-3
    assert relative(features, found[0]) > 1e-2  # another protocol


def test_batches_do_not_matter_and_grey_is_three_equal_channels(file, images, tf1):
    one = Inception(str(file), batch_size=1)
    one._network = tf1._network
    grey = images[:, :1]
    together = tf1(grey)[0]
    assert torch.allclose(one(grey)[0], together, rtol=1e-4, atol=1e-5)
    assert torch.equal(tf1(grey.repeat(1, 3, 1, 1))[0], together)


@pytest.mark.parametrize("size", [28, 32, 64, 299, 300])
def test_resize_is_that_of_torch_fidelity(size):
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    pixels = torch.randint(0, 256, (2, 3, size, size), generator=torch.Generator().manual_seed(0)).float()
    theirs = interpolate_bilinear_2d_like_tensorflow1x(pixels, size=(299, 299), align_corners=False)
    assert torch.allclose(resize_tf1(pixels, 299), theirs, atol=1e-3, rtol=0)


def as_pytorch_fid_has_it(image):
    """``ToTensor``, then ``InceptionV3.forward`` of pytorch-fid."""
    pixels = interpolate(image[None].double() / 255, size=(299, 299), mode="bilinear", align_corners=False)
    return (2 * pixels - 1)[0]


def as_clean_fid_has_it(image):
    """``make_resizer("PIL", False, "bicubic", ...)``, and the scale of ``InceptionV3W``, of clean-fid."""
    resized = [
        np.asarray(Image.fromarray(channel).resize((299, 299), Image.Resampling.BICUBIC)).clip(0, 255)
        for channel in image.numpy().astype(np.float32)
    ]
    return (torch.from_numpy(np.stack(resized)).double() - 128) / 128


@pytest.mark.parametrize("size", [28, 64, 512])
@pytest.mark.parametrize(
    ("resize", "theirs"), [("pytorch_fid", as_pytorch_fid_has_it), ("clean_fid", as_clean_fid_has_it)]
)
def test_the_resizes_of_others(resize, theirs, size):
    image = torch.randint(0, 256, (3, size, size + 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    assert torch.allclose(prepare_pixels(image[None].float(), resize)[0].double(), theirs(image), atol=1e-4, rtol=0)


def test_each_resize_has_a_name_and_pixels_of_its_own(file, images):
    resizes = ("tf1", "antialiased", "pytorch_fid", "clean_fid")
    names = [Inception(str(file), resize=resize).name for resize in resizes]
    assert names == ["inception", "inception_antialiased", "inception_pytorch_fid", "inception_clean_fid"]
    half = torch.nn.functional.pad(images.float(), (0, 600, 0, 600))  # larger than 299 pixels: antialiasing matters
    pixels = [prepare_pixels(half, resize) for resize in resizes]
    assert all((one - other).abs().max() > 0.1 for i, one in enumerate(pixels) for other in pixels[:i])


def test_spatial_features_are_the_first_channels_of_a_convolution_in_the_middle(file, images, theirs):
    """``mixed_6/conv`` in the graph of TensorFlow, as the code of Dhariwal & Nichol reads it."""
    extractor = prepared(file, images, features="spatial")
    features, logits = extractor(images)
    maps = []
    hook = theirs.Mixed_6d.branch1x1.register_forward_hook(lambda _, __, output: maps.append(output))
    theirs(images)
    hook.remove()
    assert features.shape == (2, extractor.num_features) == (2, 7 * 17 * 17)
    expected = maps[0][:, :7].flatten(1)
    assert (features - expected).norm() < 1e-4 * expected.norm()
    assert features.std() > 0.01
    assert logits is None
    assert extractor.provenance()["name"] == "inception_spatial"


def test_bfloat16_tells_its_drift_and_has_statistics_of_its_own(file, images, tf1, found):
    half = prepared(file, images, precision="bfloat16")
    features, _ = half(images)
    assert features.dtype == torch.float32
    drift = ((features - found[0]).norm() / found[0].norm()).item()
    assert half.provenance()["drift"] == pytest.approx(drift, rel=0.05)
    assert 1e-4 < drift < 0.1
    assert half.provenance()["precision"] == "bfloat16"
    assert half.provenance() != tf1.provenance()  # which is what statistics of real images are kept by


def test_provenance(tf1, file):
    provenance = tf1.provenance()
    assert provenance["name"] == "inception"
    assert "torch-fidelity" in versions([tf1])
    assert "torch-fidelity" not in versions([])
    assert (provenance["resize"], provenance["precision"], provenance["published"]) == ("tf1", "float32", False)
    state = torch.load(file, weights_only=True)
    assert provenance["weights"] == hash_weights(state)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: state.pop("fc.weight"), r"1 missing \(fc.weight ...\)"),
        (lambda state: state.update(head=torch.ones(1)), r"1 unknown \(head ...\)"),
        (lambda state: state.update({"fc.weight": torch.ones(1000, 2048)}), r"1 of another shape \(fc.weight ...\)"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, file, images, change, told):
    state = torch.load(file, weights_only=True)
    change(state)
    path = tmp_path / "other.pth"
    torch.save(state, path)
    with pytest.raises(ConfigError, match=f"another network than Inception: {told}"):
        prepared(path, images)


def test_damaged_files_and_code_are_refused(tmp_path, images):
    path = tmp_path / "file.pth"
    path.write_bytes(b"nothing")
    with pytest.raises(ConfigError, match=r"metrics\.weights: .*(damaged|cannot be read)"):
        prepared(path, images)
    torch.save(torch.nn.Linear(1, 1), path)
    with pytest.raises(ConfigError, match="damaged, or holds code"):
        prepared(path, images)
    torch.save([torch.ones(1)], path)
    with pytest.raises(ConfigError, match="not a state dict"):
        prepared(path, images)
    with pytest.raises(ConfigError, match="there is no file"):
        prepared(tmp_path / "absent.pth", images)


def test_points_are_refused(file):
    data = colours(torch.zeros(4, 2, 1, 1))
    with pytest.raises(ConfigError, match="pixels holds points"):
        Inception(str(file)).prepare(data)


@pytest.fixture
def network_down(monkeypatch):
    def refuse(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(weights, "download_url_to_file", refuse)


def test_without_file_and_network_the_error_says_what_to_put_where(network_down, monkeypatch, tmp_path, images):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    with pytest.raises(
        WeightsMissingError, match=f"no route to host.*6726825d.pth into {tmp_path}/weights, or name it"
    ):
        Inception().prepare(colours(images))
    assert not list((tmp_path / "weights").glob("*.pth"))


def test_fetched_once_into_the_cache_and_checked(file, monkeypatch, tmp_path, images):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    monkeypatch.setattr(
        "gan_experiments.metrics.extractors.inception._DIGEST", hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    )
    monkeypatch.setattr(fidelity, "URL_INCEPTION_V3", file.as_uri())
    first = Inception()
    first.prepare(colours(images))
    assert first.provenance()["published"]
    assert [path.name for path in (tmp_path / "weights").glob("*.pth")] == [file.name]
    monkeypatch.setattr(weights, "download_url_to_file", None)
    Inception().prepare(colours(images))


def test_a_download_of_another_content_is_not_kept(file, monkeypatch, tmp_path, images):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    monkeypatch.setattr(fidelity, "URL_INCEPTION_V3", file.as_uri())
    with pytest.raises(WeightsMissingError, match="invalid hash value"):
        Inception().prepare(colours(images))
    assert not list((tmp_path / "weights").glob("*.pth"))
