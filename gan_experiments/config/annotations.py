"""The pydantic model of a constructor's arguments, which says in our words what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pydantic
from pydantic_core import PydanticCustomError

from gan_experiments.config.signatures import (
    ANYWHERE,
    UNIONS,
    Component,
    Slot,
    container_of,
    is_component,
    is_section,
    members,
    signature_of,
)
from gan_experiments.config.targets import TARGET
from gan_experiments.config.wording import describe, spelling_hint
from gan_experiments.core.text import show

_UNFIT = "unfit"  # the type of a validation error whose message is in our words
MISPLACED = "misplaced"  # the type of one of a mapping that has a class, but cannot have one itself
# No scalar is converted.
_STRICT: dict[Any, Any] = {
    int: pydantic.StrictInt, float: pydantic.StrictFloat, bool: pydantic.StrictBool, str: pydantic.StrictStr,
    Path: pydantic.StrictStr,
}  # fmt: skip


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
            type_in_words(annotation),
            pydantic.Field(*(() if required else (None,)), alias=name),
        )
    config = pydantic.ConfigDict(extra="allow" if signature.open else "forbid", allow_inf_nan=False)
    return pydantic.create_model("Arguments", __config__=config, **fields)


def type_in_words(annotation: Any) -> Any:
    """Return what pydantic holds a value against, with errors in our words; components and sections are noted."""
    plain = _type_of(annotation)
    return plain if plain is Any else Annotated[plain, pydantic.WrapValidator(partial(_validate, annotation))]


def _validate(annotation: Any, value: Any, validate: Callable[[Any], Any], info: pydantic.ValidationInfo) -> Any:
    """Validate a value; note what is checked on its own, and say in words what does not fit."""
    if value is REFUSED:
        return value
    has_target = isinstance(value, dict) and TARGET in value
    if isinstance(value, dict) and any(map(is_component if has_target else is_section, members(annotation))):
        noted: Any = info.context
        noted[id(value)] = annotation
        return value
    try:
        if not has_target:
            return validate(value)
    except pydantic.ValidationError as error:
        is_union = len([member for member in members(annotation) if member is not type(None)]) > 1
        if not is_union and all(detail["type"] == _UNFIT for detail in error.errors()):
            raise  # about an item, in words already
    misplaced = has_target and any(is_section(each) or _holds_components(each) for each in members(annotation))
    shown = "a component" if has_target else show(value)
    text = f"{shown} is not {describe(annotation)}{spelling_hint(value, annotation)}"
    raise PydanticCustomError(MISPLACED if misplaced else _UNFIT, "{text}", {"text": text})


def _holds_components(annotation: Any) -> bool:
    """Tell whether an annotation is a mapping whose values are components."""
    arguments = get_args(annotation)
    return container_of(annotation) is dict and bool(arguments) and any(map(is_component, members(arguments[-1])))


def _type_of(annotation: Any) -> Any:
    """Return the type for pydantic: no scalar is converted, and what no YAML can write is a component."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        base = _type_of(arguments[0])
        return base if base is Any else Annotated[(base, *arguments[1:])]
    if get_origin(annotation) in UNIONS:
        parts = tuple(map(_type_of, arguments))
        return Any if Any in parts else Union[parts]  # noqa: UP007 - of a computed tuple
    if get_origin(annotation) is Literal:
        types = set(map(type, arguments))  # pydantic takes True for a literal 1
        return Annotated[annotation, pydantic.BeforeValidator(lambda value: value if type(value) in types else REFUSED)]
    if annotation in (None, type(None), *_STRICT):
        return _STRICT.get(annotation, annotation)
    if is_section(annotation) or is_component(annotation):
        return pydantic.InstanceOf[Component]  # which no value is
    container = container_of(annotation)
    if container is dict:
        return dict[Any, type_in_words(arguments[-1]) if arguments else Any]  # type: ignore[misc]
    inner = tuple(part if part is Ellipsis else type_in_words(part) for part in arguments)
    return Any if container is None else container[inner] if inner else container
