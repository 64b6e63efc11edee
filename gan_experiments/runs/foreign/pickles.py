"""Reads a pickle as data: no class is resolved and nothing is called. Imports no torch.

``pickletools`` takes the opcodes apart; whatever names a class or a function becomes an :class:`Inert`. What is read is
part of the file, so its size bounds what is allocated.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

_MOST = 5_000_000  # opcodes of one pickle
_SCALARS = (str, bytes, int, float, bool, type(None))
# Opcodes whose argument is the value.
_VALUES = (
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
)  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class PickleError(ValueError):
    """Raised for what is no pickle, is cut off, or asks for what data does not need."""


class Inert:
    """What a pickle says of an object, in the place of the object.

    Attributes:
        name: The dotted name of its class, or of the function that would have made it.
        args: The arguments of that.
        state: What it would have been given to restore its attributes.
        entries: Its items if it is a mapping.
        values: Its items if it is a sequence or a set.
    """

    __slots__ = ("args", "entries", "name", "state", "values")

    def __init__(self, name: str, args: Any = ()) -> None:
        self.name = name
        self.args = args
        self.state: Any = None
        self.entries: dict[Any, Any] = {}
        self.values: list[Any] = []


def read_pickle(stream: BinaryIO) -> tuple[Any, list[Any]]:
    """Read the pickle at the position of a stream, which stands behind it afterwards.

    Args:
        stream: Reads no more than there is, such as ``io.BytesIO`` or ``mmap.mmap``.

    Returns:
        The object: plain values, lists, tuples, dicts and :class:`Inert`; and the persistent ids in it.

    Raises:
        PickleError: It is none, is cut off, or is not data.
    """
    reader = _Reader()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count > _MOST:
                raise PickleError("too many values")
            reader.take(opcode.name, argument)
        return reader.stack.pop(), reader.persistent
    except PickleError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, UnicodeError) as error:
        text = (str(error).splitlines() or [""])[0]
        raise PickleError(f"no pickle, or cut off: {type(error).__name__} {text:.80}") from None


def entries_of(value: Any) -> dict[Any, Any]:
    """Return the items of a mapping, be it a dict or of a class of its own; empty for anything else."""
    if isinstance(value, Inert):
        return value.entries
    return value if isinstance(value, dict) else {}


class _Reader:
    """The stack machine of pickles, for data."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.persistent: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def take(self, name: str, argument: Any) -> None:
        """Do what an opcode says."""
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            items = [self.stack.pop() for _ in range(_TUPLES[name])]
            self.stack.append(tuple(reversed(items)))
        elif method := _METHODS.get(name):
            method(self, argument)
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise PickleError(f"holds {name}, which data does not need")

    def _mark(self, _: Any) -> None:
        self._marks.append(self.stack)
        self.stack = []

    def _marked(self) -> list[Any]:
        items = self.stack
        self.stack = self._marks.pop()
        return items

    def _container(self, kind: Callable[[list[Any]], Any]) -> None:
        items = self._marked()  # which changes the stack
        self.stack.append(kind(items))

    def _append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, (list, Inert)):
            raise PickleError(f"appends to a {type(target).__name__}")
        (target.values if isinstance(target, Inert) else target).extend(items)

    def _set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, (dict, Inert)):
            raise PickleError(f"sets items of a {type(target).__name__}")
        (target.entries if isinstance(target, Inert) else target).update(_pairs(items))

    def _pop_then_set(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def _get(self, index: int) -> None:
        self.stack.append(self._memo[index])

    def _put(self, index: int) -> None:
        self._memo[index] = self.stack[-1]

    def _global(self, path: str) -> None:
        self.stack.append(Inert(path.replace(" ", ".")))

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise PickleError("names a class by other things than text")
        self.stack.append(Inert(f"{module}.{name}"))

    def _call(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(_made_by(function, arguments))

    def _call_with_names(self, _: Any) -> None:
        names, arguments, function = (self.stack.pop() for _ in range(3))
        self.stack.append(_made_by(function, (arguments, names)))

    def _call_marked(self, _: Any) -> None:
        function, *arguments = self._marked()
        self.stack.append(_made_by(function, tuple(arguments)))

    def _instance(self, path: str) -> None:
        arguments = self._marked()
        self.stack.append(Inert(path.replace(" ", "."), tuple(arguments)))

    def _build(self, _: Any) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Inert):
            raise PickleError(f"restores the attributes of a {type(target).__name__}")
        target.state = state

    def _persist(self, identifier: Any) -> None:
        self.persistent.append(identifier)
        self.stack.append(Inert("persistent", identifier))


def _made_by(function: Any, arguments: Any) -> Inert:
    if not isinstance(function, Inert):
        raise PickleError(f"calls a {type(function).__name__}")
    return Inert(function.name, arguments)


def _pairs(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield keys and values; hashing another key than a scalar could take forever."""
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, _SCALARS):
            raise PickleError(f"has a {type(key).__name__} for a key")
        yield key, value


_METHODS: Mapping[str, Callable[[_Reader, Any], object]] = {
    "MARK": _Reader._mark,
    "EMPTY_LIST": lambda reader, _: reader.stack.append([]),
    "EMPTY_DICT": lambda reader, _: reader.stack.append({}),
    "EMPTY_SET": lambda reader, _: reader.stack.append([]),
    "LIST": lambda reader, _: reader._container(list),
    "TUPLE": lambda reader, _: reader._container(tuple),
    "FROZENSET": lambda reader, _: reader._container(list),
    "DICT": lambda reader, _: reader._container(lambda items: dict(_pairs(items))),
    "APPEND": lambda reader, _: reader._append([reader.stack.pop()]),
    "APPENDS": lambda reader, _: reader._append(reader._marked()),
    "ADDITEMS": lambda reader, _: reader._append(reader._marked()),
    "SETITEM": _Reader._pop_then_set,
    "SETITEMS": lambda reader, _: reader._set(reader._marked()),
    "POP": lambda reader, _: reader.stack.pop() if reader.stack else reader._marked(),
    "POP_MARK": lambda reader, _: reader._marked() and None,
    "DUP": lambda reader, _: reader.stack.append(reader.stack[-1]),
    "GET": _Reader._get,
    "BINGET": _Reader._get,
    "LONG_BINGET": _Reader._get,
    "PUT": _Reader._put,
    "BINPUT": _Reader._put,
    "LONG_BINPUT": _Reader._put,
    "MEMOIZE": lambda reader, _: reader._put(len(reader._memo)),
    "GLOBAL": _Reader._global,
    "STACK_GLOBAL": _Reader._stack_global,
    "REDUCE": _Reader._call,
    "NEWOBJ": _Reader._call,
    "NEWOBJ_EX": _Reader._call_with_names,
    "OBJ": _Reader._call_marked,
    "INST": _Reader._instance,
    "BUILD": _Reader._build,
    "PERSID": _Reader._persist,
    "BINPERSID": lambda reader, _: reader._persist(reader.stack.pop()),
}
