"""Translation of images with the translator of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_experiments.core.types import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from gan_experiments.core.translator import Translator
    from gan_experiments.data.base import ImageData
    from gan_experiments.data.files.pictures import Picture
    from gan_experiments.systems.base import System

_LISTED = 10  # files that a message names


def translator_of(system: System, direction: str, ema: bool = True) -> Translator:
    """Return the translator of a system, in evaluation mode.

    Raises:
        ConfigError: The system generates from noise, or does not translate in this direction.
    """
    from gan_experiments.systems.translation import TranslationSystem

    name = type(system).__name__
    if not isinstance(system, TranslationSystem):
        raise ConfigError(f"run: its {name} generates images from noise; gan-sample draws them")
    if direction not in system.directions:
        raise ConfigError(f"direction: {name} translates {' and '.join(system.directions)}, not {direction}")
    network: Any = system.translator(direction, ema)
    translator: Translator = network.eval().requires_grad_(False)
    return translator


def translate_images(translator: Translator, data: ImageData, direction: str, images: Any) -> Tensor:
    """Translate images: uint8 ``(N, C_in, H, W)``, uint16 if the data have 16 bits, to the same on the CPU.

    Images that a task degrades by a rule, such as small ones for super-resolution, are prepared as its inputs are.

    Raises:
        ConfigError: The images have another type, shape or number of channels.
    """
    import torch

    from gan_experiments.sampling.tiles import translate_image

    given = torch.as_tensor(images)
    dtype = torch.uint16 if translator.facts.bits == 16 else torch.uint8
    if given.dtype != dtype or given.ndim != 4 or given.shape[1] != translator.input_channels or not len(given):
        wanted = f"{str(dtype).removeprefix('torch.')} (N, {translator.input_channels}, H, W)"
        raise ConfigError(f"images: {wanted} expected, not {given.dtype} {tuple(given.shape)}")
    if data.inputs is not None and data.inputs.task is not None and direction == "a_to_b":
        given = data.inputs.task.of_user(given)
    return torch.stack([translate_image(translator, image) for image in given])


def input_files(path: Path, output: Path, suffix: str = ".png") -> list[tuple[Path, Path]]:
    """Return the image files at a path, each with the file of this suffix that is written for it.

    Raises:
        ConfigError: There are none, two of them would be written to one file, or a file exists already.
    """
    from gan_experiments.core.text import first_few
    from gan_experiments.data.files.listing import Folder, list_images

    if path.is_file():
        pairs = [(path, output / f"{path.stem}{suffix}")]
    elif path.is_dir():
        names = list_images(Folder(path, "input"), "").names
        pairs = [(path / name, (output / name).with_suffix(suffix)) for name in names]
    else:
        raise ConfigError(f"input: there is no file or folder {path}")
    targets = [target for _, target in pairs]
    same = sorted(str(target.relative_to(output)) for target, count in Counter(targets).items() if count > 1)
    if same:
        raise ConfigError(f"input: several files would be written to {first_few(same, _LISTED)}")
    existing = [str(target) for target in targets if target.exists()]
    if existing:
        text = f"{len(existing):,} of {len(targets):,} files exist and are not overwritten"
        raise ConfigError(f"output: {text}: {first_few(existing, _LISTED)}")
    return pairs


def read_inputs(files: list[tuple[Path, Path]], channels: int, bits: int = 8) -> Iterator[tuple[Tensor, Path]]:
    """Yield images, uint8 or uint16 ``(1, C, H, W)``, with the file to write, after all files have been opened once.

    Raises:
        ConfigError: A file is no image, larger than is safe, or has other channels.
    """
    import torch

    from gan_experiments.core.text import first_few
    from gan_experiments.data.files.framing import as_pixels, refuse_bomb
    from gan_experiments.data.files.pictures import open_picture
    from gan_experiments.data.files.unreadable import problem

    def opened(path: Path) -> Picture:
        image = open_picture(path)
        refuse_bomb(image)
        return image

    bad = []
    for path, _ in files:
        try:
            with opened(path) as image:
                as_pixels(image, channels, bits)
        except Exception as error:  # Pillow raises exceptions of many types for damaged files
            bad.append(f"{path.name} ({problem(error)})")
    if bad:
        raise ConfigError(f"input: {len(bad):,} of {len(files):,} files cannot be read: {first_few(bad, _LISTED)}")
    for path, target in files:
        with opened(path) as image:
            yield torch.from_numpy(as_pixels(image, channels, bits).copy())[None], target
