"""What a constructor accepts, read with ``inspect`` and ``typing`` from the imported class."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, TypeGuard, Union, get_args, get_origin

from gan_experiments.core.text import nearest, show
from gan_experiments.core.types import Described

_NUMBERS = {int: "an integer", float: "a number", bool: "true or false", str: "text", type(None): "null"}
_UNIONS = (Union, types.UnionType)
_CONTAINERS = (list, tuple, dict, set, frozenset)
# Constructors of these take arguments of their own only from the framework, never from a config.
_FRAMEWORK_ROOTS = {
    ("torch.nn.modules.module", "Module"),
    ("pytorch_lightning.core.module", "LightningModule"),
    ("pytorch_lightning.core.datamodule", "LightningDataModule"),
    ("torchmetrics.metric", "Metric"),
}


class Parameter(NamedTuple):
    """One argument of a constructor: its resolved annotation, and whether it must be given."""

    annotation: Any
    required: bool


class Signature(NamedTuple):
    """The arguments of a constructor by name; ``open`` if it takes any others too."""

    parameters: dict[str, Parameter]
    open: bool = False


@cache
def signature_of(cls: type) -> Signature:
    """Return what the constructor of ``cls`` accepts.

    Where it hands on ``**kwargs``, the next constructor of the method resolution order adds its arguments, unless
    they are annotated by ``Unpack`` of a ``TypedDict``, which then lists them.
    """
    if dataclasses.is_dataclass(cls):
        return Signature(dict(_of_dataclass(cls)))
    found: dict[str, Parameter] = {}
    for owner in cls.__mro__:
        if (owner.__module__, owner.__qualname__) in _FRAMEWORK_ROOTS or owner is object:
            return Signature(found)
        constructor = vars(owner).get("__init__")
        if not inspect.isfunction(constructor):
            continue
        listed, rest = _arguments(constructor)
        found = listed | found
        if rest is None:
            return Signature(found)
        if get_origin(rest) is typing.Unpack:
            (options,) = get_args(rest)
            hints = typing.get_type_hints(options, include_extras=True)
            more = {name: Parameter(hint, name in options.__required_keys__) for name, hint in hints.items()}
            return Signature(more | found)
    return Signature(found, open=True)


def _arguments(constructor: types.FunctionType) -> tuple[dict[str, Parameter], Any]:
    """Return the named arguments of a constructor, and the annotation of its ``**kwargs``; ``None`` without any."""
    arguments, rest = {}, None
    for name, parameter in list(inspect.signature(constructor).parameters.items())[1:]:
        annotation = _resolved(parameter.annotation, constructor.__globals__)
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = annotation
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            arguments[name] = Parameter(annotation, parameter.default is parameter.empty)
    return arguments, rest


def _of_dataclass(cls: type) -> Iterator[tuple[str, Parameter]]:
    absent = dataclasses.MISSING
    for field in dataclasses.fields(cls):
        owner = next(base for base in cls.__mro__ if field.name in vars(base).get("__annotations__", {}))
        annotation = _resolved(field.type, vars(sys.modules[owner.__module__]))
        if field.init:
            required = field.default is absent and field.default_factory is absent
            yield field.name, Parameter(annotation, required)


def _resolved(annotation: Any, names: dict[str, Any]) -> Any:
    """Return an annotation as an object; ``Any`` if its names are known to a type checker only."""
    if annotation is inspect.Parameter.empty:
        return Any
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, names)  # noqa: S307 - the text of an annotation in a module that has been imported
    except (NameError, AttributeError, TypeError):
        return Any


def members(annotation: Any) -> list[Any]:
    """Return the members of a union, or the annotation alone; ``Annotated`` around a union is taken off."""
    if get_origin(annotation) is Annotated and get_origin(get_args(annotation)[0]) in _UNIONS:
        return members(get_args(annotation)[0])
    if get_origin(annotation) in _UNIONS:
        return [member for part in get_args(annotation) for member in members(part)]
    return [annotation]


def metadata(annotation: Any) -> tuple[Any, ...]:
    """Return what ``Annotated`` adds to a type."""
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def classes_in(annotation: Any) -> tuple[type, ...]:
    """Return the classes of an annotation whose instances no YAML can write: what a component is built for."""
    return tuple(member for member in members(annotation) if _is_class(member))


def plain(annotation: Any) -> Any:
    """Return an annotation as far as YAML can write its values; what it cannot write becomes ``Any``, or is left out.

    ``float | Tensor`` becomes ``float``; ``dict[str, nn.Module]`` becomes ``dict[str, Any]``.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(plain(arguments[0]), *arguments[1:])] if plain(arguments[0]) is not Any else Any
    if origin in _UNIONS:
        parts = [plain(part) for part in arguments]
        known = [part for part in parts if part is not Any]
        return Any if Any in arguments or not known else Union[tuple(known)]  # noqa: UP007 - of a computed tuple
    if origin is Literal or annotation in _NUMBERS or annotation is None:
        return annotation
    container = _container(annotation)
    if container is None:
        return Any
    inner = tuple(part if part is Ellipsis else plain(part) for part in arguments)
    return container[inner] if inner else container


