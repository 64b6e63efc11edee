"""What a constructor accepts, read with ``inspect`` and ``typing`` from the imported class."""

from __future__ import annotations

import inspect
import sys
import types
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

# Their own arguments come from the framework, never from a config.
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
        annotation = _resolved(parameter.annotation, _names_for(name, constructor, owner))
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


def _resolved(annotation: Any, names: dict[str, Any]) -> Any:
    """Return an annotation with all strings in it evaluated; ``Any`` if it names what only a type checker knows."""
    if annotation is inspect.Parameter.empty:
        return Any
    try:
        return get_type_hints(type("", (), {"__annotations__": {"_": annotation}}), names, include_extras=True)["_"]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return Any
