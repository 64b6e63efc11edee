"""``Run``: a trained run as an object: its files, its metrics, its networks and its samples."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from gan_experiments.api.run_config import checked_run
from gan_experiments.api.state import preserved_state
from gan_experiments.config.arguments import checked
from gan_experiments.core.types import NonNegativeInt, PositiveFloat, PositiveInt, StandingBatches
from gan_experiments.runs.folder import RunFolder

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from gan_experiments.api.diagnose import Diagnosis
    from gan_experiments.core.contracts import Generator
    from gan_experiments.data.base import ImageData
    from gan_experiments.runs.metrics_table import Floats
    from gan_experiments.systems.base import System

Accelerator = Literal["cpu", "gpu", "auto"]
StrPath = str | os.PathLike[str]


class Run(os.PathLike[str]):
    """A run, read from its folder whenever something is asked for; a path-like object.

    Runs of one folder are equal, however its path is written.

    Args:
        folder: The run folder.
        trusted: Packages of yours that its config may name as ``_target_``.
        places: Where its data lie if they have moved, by key of its config: ``{"dataset.root": "/data/faces"}``.

    Attributes:
        folder: The run folder.
    """

    @checked
    def __init__(
        self, folder: StrPath, trusted: Sequence[str] = (), places: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self.folder = Path(folder)
        self.trusted = tuple(trusted)
        self.places = places

    @property
    def files(self) -> RunFolder:
        """The files of the run."""
        return RunFolder(self.folder)

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config, as it was saved."""
        return self.files.read_config()

    @property
    def record(self) -> dict[str, Any]:
        """The record: status, provenance, cost and results; empty before the run has started."""
        return self.files.record()

    @property
    def status(self) -> str:
        """One of ``gan_experiments.runs.state.STATUSES``, or ``not started``."""
        status = str(self.record.get("status", "not started"))
        return "interrupted" if status == "running" and not self.files.held() else status

    def metrics(self) -> dict[str, Floats]:
        """Return the columns of ``metrics.csv``, arrays of one length, NaN where nothing was logged.

        ``pandas.DataFrame(run.metrics())`` makes a table of them.

        Raises:
            ConfigError: The file cannot be read.
        """
        from gan_experiments.runs.metrics_table import read_metrics

        return read_metrics(self.files).numbers()

    def restore(
        self,
        checkpoint: StrPath = "last",
        accelerator: Accelerator = "cpu",
        raw: bool = False,
        dataset: Mapping[str, Any] | None = None,
    ) -> tuple[System, ImageData]:
        """Return the system with the weights of its generator, and the dataset, which has not been read yet.

        Args:
            checkpoint: ``last``, ``best``, or the path of a file.
            accelerator: Where to put the system: ``auto`` takes CUDA if there is any.
            raw: Load the generator as the last step left it, too, not only its moving average.
            dataset: A checked config node of other data to return in the place of the run's own.

        Raises:
            ConfigError: The config cannot be used, the checkpoint is missing, damaged, or of another network, or data
                that have moved are others.
        """
        config = checked_run(self.files, self.trusted, edits=self.places)
        from gan_experiments.training.restore import restore

        with preserved_state():
            return restore(config, self.files, checkpoint, accelerator, raw, self.places, dataset)

    @checked
    def system(self, checkpoint: StrPath = "last", accelerator: Accelerator = "cpu") -> System:
        """Return the ``LightningModule`` that was trained, with all weights of a checkpoint.

        Args:
            checkpoint: ``last``, ``best``, or the path of a file.
            accelerator: Where to put it: ``auto`` takes CUDA if there is any.

        Raises:
            ConfigError: The config cannot be used, or the checkpoint is missing, damaged, or of another network.
        """
        system, _ = self.restore(checkpoint, accelerator)
        from gan_experiments.runs.checkpoints import find_checkpoint, load_checkpoint, load_part

        path = find_checkpoint(self.files, checkpoint)
        load_part(system, load_checkpoint(path), "", path)
        return system

    @checked
    def generator(
        self,
        raw: bool = False,
        checkpoint: StrPath = "last",
        accelerator: Accelerator = "cpu",
        standing_batches: StandingBatches | None = None,
    ) -> Generator:
        """Return the averaged generator in evaluation mode: latents ``(B, latent_dim)``, labels -> ``(B, C, H, W)``.

        Of a run that translates images this is the translator from A to B: ``(B, C_in, H, W)`` -> ``(B, C, H, W)``.

        Args:
            raw: Return the generator as the last step left it, instead of its moving average.
            checkpoint: ``last``, ``best``, or the path of a file.
            accelerator: Where to put it: ``auto`` takes CUDA if there is any.
            standing_batches: Batches from which the statistics of batch norm are computed; 0: those of training;
                ``None``: as the run has it, ``ema.standing_batches``.

        Raises:
            ConfigError: The config cannot be used, or the checkpoint is missing, damaged, or of another network.
        """
        return self._generator(raw, checkpoint, accelerator, standing_batches)

    def _generator(
        self,
        raw: bool,
        checkpoint: StrPath,
        accelerator: Accelerator,
        standing_batches: int | None,
        truncation: float | None = None,
    ) -> Generator:
        system, _ = self.restore(checkpoint, accelerator, raw)
        if standing_batches is not None:
            system.use_standing_statistics(standing_batches, "standing_batches")
        return system.evaluated(not raw, truncation).eval().requires_grad_(False)

    @checked
    def sample(
        self,
        n: PositiveInt,
        labels: int | Sequence[int] | Tensor | None = None,
        truncation: PositiveFloat | None = None,
        seed: NonNegativeInt = 0,
        raw: bool = False,
        checkpoint: StrPath = "last",
        accelerator: Accelerator = "cpu",
        standing_batches: StandingBatches | None = None,
    ) -> Tensor:
        """Generate images from the latents that ``gan-sample`` draws with the same seed.

        Args:
            n: How many.
            labels: One class for all, or a class for each; ``None``: the classes in turn, if there are any.
            truncation: Fraction of the latents' variety to keep; ``None``: all.
            seed: Of the latents.
            raw: Use the generator as the last step left it, instead of its moving average.
            checkpoint: ``last``, ``best``, or the path of a file.
            accelerator: Where to generate: ``auto`` takes CUDA if there is any.
            standing_batches: As for ``generator``; the latents of the batches are truncated alike.

        Returns:
            uint8 ``(n, C, H, W)`` on the CPU, uint16 for data of 16 bits; of a dataset of points float32 in [-1, 1].

        Raises:
            ConfigError: The labels do not fit the generator, a number is out of its range, or the run cannot be
                restored.
        """
        from gan_experiments.sampling.base import refuse_translator
        from gan_experiments.sampling.generate import generate

        generator = self._generator(raw, checkpoint, accelerator, standing_batches, truncation)
        refuse_translator(generator)
        return generate(generator, n, seed, labels, truncation)

    @checked
    def translate(
        self,
        images: Tensor | NDArray[Any],
        direction: Literal["a_to_b", "b_to_a"] = "a_to_b",
        raw: bool = False,
        checkpoint: StrPath = "last",
        accelerator: Accelerator = "cpu",
    ) -> Tensor:
        """Translate images of any size with the translator of the run, without noise.

        Args:
            images: uint8 ``(N, C_in, H, W)``, uint16 for data of 16 bits; for ``task=super_resolution`` the small ones.
            direction: From domain A to B, or back, which CycleGAN can.
            raw: Use the translator as the last step left it, instead of its moving average.
            checkpoint: ``last``, ``best``, or the path of a file.
            accelerator: Where to translate: ``auto`` takes CUDA if there is any.

        Returns:
            The same type, ``(N, C, H, W)`` on the CPU.

        Raises:
            ConfigError: The images have another shape, the run does not translate in this direction, or cannot be
                restored.
        """
        from gan_experiments.api.translate import translate_images, translator_of

        system, data = self.restore(checkpoint, accelerator, raw)
        return translate_images(translator_of(system, direction, not raw), data, direction, images)

    @checked
    def diagnose(self, images: PositiveInt | None = None, checkpoint: StrPath = "last") -> Diagnosis:
        """Replay the run from a checkpoint, as it was and with one thing changed at a time, as ``gan-diagnose`` does.

        Args:
            images: Of each replay; ``None``: as many as the rules look at that name failures.
            checkpoint: ``last``, ``best``, the path of a file, or ``start``: the first step.

        Raises:
            ConfigError: The run cannot be used, or has no such checkpoint.
        """
        from gan_experiments.api.diagnose import diagnose

        return diagnose(self, images, checkpoint)

    def __fspath__(self) -> str:
        return os.fspath(self.folder)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.folder.resolve() == other.folder.resolve()

    def __hash__(self) -> int:
        return hash(self.folder.resolve())

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {self.status})"

    def _repr_html_(self) -> str:
        from gan_experiments.api.html import run_html

        return run_html(self.files, self.status)


@checked
def load_run(folder: StrPath, trusted: Sequence[str] = (), places: Mapping[str, Any] = MappingProxyType({})) -> Run:
    """Return the run of a folder; it may still be training.

    Args:
        folder: The run folder, with a ``config.yaml``. It may come from a stranger: no code in it is run.
        trusted: Packages of yours that its config may name as ``_target_``.
        places: Where its data lie if they have moved, by key of its config: ``{"dataset.root": "/data/faces"}``.

    Raises:
        ConfigError: It is not the folder of a run, or its config cannot be read.
    """
    run = Run(Path(folder).expanduser(), trusted, places)
    run.files.read_config()
    return run
