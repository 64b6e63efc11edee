"""Checks the arguments of a function of the Python API against its annotations, as those of a config are."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterator
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin

from gan_experiments.config.signatures import UNIONS, is_component, members, resolved
from gan_experiments.core.checks import Problem, refuse

_NULL = re.compile(r"^null\b|(?<= or )null$")  # what YAML calls None
_P = ParamSpec("_P")
_R = TypeVar("_R")


def checked(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function refuse arguments that do not fit its annotations, all at once, before it begins.

    What is annotated with a class of this package or of torch is not looked at. Scalars of NumPy and torch become
    those of Python; a path is one of text.

    Raises:
        ConfigError: From the function that is returned: names each argument, and says what would fit.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        bound = signature.bind(*args, **kwargs)
        annotations = _annotations(function)
        bound.arguments |= {name: _scalar(bound.arguments[name]) for name in annotations if name in bound.arguments}
        refuse(_problems(annotations, bound.arguments))
        return function(*bound.args, **bound.kwargs)

    return call


def _problems(annotations: dict[str, Any], given: dict[str, Any]) -> Iterator[Problem]:
    from pydantic import ValidationError

    for name, annotation in annotations.items():
        value = given.get(name)
        value = os.fspath(value) if isinstance(value, os.PathLike) else value
        if name not in given or isinstance(value, Iterator):  # which looking at would use up
            continue
        try:
            _adapter(annotation).validate_python(value, context={})
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False, include_input=False):
                items = "".join(f"[{item}]" for item in detail["loc"])
                yield Problem(f"{name}{items}", _NULL.sub("None", detail["msg"]))


@cache
def _adapter(annotation: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    from gan_experiments.config.annotations import type_in_words

    return TypeAdapter(type_in_words(annotation), config=ConfigDict(allow_inf_nan=False))


@cache
def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what the arguments have to be, without those of which no config says it."""
    names = function.__globals__
    parameters = inspect.signature(function).parameters.values()
    annotations = {each.name: _as_text(resolved(each.annotation, names)) for each in parameters if each.name != "self"}
    return {name: each for name, each in annotations.items() if not any(map(is_component, members(each)))}


def _as_text(annotation: Any) -> Any:
    """Return an annotation with text in the place of paths."""
    if get_origin(annotation) is os.PathLike:
        return str
    if get_origin(annotation) in UNIONS:
        return Union[tuple(map(_as_text, get_args(annotation)))]  # noqa: UP007 - of a computed tuple
    return annotation


def _scalar(value: Any) -> Any:
    """Return a scalar of NumPy or torch as one of Python, and anything else as it is."""
    return value.item() if getattr(value, "shape", None) == () else value
