import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from gan_experiments.core.checks import ConfigView
from gan_experiments.core.clock import Clock
from gan_experiments.core.contracts import Batch
from gan_experiments.core.types import ConfigError, DataFacts
from gan_experiments.data.base import ImageData
from gan_experiments.data.batches import Batches
from gan_experiments.data.order import Order


class Numbered(ImageData):
    """Image ``i`` is all ``i``, and so is its label."""

    def __init__(self, count=50, labelled=True):
        super().__init__()
        self.count, self.labelled, self.loads = count, labelled, 0

    @property
    def facts(self):
        return DataFacts("numbered", image_size=4, channels=1, num_classes=self.count * self.labelled)

    def load(self):
        self.loads += 1
        numbers = torch.arange(self.count)
        images = numbers.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
        return images, numbers if self.labelled else None


class Recorder(pl.LightningModule):
    """Trains nothing; writes down the batches it is given."""

    def __init__(self, clock, seed=3):
        super().__init__()
        self.automatic_optimization = False
        self.clock, self.seed, self.seen = clock, seed, []
        self.layer = nn.Linear(1, 1)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, batch, batch_idx):
        self.seen.append(batch)
        self.clock.advance()
        self.trainer.should_stop = self.clock.finished


def fit(data, clock):
    module = Recorder(clock)
    quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    trainer = pl.Trainer(
        accelerator="cpu", devices=1, max_epochs=-1, use_distributed_sampler=False, **dict.fromkeys(quiet, False)
    )
    trainer.fit(module, datamodule=data)
    return module, trainer


@pytest.mark.filterwarnings("ignore")
class TestTraining:
    def test_batches_follow_the_order(self):
        module, trainer = fit(Numbered(), Clock(batch_size=16, budget=160))
        labels = torch.cat([batch.labels for batch in module.seen])
        assert torch.equal(labels, Order(50, 3).indices(0, 160))
        assert torch.equal(torch.cat([batch.images for batch in module.seen])[:, 0, 0, 0].long(), labels)
        assert all(type(batch) is Batch and batch.images.dtype == torch.uint8 for batch in module.seen)
        assert type(trainer.train_dataloader) is Batches

    def test_resumed_run_goes_on_where_the_clock_stands(self):
        whole, _ = fit(Numbered(), Clock(batch_size=16, budget=160))
        rest, _ = fit(Numbered(), Clock(batch_size=16, budget=160, images_seen=48))
        assert len(rest.seen) == 7
        for expected, found in zip(whole.seen[3:], rest.seen, strict=True):
            assert torch.equal(expected.images, found.images)

    def test_unlabelled_data_has_no_labels(self):
        module, _ = fit(Numbered(labelled=False), Clock(batch_size=16, budget=16))
        assert module.seen[0].labels is None

    def test_batch_larger_than_the_dataset_is_refused(self):
        expected = r"^batch_size: 64 is larger than the dataset \(numbered has 50 images\)$"
        with pytest.raises(ConfigError, match=expected):
            fit(Numbered(), Clock(batch_size=64, budget=64))

    def test_data_is_read_once(self):
        data = Numbered()
        fit(data, Clock(batch_size=16, budget=16))
        fit(data, Clock(batch_size=16, budget=16))
        assert data.loads == 1


def test_batch_that_the_processes_cannot_share_is_refused():
    class Trainer:
        world_size = 3
        lightning_module = Recorder(Clock(batch_size=16, budget=16))

    data = Numbered()
    data.trainer = Trainer()
    with pytest.raises(ConfigError, match="batch_size: 16 cannot be divided among 3 processes"):
        data.train_dataloader()


def test_without_a_trainer_there_is_no_clock():
    with pytest.raises(RuntimeError, match="trainer"):
        Numbered().train_dataloader()


@pytest.mark.parametrize("change", ["pixel", "label", "shape", "unlabelled"])
def test_fingerprint_sees_every_change(change):
    class Changed(Numbered):
        def load(self):
            images, labels = super().load()
            images = images.clone()
            if change == "pixel":
                images[7, 0, 3, 3] += 1
            if change == "label":
                labels[7] += 1
            if change == "shape":
                images = images.view(50, 1, 2, 8)
            return images, None if change == "unlabelled" else labels

    assert Numbered().fingerprint == Numbered().fingerprint
    assert Changed().fingerprint != Numbered().fingerprint


class Known(Numbered):
    known = DataFacts("known", image_size=4, channels=1, num_classes=10, num_images=50)
    splits_without_labels = ("bare",)


class Unlabelled(Numbered):
    has_labels = False


@pytest.mark.parametrize(
    ("dataset", "options", "problems"),
    [
        (Known, {"limit": 50, "per_class": 2, "long_tail": 3.0, "split": "full"}, []),
        (Known, {"limit": 51}, ["dataset.limit: 51 images requested, known has 50"]),
        (Numbered, {"limit": 51}, []),  # the number of its images is known only once they are read
        (Known, {"split": "bare", "per_class": 2}, ["dataset.per_class: the images have no labels"]),
        (Unlabelled, {"long_tail": 2.0, "per_class": None}, ["dataset.long_tail: the images have no labels"]),
        (Unlabelled, {"long_tail": 1.0, "per_class": None}, []),
        (Known, {"limit": 7}, ["batch_size: 16 is larger than the dataset (dataset.limit=7)"]),
        (Numbered, {"limit": 7}, ["batch_size: 16 is larger than the dataset (dataset.limit=7)"]),
    ],
)
def test_options_that_the_class_is_known_to_lack_are_refused(dataset, options, problems):
    config = ConfigView({"dataset": options, "batch_size": 16}, {"dataset": dataset})
    assert [str(problem) for problem in dataset.check("dataset", options, config)] == problems


def test_a_batch_larger_than_all_images_is_refused():
    found = list(Known.check("dataset", {"limit": None}, ConfigView({"batch_size": 51}, {})))
    assert [str(problem) for problem in found] == ["batch_size: 51 is larger than the dataset (known has 50 images)"]


def test_facts_are_those_that_are_known():
    class Fixed(ImageData):
        known = Known.known

    assert Fixed().facts is Known.known
    with pytest.raises(NotImplementedError):
        _ = ImageData().facts
