from types import SimpleNamespace

import pytest
import torch

from gan_experiments.core.clock import Clock
from gan_experiments.core.randomness import Stream
from gan_experiments.core.step import TranslationBatch
from gan_experiments.data.datasets.digits import Digits
from gan_experiments.data.inputs import Inputs, StoredInputs
from gan_experiments.data.tasks.base import Task
from gan_experiments.data.tasks.denoise import Denoise

BATCH = 8


class Negative(Task):
    def __call__(self, images, rng):
        return 255 - images


def data_of(task=None, stored=None, paired=True, **options):
    data = Digits(**{"seed": 1, **options})
    load = None if stored is None else (lambda: stored(data.images))
    data.inputs = Inputs(data, 1, paired, task, load)
    return data


def batches(data, paired=True, seen=0, rank=0, processes=1, count=4):
    """Return the first batches that a system is given."""
    module = SimpleNamespace(clock=Clock(BATCH, 10**6, seen), seed=3, translates=True, paired=paired)
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    data.trainer = SimpleNamespace(lightning_module=module, world_size=processes, global_rank=rank, strategy=strategy)
    iterator = iter(data.train_dataloader())
    return [next(iterator) for _ in range(count)]


SOURCES = {
    "derived": lambda **options: data_of(Negative(), **options),
    "stored": lambda **options: data_of(stored=lambda images: StoredInputs(255 - images), **options),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("options", [{}, {"limit": 100}, {"horizontal_flip": True, "random_crop": 2}])
def test_a_pair_is_cropped_and_flipped_in_one_way(source, options):
    for images, inputs in batches(SOURCES[source](**options)):
        assert torch.equal(inputs, 255 - images)


@pytest.mark.parametrize("source", SOURCES)
def test_a_system_that_needs_no_pairs_gets_none(source):
    data = SOURCES[source](limit=400)
    seen = batches(data, paired=False, count=50)
    images, inputs = (torch.cat(part) for part in zip(*seen, strict=True))
    same = (inputs == 255 - images).flatten(1).all(1)
    assert same.double().mean() < 0.1
    # Both are the training images, each once in an epoch.
    kept = {image.numpy().tobytes() for image in data.images[data.training]}
    assert {image.numpy().tobytes() for image in images} == kept
    assert {(255 - image).numpy().tobytes() for image in inputs} == kept


def test_images_and_inputs_are_held_on_the_gpu_only_if_both_fit(monkeypatch):
    data = data_of(stored=lambda images: StoredInputs(255 - images))
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (3 * data.images.nbytes, 0))
    fetch, immediate = data.fetch(torch.device("cuda"))
    assert not immediate
    assert fetch(torch.arange(2)).images.device.type == "cpu"


def test_an_own_number_of_inputs_has_an_order_of_its_own():
    data = data_of(stored=lambda images: StoredInputs(images[:20], training=torch.arange(16)), paired=False)
    inputs = torch.cat([each.inputs for each in batches(data, paired=False, count=2)])
    assert sorted(x.numpy().tobytes() for x in inputs) == sorted(x.numpy().tobytes() for x in data.images[:16])
    assert sorted(data.inputs.tested.tolist()) == [16, 17, 18, 19]


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("task", [Denoise(), None])
def test_batches_go_on_anywhere_and_two_processes_share_them(task, paired):
    data = data_of(task, None if task else (lambda images: StoredInputs(255 - images)), horizontal_flip=True)
    whole = batches(data, paired)
    for later, batch in zip(batches(data, paired, seen=2 * BATCH, count=2), whole[2:], strict=True):
        assert all(torch.equal(*both) for both in zip(later, batch, strict=True))
    halves = [batches(data, paired, rank=rank, processes=2) for rank in (0, 1)]
    for one, two, batch in zip(*halves, whole, strict=True):
        assert all(torch.equal(torch.cat(parts), all_) for *parts, all_ in zip(one, two, batch, strict=True))
    assert isinstance(whole[0], TranslationBatch)


def test_noise_is_new_whenever_an_image_is_shown():
    data = data_of(Denoise(), limit=BATCH)
    first, second = (sorted(x.numpy().tobytes() for x in each.inputs) for each in batches(data, count=2))
    assert first != second


def test_an_evaluation_derives_the_input_of_an_image_from_its_index_alone():
    data = data_of(Denoise())
    chosen = torch.tensor([5, 9, 700])
    inputs = data.inputs.of(chosen)
    assert torch.equal(inputs[1:2], data.inputs.of(chosen[1:2]))
    assert torch.equal(data.inputs.answers_of(chosen), data.images[chosen])
    assert torch.equal(data.inputs.labels_of(chosen), data.labels[chosen])
    expected = Denoise()(data.images[chosen[:1]], Stream("translation", "task", 5))
    assert torch.equal(inputs[:1], expected)


def test_images_that_are_left_out_of_training_are_tested():
    everything, limited = data_of(Negative()), data_of(Negative(), limit=1000)
    assert sorted(everything.inputs.tested.tolist()) == list(range(1797))
    assert not set(limited.inputs.tested.tolist()) & set(limited.training.tolist())
    assert len(limited.inputs.tested) == 797
    provenance = limited.provenance()["inputs"]
    assert provenance == {"task": "Negative", "tested": 797, "tested_on": "images left out"}
    assert everything.provenance()["inputs"]["tested_on"] == "all inputs"


def test_another_system_gets_the_images_alone():
    data = data_of(Negative())
    module = SimpleNamespace(clock=Clock(BATCH, 100), seed=3)
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    data.trainer = SimpleNamespace(lightning_module=module, world_size=1, global_rank=0, strategy=strategy)
    assert len(next(iter(data.train_dataloader()))) == 2
    assert next(iter(data.train_dataloader())).labels is not None
