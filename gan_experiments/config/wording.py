"""What an annotation allows, in words, and how a value that is nearly right is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from gan_experiments.config.signatures import (
    SCALARS,
    UNIONS,
    container_of,
    is_component,
    is_section,
    members,
    signature_of,
)
from gan_experiments.core.text import nearest, show
from gan_experiments.core.types import Described

_ALSO_CALLED = {"cuda": "gpu", "amp": "16-mixed", "fp16": "16-mixed", "half": "16-mixed", "fp32": "32-true"}
_UNITS = {"k": 1e3, "kimg": 1e3, "m": 1e6}


def describe(annotation: Any) -> str:
    """Return what an annotation allows, in words that follow "is not"."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        text = next((item.text for item in arguments[1:] if isinstance(item, Described)), None)
        return text or describe(arguments[0]) + "".join(map(_bounds, arguments[1:]))
    if get_origin(annotation) in UNIONS:
        return " or ".join(dict.fromkeys(_member(member, arguments) for member in arguments))
    if get_origin(annotation) is Literal:
        listed = ", ".join(map(show, arguments)).replace("'", "")
        return f"one of {listed}" if len(arguments) > 1 else show(arguments[0])
    if annotation in (None, type(None)):
        return "null"
    if is_section(annotation):
        return f"a mapping of {', '.join(signature_of(annotation).parameters)}"
    if is_component(annotation):
        return "a component (a mapping with a _target_)"
    return SCALARS.get(annotation) or _describe_container(container_of(annotation), arguments)


def spelling_hint(value: Any, annotation: Any) -> str:
    """Return how a value that is nearly right is written."""
    kinds = list(members(annotation))
    choices = [str(choice) for each in kinds if get_origin(each) is Literal for choice in get_args(each)]
    beginning = [choice for choice in choices if value and choice.startswith(str(value))]
    if match := nearest(_ALSO_CALLED.get(str(value).lower(), value), choices) or (
        beginning[0] if len(beginning) == 1 else None
    ):
        return f"; did you mean {match!r}?"
    if below := [_below(value, each) for each in kinds if is_section(each) and isinstance(value, (int, float, str))]:
        return below[0]
    if int in kinds and (hint := _number_hint(value, kinds)):
        return hint
    if isinstance(value, list) and value and int in kinds and not any(map(container_of, kinds)):
        return f"; of several, -m makes a run of each: {','.join(map(str, value))}"
    if isinstance(value, str) and str not in kinds and not choices and list in map(container_of, kinds):
        return f"; a list of it alone is written [{value}]"
    if (str in kinds or Path in kinds) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"; write \"'{show(value)}'\""
    return ""


def _number_hint(value: Any, kinds: list[Any]) -> str:
    """Return how an integer is written, or two of them, that a value may stand for."""
    sides = re.fullmatch(r"(\d{1,5}) ?[xX*] ?(\d{1,5})", str(value))
    if sides and sides[1] == sides[2]:
        return f"; write {sides[1]}"
    if sides and any(map(container_of, kinds)):
        return f"; height and width are written [{sides[1]},{sides[2]}]"
    ends = re.fullmatch(r"(\d{1,9})(?:-|:|\.\.)(\d{1,9})", str(value))
    if ends and int(ends[1]) < int(ends[2]):
        return f"; did you mean range({int(ends[1])},{int(ends[2]) + 1}), in quotes and with -m?"
    counted = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) ?([a-zA-Z]{1,6})", str(value))
    if counted and isinstance(value, str):
        value = round(float(counted[1]) * _UNITS.get(counted[2].lower(), 1), 6)
    if isinstance(value, float) and value.is_integer() and float not in kinds:
        return f"; write {int(value)}"
    return ""


def _below(value: Any, section: Any) -> str:
    """Return which key of a section may have been meant by a value in its place."""
    kinds = {name: list(members(each.annotation)) for name, each in signature_of(section).parameters.items()}
    choices = {name: get_args(each) for name, types in kinds.items() for each in types if get_origin(each) is Literal}
    if fitting := [name for name in (choices if isinstance(value, str) else kinds) if value in choices.get(name, ())]:
        return f"; did you mean .{fitting[0]}={value} below it?"
    if len(kinds) == 1:
        return f"; did you mean .{next(iter(kinds))}={show(value)} below it?"
    return "".join(f"; .{name} below it is {describe(Literal[choice])}" for name, choice in choices.items())


def _member(annotation: Any, others: tuple[Any, ...]) -> str:
    """Describe a member of a union; a list of choices that another member is does not list them again."""
    items = get_args(annotation) if container_of(annotation) is list else ()
    choices = [item for item in items if get_origin(item) is Literal and item in others]
    return "a list of these" if choices else describe(annotation)


def _describe_container(container: Any, arguments: tuple[Any, ...]) -> str:
    if container is None:
        return "anything"
    if container is tuple and arguments and Ellipsis not in arguments:
        return f"a list of {len(arguments)}: {', '.join(map(describe, arguments))}"
    name, item = ("a mapping", "value ") if container is dict else ("a list", "")
    each = describe(arguments[-1 if container is dict else 0]) if arguments else "anything"
    return name if each == "anything" else f"{name}, each {item}{each}"


def _bounds(item: Any) -> str:
    """Return the bounds of an ``annotated_types.Interval`` as they follow the name of a number."""
    low, high = (getattr(item, strict, None) for strict in ("gt", "lt"))
    least, most = (getattr(item, closed, None) for closed in ("ge", "le"))
    lower, upper = low if least is None else least, high if most is None else most
    if lower is not None and upper is not None:
        return f" in {'(' if least is None else '['}{lower:g}, {upper:g}{')' if most is None else ']'}"
    below = "" if upper is None else f" {'<' if most is None else '<='} {upper:g}"
    return below if lower is None else f" {'>' if least is None else '>='} {lower:g}"
