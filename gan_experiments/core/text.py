"""Text helpers: values as a config would write them, nearest matches, shortened lists, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from typing import Any

from gan_experiments.core.escape import for_csv, printable

_LONGEST_VALUE = 60  # characters of a value that are shown
_LONGEST_REASON = 200  # of an error's message


def nearest(word: Any, known: Collection[str], cutoff: float = 0.6) -> str | None:
    """Return the one of ``known`` that is most like ``word``, if any is."""
    folded = {name.lower(): name for name in known}
    matches = get_close_matches(str(word).lower(), folded, n=1, cutoff=cutoff)
    return folded[matches[0]] if matches else None


def suggest(word: Any, known: Collection[str], listed: bool = False) -> str:
    """Return ``"; did you mean 'x'?"``, if anything is near, and, if ``listed``, everything there is to choose from."""
    match = nearest(word, known)
    text = f"; did you mean {match!r}?" if match else ""
    return f"{text} ({', '.join(sorted(known)) or 'there are none'})" if listed else text


def show(value: Any) -> str:
    """Return a value as a config would write it, on one line, shortened."""
    if value is None or isinstance(value, bool):
        return str(value).lower() if value is not None else "null"
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def show_key(key: Any) -> str:
    """Return a key or a dotted path as it can be printed: one that holds control characters is escaped."""
    text = str(key)
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 2 * _LONGEST_VALUE else f"{text[: 2 * _LONGEST_VALUE]}..."


def key_of(override: str) -> str:
    """Return the key, or the group, that an override of a command line is about."""
    return override.lstrip("+~").partition("=")[0]


def first_few(items: Iterable[object], most: int, last: str = ", ") -> str:
    """Join ``items`` by commas: all of them, or the first ``most`` and how many more there are.

    A single item beyond ``most`` is listed as well, being as short as its count.

    Args:
        items: Shown by ``str``.
        most: How many are listed of many.
        last: What joins the last two where all are listed, such as ``" and "``.
    """
    texts = [str(item) for item in items]
    if len(texts) > most + 1:
        return f"{', '.join(texts[:most])} and {len(texts) - most} more"
    return last.join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows of cells as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(for_csv, row) for row in rows)
    return text.getvalue()


def csv_of(rows: Collection[Mapping[str, Any]]) -> str:
    """Return rows as CSV with a header: a column for every key, in the order in which they occur first."""
    return csv_of_columns({key: [row.get(key) for row in rows] for key in dict.fromkeys(chain.from_iterable(rows))})


def csv_of_columns(columns: Mapping[str, Sequence[Any]]) -> str:
    """Return columns of one length as CSV with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(for_csv, columns))
    writer.writerows(zip(*map(_escaped, columns.values()), strict=True))
    return text.getvalue()


def _escaped(column: Sequence[Any]) -> Sequence[Any]:
    texts = {cell for cell in column if isinstance(cell, str)}  # of many rows they are few
    changed = {text: escaped for text in texts if (escaped := for_csv(text)) != text}
    return [changed.get(cell, cell) if isinstance(cell, str) else cell for cell in column] if changed else column


def shortened(name: str) -> str:
    """Return a name as it can be printed, of at most 24 characters: without its middle if it is longer."""
    text = printable(name)
    return text if len(text) <= 24 else f"{text[:16]}\N{HORIZONTAL ELLIPSIS}{text[-7:]}"


def first_line(error: BaseException | str) -> str:
    """Return the first line of an error's message as it can be printed, shortened; its type if it has no message."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    text = printable(lines[0])
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}..."
