"""``push``: puts the averaged generator of a run, with a model card, into a folder or onto the Hugging Face Hub."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gan_experiments.api.run import Run
from gan_experiments.core.files import whole_folder
from gan_experiments.core.types import ConfigError
from gan_experiments.runs import hub
from gan_experiments.runs.model_card import model_card

KEY = "push"


def push(run: Run, place: str, checkpoint: str = "last") -> str:
    """Write ``generator.safetensors`` and ``README.md`` to a place which ``load_generator`` and ``init_from`` can name.

    Args:
        run: The run.
        place: A folder, which does not exist yet or is empty; or ``hub:owner/name``, a repository that is made private
            if there is none; a ``README.md`` that it has is left as it is.
        checkpoint: ``last``, ``best``, or the path of a file.

    Returns:
        The folder, or the address of the repository.

    Raises:
        ConfigError: The run has no such checkpoint, or the place cannot be written to.
    """
    hub.check_place(place, KEY)
    from gan_experiments.runs.checkpoints import find_checkpoint, load_checkpoint
    from gan_experiments.runs.generator_file import write_generator_file

    generator = run.generator(checkpoint=checkpoint)
    seen = load_checkpoint(find_checkpoint(run.files, checkpoint))["images_seen"]

    def fill(folder: Path) -> None:
        write_generator_file(generator, seen, folder / hub.FILE)
        (folder / hub.CARD).write_text(model_card(run.files, generator, place, seen), encoding="utf-8")

    if hub.is_hub(place):
        with tempfile.TemporaryDirectory() as temporary:
            fill(Path(temporary))
            return hub.upload(Path(temporary), place, KEY)
    target = Path(place).expanduser()
    try:
        with whole_folder(target) as folder:
            fill(folder)
    except OSError as error:
        raise ConfigError(f"{KEY}: {target} cannot be written ({error.strerror or error})") from error
    return str(target)
