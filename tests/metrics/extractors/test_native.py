import dataclasses
import json
import threading
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from drawn import write_shards
from safetensors import safe_open

from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.shards.dataset import Shards
from gan_experiments.metrics.extractors import native
from gan_experiments.metrics.extractors.native import NativeClassifier


def source(size=8, channels=1, labelled=True, count=200):
    """Two classes that are easy to tell: dark and bright."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (count,), generator=generator)
    noise = torch.randint(0, 100, (count, channels, size, size), generator=generator)
    images = (noise + 100 * labels.view(-1, 1, 1, 1)).to(torch.uint8)
    facts = DataFacts("brightness", size, channels, num_classes=2 * labelled)
    given, trained = labels if labelled else None, torch.ones(count, dtype=torch.bool)
    fingerprint = f"{size}{channels}{labelled}"
    return SimpleNamespace(facts=facts, images=images, labels=given, trained=trained, fingerprint=fingerprint)


def small(folder, **options):
    return NativeClassifier(width=4, cache_dir=str(folder), **{"training_images": 3000, **options})


def file(folder):
    (found,) = (folder / "native").glob("*.safetensors")
    return found


@pytest.fixture
def trainings(monkeypatch):
    """Count how often a classifier is trained."""
    counted, train = [], native._train_and_test
    monkeypatch.setattr(native, "_train_and_test", lambda *args: counted.append(1) or train(*args))
    return counted


@pytest.mark.slow
def test_digits_are_classified():
    extractor = NativeClassifier()  # from the cache that the tests share, if another of them has trained it
    data = Digits()
    extractor.prepare(data)
    assert extractor.accuracy > 0.97
    features, logits = extractor(data.images)
    assert features.shape == (1797, extractor.num_features)
    assert features.dtype == torch.float32
    assert (logits.argmax(1) == data.labels).float().mean() > 0.97
    # No feature is dead or says what the others say: the covariance has full rank.
    assert torch.linalg.matrix_rank(torch.cov(features.T.double())) == extractor.num_features


@pytest.mark.parametrize("size", [8, 11, 16, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_and_colour(tmp_path, size, channels):
    extractor, data = small(tmp_path, training_images=128), source(size, channels)
    extractor.prepare(data)
    features, logits = extractor(data.images[:5])
    assert features.shape == (5, 16)
    assert logits.shape == (5, 2)


def test_second_time_comes_from_the_cache(tmp_path, trainings):
    first, second, data = small(tmp_path), small(tmp_path), source()
    first.prepare(data)
    first.prepare(data)
    second.prepare(data)
    assert len(trainings) == 1
    assert first.provenance() == second.provenance()
    assert first.accuracy > 0.9
    assert torch.equal(first(data.images)[0], second(data.images)[0])


def test_training_is_said_before_it_begins_and_only_where_it_happens(tmp_path, monkeypatch, capsys):
    said = []
    monkeypatch.setattr(native, "_train_and_test", lambda *_: said.append(capsys.readouterr().err) or 0.5)
    small(tmp_path).prepare(source())
    assert said == ["training a classifier on brightness for FID and IS, once (3,000 images)\n"]
    small(tmp_path).prepare(source())
    assert capsys.readouterr().err == ""


def test_training_is_a_function_of_data_and_recipe_alone(tmp_path):
    provenances = []
    surroundings = [nullcontext(), torch.no_grad(), torch.inference_mode(), torch.autocast("cpu")]
    for index, surrounding in enumerate(surroundings):
        torch.manual_seed(index)
        extractor = small(tmp_path / str(index))
        with surrounding:
            extractor.prepare(source())
        provenances.append(extractor.provenance())
    assert all(provenance == provenances[0] for provenance in provenances)


def test_training_leaves_the_ambient_stream_alone(tmp_path):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    small(tmp_path).prepare(source())
    assert torch.equal(torch.rand(3), expected)


def test_another_recipe_or_dataset_is_another_file(tmp_path):
    extractors = [small(tmp_path), small(tmp_path, training_images=3001), small(tmp_path), NativeClassifier(8, 3000)]
    extractors[3]._cache_dir = str(tmp_path)
    for extractor, data in zip(extractors, [source(), source(), source(16), source()], strict=True):
        extractor.prepare(data)
    assert len(list((tmp_path / "native").glob("*.safetensors"))) == 4


def test_numbers_of_images_beside_the_training_data_are_other_files(tmp_path, monkeypatch):
    pytest.importorskip("webdataset")
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path / "cache"))
    urls, hashes = write_shards(tmp_path / "data"), []
    for folder, counts in (("first", (20, 60)), ("second", (60, 20))):
        extractors = [small(tmp_path / folder, training_images=128) for _ in counts]
        for extractor, count in zip(extractors, counts, strict=True):
            extractor.prepare(Shards(urls, reference_images=count))
        hashes.append([extractor.weight_hash for extractor in extractors])
    assert hashes[0] == hashes[1][::-1]
    assert hashes[0][0] != hashes[0][1]


def test_file_says_what_it_is(tmp_path):
    extractor, data = small(tmp_path), source()
    extractor.prepare(data)
    assert file(tmp_path).name.startswith("brightness-")
    with safe_open(file(tmp_path), framework="pt") as opened:
        metadata = opened.metadata()
    assert float(metadata["accuracy"]) == extractor.accuracy
    assert metadata["weights"] == extractor.weight_hash
    assert json.loads(metadata["recipe"])["data"] == data.fingerprint
    assert not list((tmp_path / "native").glob("*.tmp"))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_damaged_file_is_made_again_with_a_warning(tmp_path, damage, trainings):
    intact, data = small(tmp_path), source()
    intact.prepare(data)
    content = bytearray(file(tmp_path).read_bytes())
    if damage == "flipped":
        content[-1] ^= 0x40
    content = {"truncated": content[:-9], "flipped": content, "empty": b"", "text": b"no tensors here"}[damage]
    file(tmp_path).write_bytes(content)
    again = small(tmp_path)
    with pytest.warns(UserWarning, match="is damaged: the classifier is trained again") as caught:
        again.prepare(data)
    assert len(caught) == 1
    assert len(trainings) == 2
    assert again.weight_hash == intact.weight_hash
    small(tmp_path).prepare(data)
    assert len(trainings) == 2


def test_of_two_at_once_one_trains(tmp_path, trainings):
    extractors, data = [small(tmp_path), small(tmp_path)], source()
    threads = [threading.Thread(target=extractor.prepare, args=(data,)) for extractor in extractors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(trainings) == 1
    assert extractors[0].weight_hash == extractors[1].weight_hash


def test_unlabelled_images_get_a_fixed_random_network(tmp_path, trainings):
    first, second, data = small(tmp_path), small(tmp_path), source(labelled=False)
    first.prepare(data)
    second.prepare(data)
    assert first.name == "random"
    assert first.provenance() == second.provenance()
    assert first.accuracy is None
    features, logits = first(data.images)
    assert features.shape == (200, 16)
    assert logits is None
    assert not trainings


def test_cache_folder_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_EXPERIMENTS_CACHE", str(tmp_path))
    NativeClassifier(width=4, training_images=128).prepare(source())
    assert file(tmp_path)


def test_images_before_preparation_are_refused():
    with pytest.raises(RuntimeError, match="prepare"):
        NativeClassifier()(torch.zeros(1, 1, 8, 8, dtype=torch.uint8))


def test_weights_take_no_gradient_and_do_not_move(tmp_path):
    extractor, data = small(tmp_path), source()
    extractor.prepare(data)
    before = extractor.weight_hash
    extractor.train()
    extractor(data.images)
    assert not any(parameter.requires_grad for parameter in extractor.parameters())
    assert native.hash_weights(extractor._network.state_dict()) == before


def test_facts_are_all_it_asks_of_a_dataset(tmp_path):
    data = source()
    renamed = SimpleNamespace(**{**vars(data), "facts": dataclasses.replace(data.facts, name="renamed")})
    small(tmp_path).prepare(renamed)
    assert file(tmp_path).name.startswith("renamed-")


def test_a_handful_of_images_has_one_to_test_on(tmp_path):
    data = Digits()
    images, labels = data.images[:4], data.labels[:4]
    few = SimpleNamespace(facts=data.facts, images=images, labels=labels, trained=data.trained[:4], fingerprint="few")
    extractor = small(tmp_path, training_images=1)
    extractor.prepare(few)
    assert extractor.accuracy in (0, 1)


def test_too_few_images_to_train_and_test_on_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="native needs at least 3 images; brightness has 2"):
        small(tmp_path).prepare(source(count=2))
    small(tmp_path, training_images=1).prepare(source(count=3))