def describe(annotation: Any) -> str:
    """Return what an annotation allows, in words that follow "is not"."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        text = next((item.text for item in arguments[1:] if isinstance(item, Described)), None)
        return text or describe(arguments[0]) + "".join(map(_bounds, arguments[1:]))
    if origin in _UNIONS:
        return " or ".join(dict.fromkeys(describe(part) for part in arguments))
    if origin is Literal:
        listed = ", ".join(map(str, arguments))
        return f"one of {listed}" if len(arguments) > 1 else f"'{listed}'"
    if annotation is None or annotation in _NUMBERS:
        return _NUMBERS[type(None) if annotation is None else annotation]
    if dataclasses.is_dataclass(annotation):
        return f"a mapping of {', '.join(signature_of(typing.cast(type, annotation)).parameters)}"
    return _describe_container(_container(annotation), arguments)


def spelling_hint(value: Any, annotation: Any) -> str:
    """Return how a value that is nearly right is written."""
    choices = [str(choice) for each in members(annotation) if get_origin(each) is Literal for choice in get_args(each)]
    if choices and (match := nearest(value, choices)):
        return f"; did you mean {match!r}?"
    kinds = [get_args(each)[0] if metadata(each) else each for each in members(annotation)]
    if isinstance(value, float) and value.is_integer() and int in kinds and float not in kinds:
        return f"; write {int(value)}"
    if str in kinds and isinstance(value, (int, float)):
        return f"; write \"'{show(value)}'\""
    return ""


def item_of(annotation: Any, index: int) -> Any:
    """Return the annotation of an item of a container; ``-1`` for a value of a mapping."""
    for member in members(annotation):
        base = get_args(member)[0] if get_origin(member) is Annotated else member
        arguments = get_args(base)
        if get_origin(base) is tuple and Ellipsis not in arguments:
            return arguments[index] if index < len(arguments) else Any
        if arguments and isinstance(get_origin(base), type):
            return arguments[-1] if index == -1 else arguments[0]
    return Any


def _describe_container(container: Any, arguments: tuple[Any, ...]) -> str:
    if container is None:
        return "anything"
    if container is dict:
        each = describe(arguments[-1]) if arguments else "anything"
        return "a mapping" if each == "anything" else f"a mapping, each value {each}"
    if container is tuple and arguments and arguments[-1] is not Ellipsis:
        return f"a list of {len(arguments)}: {', '.join(map(describe, arguments))}"
    each = describe(arguments[0]) if arguments else "anything"
    return "a list" if each == "anything" else f"a list, each {each}"


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
    """Return the builtin container that an annotation of a container means: ``Sequence[int]`` is a list."""
    origin = get_origin(annotation) or annotation
    if not isinstance(origin, type) or origin in _NUMBERS:
        return None
    if origin in _CONTAINERS:
        return list if origin in (set, frozenset) else origin
    if origin.__module__ == "collections.abc":
        return {"Mapping": dict, "MutableMapping": dict}.get(origin.__name__, list if _is_listed(origin) else None)
    return None


def _is_listed(origin: type) -> bool:
    return origin.__name__ in ("Sequence", "MutableSequence", "Collection", "Iterable", "Set")


def _is_class(member: Any) -> TypeGuard[type]:
    origin = get_origin(member) or member
    return (
        member is not Any
        and isinstance(origin, type)
        and origin not in _NUMBERS
        and _container(member) is None
        and origin is not object
    )
