"""What a constructor accepts, read from the imported class, and what kind of thing each annotation stands for.

That is plain values, a section of the config, or a component.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any, NamedTuple, TypeGuard, Union, get_args, get_origin, get_type_hints

# Their own arguments come from the framework, never from a config.
_FRAMEWORK_ROOTS = {
    ("torch.nn.modules.module", "Module"),
    ("pytorch_lightning.core.module", "LightningModule"),
    ("pytorch_lightning.core.datamodule", "LightningDataModule"),
    ("torchmetrics.metric", "Metric"),
}
SCALARS = {int: "an integer", float: "a number", bool: "true or false", str: "text", Path: "text"}
UNIONS = (Union, types.UnionType)


class Section:
    """The base of a schema's dataclasses: a mapping in the config whose keys are the fields."""


class Component:
    """The annotation of what is built: a mapping with ``_target_``, a class, and arguments of its constructor."""


class Parameter(NamedTuple):
    """One argument of a constructor: its resolved annotation, and whether it must be given."""

    annotation: Any
    required: bool


class Signature(NamedTuple):
    """The arguments of a constructor by name; ``open`` if it takes any others too."""

    parameters: dict[str, Parameter]
    open: bool = False


class Slot(NamedTuple):
    """Says which components fit where an annotation has it, and what a config may set of their arguments.

    Attributes:
        bases: Classes of which they descend from one; in a schema their paths, as ``module:name``. Empty: any class.
        provided: Arguments that the program hands over; a config must not name them.
        limits: A dataclass whose annotations are stricter than those of the constructor.
    """

    bases: tuple[Any, ...] = ()
    provided: frozenset[str] = frozenset()
    limits: type | None = None


ANYWHERE = Slot()


@cache
def signature_of(cls: type, slot: Slot = ANYWHERE) -> Signature:
    """Return what the constructor of ``cls`` accepts from a config, in a slot.

    If it has ``**kwargs``, the next constructor in the method resolution order adds its arguments; ``Unpack`` of a
    ``TypedDict`` as their annotation lists them instead. Without either, any argument is accepted.
    """
    parameters: dict[str, Parameter] = {}
    is_open = False
    for owner in cls.__mro__:
        if (owner.__module__, owner.__qualname__) in _FRAMEWORK_ROOTS:
            break
        constructor = inspect.unwrap(vars(owner).get("__init__"))  # type: ignore[arg-type]
        if not inspect.isfunction(constructor):
            continue
        own, rest = _arguments(constructor, owner)
        parameters = own | parameters
        is_open = rest is not None
        if _form(rest) == "Unpack":
            parameters, is_open = _of_typed_dict(get_args(rest)[0]) | parameters, False
        if not is_open:
            break
    stricter = signature_of(slot.limits).parameters if slot.limits else {}
    return Signature(
        {
            name: Parameter(stricter.get(name, parameter).annotation, parameter.required)
            for name, parameter in parameters.items()
            if name not in slot.provided
        },
        is_open,
    )


def _arguments(constructor: types.FunctionType, owner: type) -> tuple[dict[str, Parameter], Any]:
    """Return the named arguments of a constructor, and the annotation of its ``**kwargs``; ``None`` without any."""
    arguments, rest = {}, None
    for name, parameter in list(inspect.signature(constructor).parameters.items())[1:]:
        annotation = resolved(parameter.annotation, _names_for(name, constructor, owner))
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = annotation
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            arguments[name] = Parameter(annotation, parameter.default is parameter.empty)
    return arguments, rest


def _names_for(argument: str, constructor: types.FunctionType, owner: type) -> dict[str, Any]:
    """Return the names that an annotation may use: those of its module, which a dataclass's field may inherit."""
    if hasattr(owner, "__dataclass_fields__"):
        for base in owner.__mro__:
            if argument in inspect.get_annotations(base):
                return vars(sys.modules[base.__module__])
    return constructor.__globals__


def _of_typed_dict(options: Any) -> dict[str, Parameter]:
    parameters = {}
    for name, hint in get_type_hints(options, include_extras=True).items():
        form = _form(hint)
        required = form == "Required" or (name in options.__required_keys__ and form != "NotRequired")
        parameters[name] = Parameter(get_args(hint)[0] if form in ("Required", "NotRequired") else hint, required)
    return parameters


def _form(annotation: Any) -> str:
    """Return the name of the special form around an annotation, from ``typing`` or ``typing_extensions`` alike."""
    return repr(get_origin(annotation)).rpartition(".")[2]


def resolved(annotation: Any, names: dict[str, Any]) -> Any:
    """Return an annotation with all strings in it evaluated; ``Any`` if it names what only a type checker knows."""
    if annotation is inspect.Parameter.empty:
        return Any
    try:
        return get_type_hints(type("", (), {"__annotations__": {"_": annotation}}), names, include_extras=True)["_"]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return Any


def members(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, or the annotation alone; ``Annotated`` around either is taken off."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        yield from members(arguments[0])
    elif get_origin(annotation) in UNIONS:
        for argument in arguments:
            yield from members(argument)
    else:
        yield annotation


def section_in(annotation: Any) -> type | None:
    """Return the section of a schema that belongs at an annotation, if one does."""
    return next(filter(is_section, members(annotation)), None)


def slot_of(annotation: Any, component: type | None = None) -> Slot:
    """Return which components fit at an annotation, and what the program provides to the one that is there.

    A schema says it of the annotation, or it is those of its classes.
    """
    marks = [mark for part in (annotation, *get_args(annotation)) for mark in getattr(part, "__metadata__", ())]
    slot = next((mark for mark in marks if isinstance(mark, Slot)), ANYWHERE)
    bases = tuple(get_origin(each) or each for each in members(annotation) if is_component(each))
    bases = tuple(map(resolve_name, slot.bases)) if slot.bases else bases
    provided = (getattr(cls, "provided", ()) for cls in (*bases, component))
    return Slot(bases, slot.provided.union(*provided), slot.limits)


def container_of(annotation: Any) -> Any:
    """Return the builtin container that an annotation means, if any: ``Sequence[int]`` is a list."""
    origin = get_origin(annotation) or annotation
    if not isinstance(origin, type) or origin.__module__ not in ("builtins", "collections.abc") or origin is object:
        return None
    if issubclass(origin, tuple):
        return tuple
    if issubclass(origin, Mapping):
        return dict
    return list if issubclass(list, origin) or issubclass(origin, AbstractSet) else None


def is_section(annotation: Any) -> TypeGuard[type]:
    """Tell whether an annotation is a section of a schema."""
    return isinstance(annotation, type) and issubclass(annotation, Section)


def is_component(annotation: Any) -> bool:
    """Tell whether an annotation is a class whose instances no YAML can write: what a component is built for."""
    origin = get_origin(annotation) or annotation
    others = (object, Any, type(None), *SCALARS)
    return isinstance(origin, type) and origin not in others and not container_of(origin) and not is_section(origin)
