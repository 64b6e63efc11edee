"""What an annotation allows in a config: as a type for pydantic, in words, and which components fit."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, Strict, create_model

from gan_experiments.config.signatures import Parameter, Signature, signature_of
from gan_experiments.config.slots import Component, Section, Slot
from gan_experiments.core.text import nearest, show
from gan_experiments.core.types import Described

_SCALARS = {int: "an integer", float: "a number", bool: "true or false", str: "text", Path: "text"}
_UNIONS = (Union, types.UnionType)
_COMPONENT = "a component (a mapping with a _target_)"


@cache
def model_of(cls: type, provided: frozenset[str] = frozenset(), limits: type | None = None) -> type[BaseModel]:
    """Return the pydantic model of a constructor's arguments; an instance of Component in them stands for a component.

    The arguments are those of ``signature_of``.
    """
    signature = signature_of(cls, provided, limits)
    fields: dict[str, Any] = {}
    for index, (name, (annotation, required)) in enumerate(signature.parameters.items()):
        # An alias, because pydantic keeps some names for itself.
        fields[f"field_{index}"] = (_type_of(annotation), Field(*(() if required else (None,)), alias=name))
    config = ConfigDict(extra="allow" if signature.open else "forbid", allow_inf_nan=False)
    return create_model("Arguments", __config__=config, **fields)


def members(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, or the annotation alone; ``Annotated`` around either is taken off."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        yield from members(arguments[0])
    elif get_origin(annotation) in _UNIONS:
        for argument in arguments:
            yield from members(argument)
    else:
        yield annotation


def section_in(annotation: Any) -> type | None:
    """Return the section of a schema that belongs at an annotation, if one does."""
    return next(filter(_is_section, members(annotation)), None)


def slot_in(annotation: Any) -> Slot | None:
    """Return what a schema says of the components that belong at an annotation, if it says anything."""
    parts = (annotation, *get_args(annotation))
    return next((mark for part in parts for mark in _metadata(part) if isinstance(mark, Slot)), None)


def bases_of(annotation: Any) -> tuple[type, ...]:
    """Return the classes of which a component at an annotation descends from one; empty for any."""
    if slot := slot_in(annotation):
        return slot.load()
    return tuple(get_origin(each) or each for each in members(annotation) if _is_component(each))


def names_in(annotation: Any) -> Mapping[str, Parameter] | None:
    """Return the keys that a section, or what has a :class:`Signature`, may have; ``None`` for anything else."""
    section = section_in(annotation)
    signature = signature_of(section) if section else annotation
    return signature.parameters if isinstance(signature, Signature) else None


def item_of(annotation: Any, part: Any) -> Any:
    """Return the annotation of the item at an index or key of what is annotated, or has a :class:`Signature`."""
    names = names_in(annotation)
    if names is not None:
        return names[part].annotation if part in names else Any
    for member in members(annotation):
        container, arguments = _container(member), get_args(member)
        if container is tuple and isinstance(part, int) and Ellipsis not in arguments:
            return arguments[part] if part < len(arguments) else Any
        if container and arguments:
            return arguments[-1 if container is dict else 0]
    return Any


def describe(annotation: Any) -> str:
    """Return what an annotation allows, in words that follow "is not"."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        text = next((item.text for item in arguments[1:] if isinstance(item, Described)), None)
        return text or describe(arguments[0]) + "".join(map(_bounds, arguments[1:]))
    if get_origin(annotation) in _UNIONS:
        return " or ".join(dict.fromkeys(map(describe, arguments)))
    if get_origin(annotation) is Literal:
        listed = ", ".join(map(show, arguments)).replace("'", "")
        return f"one of {listed}" if len(arguments) > 1 else f"'{listed}'"
    if annotation in (None, type(None)):
        return "null"
    if _is_section(annotation):
        return f"a mapping of {', '.join(signature_of(annotation).parameters)}"
    if _is_component(annotation):
        return _COMPONENT
    return _SCALARS.get(annotation) or _describe_container(_container(annotation), arguments)


def spelling_hint(value: Any, annotation: Any) -> str:
    """Return how a value that is nearly right is written."""
    kinds = list(members(annotation))
    choices = [str(choice) for each in kinds if get_origin(each) is Literal for choice in get_args(each)]
    if match := nearest(value, choices):
        return f"; did you mean {match!r}?"
    if isinstance(value, float) and value.is_integer() and int in kinds and float not in kinds:
        return f"; write {int(value)}"
    if (str in kinds or Path in kinds) and isinstance(value, (int, float)):
        return f"; write \"'{show(value)}'\""
    return ""


def _type_of(annotation: Any) -> Any:
    """Return what pydantic holds a value against: no scalar is converted, and what no YAML can write is a component."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        base = _type_of(arguments[0])
        return base if base is Any else Annotated[(base, *arguments[1:])]
    if get_origin(annotation) in _UNIONS:
        parts = tuple(map(_type_of, arguments))
        return Any if Any in parts else Union[parts]  # noqa: UP007 - of a computed tuple
    if get_origin(annotation) is Literal:
        return Annotated[annotation, BeforeValidator(partial(_require_type, frozenset(map(type, arguments))))]
    if annotation in (None, type(None)):
        return annotation
    if annotation in _SCALARS:
        return Annotated[str if annotation is Path else annotation, Strict()]
    if _is_section(annotation):
        return model_of(annotation)
    if _is_component(annotation):
        return InstanceOf[Component]
    container = _container(annotation)
    if container is dict:
        return dict[Any, _type_of(arguments[-1]) if arguments else Any]  # type: ignore[misc]
    inner = tuple(part if part is Ellipsis else _type_of(part) for part in arguments)
    return Any if container is None else container[inner] if inner else container


def _require_type(allowed: frozenset[type], value: Any) -> Any:
    """Return ``value`` if its type is one of those allowed: pydantic takes ``True`` for a literal 1.

    Raises:
        ValueError: It is not.
    """
    if type(value) not in allowed:
        raise ValueError
    return value


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


def _metadata(annotation: Any) -> tuple[Any, ...]:
    """Return what ``Annotated`` adds to a type."""
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def _container(annotation: Any) -> Any:
    """Return the builtin container that an annotation means, if any: ``Sequence[int]`` is a list."""
    origin = get_origin(annotation) or annotation
    if not isinstance(origin, type) or origin.__module__ not in ("builtins", "collections.abc") or origin is object:
        return None
    if issubclass(origin, tuple):
        return tuple
    if issubclass(origin, Mapping):
        return dict
    return list if issubclass(list, origin) or issubclass(origin, AbstractSet) else None


def _is_section(annotation: Any) -> TypeGuard[type]:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _is_component(annotation: Any) -> bool:
    """Tell whether an annotation is a class whose instances no YAML can write: what a component is built for."""
    origin = get_origin(annotation) or annotation
    others = (object, Any, type(None), *_SCALARS)
    return isinstance(origin, type) and origin not in others and not _container(origin) and not _is_section(origin)
