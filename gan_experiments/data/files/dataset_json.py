"""Labels in ``dataset.json``, as the tools of StyleGAN2-ADA and StyleGAN3 write it beside the images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from gan_experiments.core.types import ConfigError
from gan_experiments.data.files.listing import Listing

NAME = "dataset.json"


def with_labels(listing: Listing, text: str, key: str, folder: str = "") -> Listing:
    """Return a listing whose classes are those of ``dataset.json`` instead of the folders'.

    Args:
        listing: The image files.
        text: Content of the file: ``{"labels": [["00000/img00000000.png", 6], ...]}``, or ``null`` for no labels;
            ``class_names``, if there are any, name the classes in their order.
        key: Config key of the source, for error messages.
        folder: Folder of the file, with a trailing slash, which its names start from; empty: the source itself.

    Raises:
        ConfigError: It is no such file, or does not have a label for each image.
    """
    try:
        content = json.loads(text)
        if not isinstance(content, dict) or "labels" not in content:
            return listing  # another file of this name
        given = None if content["labels"] is None else {f"{folder}{name}": label for name, label in content["labels"]}
        names = [str(name) for name in content.get("class_names") or []]
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"{key}: {NAME} is damaged ({error})") from None
    if given is None:
        return replace(listing, labels=None, class_names=())
    labels = [given.get(name) for name in listing.names]
    problem = _problem(listing.names, labels, names)
    if problem:
        raise ConfigError(f"{key}: {NAME}: {problem}")
    known = [label for label in labels if label is not None]
    class_names = tuple(names or map(str, range(max(known) + 1)))
    return replace(listing, labels=tuple(known), class_names=class_names)


def _problem(files: Sequence[str], labels: Sequence[object], names: Sequence[str]) -> str:
    """Return what is wrong with the labels of the image files; empty for nothing."""
    for file, label in zip(files, labels, strict=True):
        if label is None:
            return f"no label for {file}"
        if type(label) is not int or label < 0 or (names and label >= len(names)):
            return f"the label of {file} is {label!r}, not a class from 0 on"
    if names:  # a subset may have left a class without images
        return ""
    empty = sorted(set(range(max(labels) + 1)) - set(labels))  # type: ignore[type-var, operator]
    return f"no image has label {empty[0]}" if empty else ""
