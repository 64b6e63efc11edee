"""Constructor parameters of a class, including those of base classes that ``**kwargs`` hands on to."""

from __future__ import annotations

import inspect
from inspect import Parameter

_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def constructor_parameters(cls: type) -> dict[str, Parameter]:
    """Return the parameters that the constructor of ``cls`` takes by name.

    If a constructor has ``**kwargs``, the parameters of the next ``__init__`` in the method resolution order are its
    parameters too, and so on.
    """
    named: dict[str, Parameter] = {}
    for base in cls.__mro__:
        if "__init__" in vars(base):
            parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
            for parameter in parameters:
                if parameter.kind in _NAMED:
                    named.setdefault(parameter.name, parameter)
            if all(parameter.kind is not Parameter.VAR_KEYWORD for parameter in parameters):
                break
    return named
