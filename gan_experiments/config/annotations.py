"""What an annotation allows in a config: as a type for pydantic, in words, and which components fit."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cache, partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

import pydantic
from annotated_types import Interval
from pydantic_core import PydanticCustomError

from gan_experiments.config.signatures import ANYWHERE, Slot, signature_of
from gan_experiments.config.targets import TARGET
from gan_experiments.core.text import nearest, show
from gan_experiments.core.types import Described

_SCALARS = {int: "an integer", float: "a number", bool: "true or false", str: "text", Path: "text"}
_UNIONS = (Union, types.UnionType)
_LARGEST_INT = 2**63 - 1  # of torch and numpy
_FLOAT32 = (1.1754944e-38, 3.4028235e38)  # the smallest and the largest positive number: a run computes in float32
_UNFIT = "unfit"  # the type of a validation error whose message is in our words


class Section:
    """The base of a schema's dataclasses: a mapping in the config whose keys are the fields."""


class Component:
    """The annotation of what is built: a mapping with ``_target_``, a class, and arguments of its constructor."""


class _Refused:
    """Stands for a value that is a problem already."""

    def __repr__(self) -> str:
        return "???"


REFUSED = _Refused()


@cache
def model_of(cls: type, slot: Slot = ANYWHERE) -> type[pydantic.BaseModel]:
    """Return the pydantic model of a constructor's arguments, which are those of ``signature_of``.

    Sections and components among the arguments are not validated: the annotation at which each was found, by its
    identity, is added to the mapping that is the context of the validation.
    """
    signature = signature_of(cls, slot)
    fields: dict[str, Any] = {}
    for index, (name, (annotation, required)) in enumerate(signature.parameters.items()):
        # An alias, because pydantic keeps some names for itself.
        fields[f"field_{index}"] = (
            _type_in_words(annotation),
            pydantic.Field(*(() if required else (None,)), alias=name),
        )
    config = pydantic.ConfigDict(extra="allow" if signature.open else "forbid", allow_inf_nan=False)
    return pydantic.create_model("Arguments", __config__=config, **fields)


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


def slot_of(annotation: Any, component: type | None = None) -> Slot:
    """Return which components fit at an annotation, and what the program provides to the one that is there.

    A schema says it of the annotation, or it is those of its classes.
    """
    marks = [mark for part in (annotation, *get_args(annotation)) for mark in getattr(part, "__metadata__", ())]
    slot = next((mark for mark in marks if isinstance(mark, Slot)), ANYWHERE)
    bases = tuple(get_origin(each) or each for each in members(annotation) if _is_component(each))
    bases = tuple(map(resolve_name, slot.bases)) if slot.bases else bases
    provided = (getattr(cls, "provided", ()) for cls in (*bases, component))
    return Slot(bases, slot.provided.union(*provided), slot.limits)


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
        return "a component (a mapping with a _target_)"
    return _SCALARS.get(annotation) or _describe_container(_container(annotation), arguments)


def _type_in_words(annotation: Any) -> Any:
    """Return what pydantic holds a value against, with errors in our words; components and sections are noted."""
    plain = _type_of(annotation)
    return plain if plain is Any else Annotated[plain, pydantic.WrapValidator(partial(_validate, annotation))]


def _validate(annotation: Any, value: Any, validate: Callable[[Any], Any], info: pydantic.ValidationInfo) -> Any:
    """Validate a value; note what is checked on its own, and say in words what does not fit."""
    if value is REFUSED:
        return value
    is_component = isinstance(value, dict) and TARGET in value
    if isinstance(value, dict) and any(map(_is_component if is_component else _is_section, members(annotation))):
        noted: Any = info.context
        noted[id(value)] = annotation
        return value
    try:
        if not is_component:
            return validate(value)
    except pydantic.ValidationError as error:
        is_union = len([member for member in members(annotation) if member is not type(None)]) > 1
        if not is_union and all(detail["type"] == _UNFIT for detail in error.errors()):
            raise  # about an item, in words already
    shown = "a component" if is_component else show(value)
    text = f"{shown} is not {describe(annotation)}{_spelling_hint(value, annotation)}"
    raise PydanticCustomError(_UNFIT, "{text}", {"text": text})


def _spelling_hint(value: Any, annotation: Any) -> str:
    """Return how a value that is nearly right is written."""
    kinds = list(members(annotation))
    choices = [str(choice) for each in kinds if get_origin(each) is Literal for choice in get_args(each)]
    if match := nearest(value, choices):
        return f"; did you mean {match!r}?"
    below = [name for each in kinds if _is_section(each) for name in signature_of(each).parameters]
    if len(below) == 1 and isinstance(value, (int, float, str)):
        return f"; did you mean .{below[0]}={show(value)} below it?"
    if isinstance(value, float) and value.is_integer() and int in kinds and float not in kinds:
        return f"; write {int(value)}"
    if (str in kinds or Path in kinds) and isinstance(value, (int, float)):
        return f"; write \"'{show(value)}'\""
    if float in kinds and isinstance(value, float) and not _in_float32(value):
        return "; in float32 it is 0" if abs(value) < 1 else f"; float32 ends at {_FLOAT32[1]:.2g}"
    return "; it must fit into 64 bits" if isinstance(value, int) and abs(value) > _LARGEST_INT else ""


def _type_of(annotation: Any) -> Any:
    """Return the type for pydantic: no scalar is converted, and what no YAML can write is a component."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        base = _type_of(arguments[0])
        return base if base is Any else Annotated[(base, *arguments[1:])]
    if get_origin(annotation) in _UNIONS:
        parts = tuple(map(_type_of, arguments))
        return Any if Any in parts else Union[parts]  # noqa: UP007 - of a computed tuple
    if get_origin(annotation) is Literal:
        return Annotated[annotation, pydantic.BeforeValidator(partial(_require_type, frozenset(map(type, arguments))))]
    if annotation in (None, type(None)):
        return annotation
    if annotation in _STRICT:
        return _STRICT[annotation]
    if _is_section(annotation) or _is_component(annotation):
        return pydantic.InstanceOf[Component]  # which no value is
    container = _container(annotation)
    if container is dict:
        return dict[Any, _type_in_words(arguments[-1]) if arguments else Any]  # type: ignore[misc]
    inner = tuple(part if part is Ellipsis else _type_in_words(part) for part in arguments)
    return Any if container is None else container[inner] if inner else container


def _require_type(allowed: frozenset[type], value: Any) -> Any:
    """Return ``value`` if its type is one of those allowed: pydantic takes ``True`` for a literal 1.

    Raises:
        ValueError: It is not.
    """
    if type(value) not in allowed:
        raise ValueError
    return value


def _require_float32(value: Any) -> Any:
    """Return ``value`` if it is no number, or one that float32 can hold, and not an integer that torch cannot read.

    Raises:
        ValueError: It would become 0 or infinite.
    """
    if isinstance(value, (int, float)) and not _in_float32(value):
        raise ValueError
    return value


def _in_float32(value: float) -> bool:
    most = _LARGEST_INT if isinstance(value, int) else _FLOAT32[1]
    return value == 0 or _FLOAT32[0] <= abs(value) <= most


# No scalar is converted.
_STRICT: dict[Any, Any] = {
    int: Annotated[int, pydantic.Strict(), Interval(ge=-_LARGEST_INT, le=_LARGEST_INT)],
    float: Annotated[float, pydantic.Strict(), pydantic.BeforeValidator(_require_float32)],
    bool: Annotated[bool, pydantic.Strict()],
    str: Annotated[str, pydantic.Strict()],
    Path: Annotated[str, pydantic.Strict()],
}


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
