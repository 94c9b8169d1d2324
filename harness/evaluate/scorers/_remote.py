"""Use objects of another process: values cross as JSON, everything else stays there and is asked. Imports nothing of ours.

A value of a plain type crosses by its content, as the base type sees it, so a subclass that is equal to everything is not.
Anything else crosses as a number, for which the other side makes a `Proxy`. One process serves (`serve`), the other one asks
(`Asker`); while it waits for its answer it serves the functions that it gave away.
"""

import builtins
import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

LONGEST = 16 << 20
"""Bytes of one message."""
BY_TEXT = {complex: str, Decimal: str, Fraction: str}
BY_FORM = {date: "fromisoformat", datetime: "fromisoformat", time: "fromisoformat"}
OPERATORS = (
    *(
        "len",
        "getitem",
        "setitem",
        "delitem",
        "contains",
        "iter",
        "next",
        "enter",
        "exit",
        "neg",
        "abs",
        "int",
        "float",
    ),
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "matmul"),
    *("iadd", "isub", "imul", "call", "reversed", "round", "bool", "str", "repr", "instancecheck"),
)


class Broken(Exception):
    """The other process is gone, or does not keep to the protocol."""


class RemoteError(Exception):
    """An exception of a class that only the other process has."""


class Wire:
    """Messages, one a line, over a socket."""

    def __init__(self, connection: Any) -> None:
        self._file = connection.makefile("rwb")

    def send(self, message: Any) -> None:
        try:
            self._file.write(json.dumps(message).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise Broken(str(error)) from error

    def receive(self) -> Any:
        """Raises Broken at its end, and for what is no message."""
        try:
            line = self._file.readline(LONGEST)
            return json.loads(line) if line.endswith(b"\n") else _broken("it ended")
        except (OSError, ValueError, RecursionError) as error:
            raise Broken(str(error)) from error


def _broken(why: str) -> Any:
    raise Broken(why)


def pack(value: Any, keep: Callable[[Any], int]) -> Any:
    """A value as JSON; `keep` gives a number to an object that has no JSON form."""
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind in (int, float):
        return {"n": hex(value) if kind is int else value.hex(), "t": kind.__name__}
    if kind in (list, tuple, set, frozenset):
        return {"t": kind.__name__, "v": [pack(item, keep) for item in value]}
    if kind is dict:
        return {"t": "dict", "v": [[pack(key, keep), pack(item, keep)] for key, item in value.items()]}
    if kind in (bytes, bytearray):
        return {"t": kind.__name__, "v": value.hex()}
    if kind in BY_TEXT:
        return {"t": kind.__name__, "v": str(value)}
    if kind in BY_FORM:
        return {"t": kind.__name__, "v": value.isoformat()}
    if kind is timedelta:
        return {"t": "timedelta", "v": [value.days, value.seconds, value.microseconds]}
    return {"t": "object", "h": keep(value), "v": _base(value, keep)}


def _base(value: Any, keep: Callable[[Any], int]) -> Any:
    """The content of an instance of a subclass of a plain type, read past whatever the subclass defines; None without one."""
    for kind, bare in _BARE.items():
        if isinstance(value, kind):
            return pack(bare(value), keep)
    return None


_BARE: dict[type, Callable[[Any], Any]] = {
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    int: lambda value: int.__add__(value, 0),
    float: lambda value: float.__add__(value, 0.0),
    str: lambda value: str.__getitem__(value, slice(None)),
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
}


def unpack(data: Any, make: Callable[[int, Any], Any]) -> Any:
    """The value of JSON; `make` gives an object for a number and its plain content. Raises Broken."""
    try:
        return _unpacked(data, make)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, ArithmeticError) as error:
        raise Broken(f"not a value: {error}") from error


def _unpacked(data: Any, make: Callable[[int, Any], Any]) -> Any:
    if data is None or isinstance(data, (bool, str)):
        return data
    kind = data["t"]
    if kind in ("int", "float"):
        return int(data["n"], 16) if kind == "int" else float.fromhex(data["n"])
    if kind == "dict":
        return {_unpacked(key, make): _unpacked(item, make) for key, item in data["v"]}
    if kind in ("list", "tuple", "set", "frozenset"):
        return getattr(builtins, kind)(_unpacked(item, make) for item in data["v"])
    if kind in ("bytes", "bytearray"):
        return getattr(builtins, kind).fromhex(data["v"])
    if kind == "timedelta":
        return timedelta(*data["v"])
    if kind == "object":
        plain = _unpacked(data["v"], make) if data["v"] is not None else None
        return make(int(data["h"]), plain)
    texts = {one.__name__: one for one in BY_TEXT}
    forms = {one.__name__: getattr(one, name) for one, name in BY_FORM.items()}
    return (texts | forms)[kind](data["v"])


class Asker:
    """Asks the process at the other end of a wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._given = wire, list[Any]()
        self.errors: dict[str, type[BaseException]] = {}
        """Exception classes of the other side, by name."""

    def names(self) -> dict[str, Any]:
        """The global names of the other side. Raises what its code raised."""
        found = self._answer()
        for name, kinds in found["errors"].items():
            known = (getattr(builtins, kind, None) for kind in kinds)
            base = next(kind for kind in known if isinstance(kind, type) and issubclass(kind, Exception))
            self.errors[name] = type(name, (base,), {})
        return {**{name: self.value(item) for name, item in found["names"].items()}, **self.errors}

    def ask(self, handle: int, operator: str, *args: Any, **named: Any) -> Any:
        """Apply an operator to an object of the other side; lists, dicts and sets that it changed are changed here too."""
        packed = [pack(arg, self._give) for arg in args]
        self._wire.send({"on": handle, "op": operator, "args": packed, "named": pack(named, self._give)})
        found = self._answer()
        for mine, after in zip(args, found["args"], strict=False):
            _follow(mine, self.value(after) if after is not None else mine)
        return self.value(found["value"])

    def value(self, data: Any) -> Any:
        return unpack(data, lambda handle, plain: Proxy(self, handle, plain))

    def _give(self, value: Any) -> int:
        if isinstance(value, Proxy):
            handle: int = object.__getattribute__(value, "_handle")
            return -1 - handle
        self._given.append(value)
        return len(self._given) - 1

    def _answer(self) -> Any:
        while True:
            message = self._wire.receive()
            if not isinstance(message, dict):
                raise Broken("not an answer")
            if "callback" in message:
                self._wire.send(self._called(message))
            elif "raise" in message:
                raise self._error(message["raise"])
            else:
                return message["ok"]

    def _called(self, message: Any) -> Any:
        """Call one of the functions that were given away."""
        try:
            function, args = self._given[int(message["callback"])], self.value(message["args"])
            return {"ok": pack(function(*args), self._give)}
        except Broken:
            raise
        except Exception as error:
            return {"raise": type(error).__name__, "text": str(error)[:500]}

    def _error(self, told: Any) -> BaseException:
        kinds, text = told["kinds"], str(told["text"])[:2000]
        for name in kinds:
            known = self.errors.get(name) or getattr(builtins, str(name), None)
            if isinstance(known, type) and issubclass(known, Exception):
                return known(text)
        return RemoteError(f"{kinds[0] if kinds else 'error'}: {text}")


def _follow(mine: Any, after: Any) -> None:
    if type(mine) is list and type(after) is list:
        mine[:] = after
    elif type(mine) in (dict, set) and type(after) is type(mine) and mine != after:
        mine.clear()
        mine.update(after)


class Proxy:
    """An object of the other process. What it is equal to is decided here, by its plain content or by which object it is."""

    def __init__(self, asker: Asker, handle: int, plain: Any) -> None:
        for name, value in (("_asker", asker), ("_handle", handle), ("_plain", plain)):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        return _ask(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, "setattr", name, value)

    def __eq__(self, other: object) -> bool:
        mine = _plain(self)
        if isinstance(other, Proxy):
            theirs = _plain(other)
            if mine is None and theirs is None:
                return bool(_ask(self, "eq", other) is True)
            return bool(mine == theirs)
        return mine is not None and bool(mine == other)

    def __hash__(self) -> int:
        return hash(_plain(self)) if _plain(self) is not None else hash(object.__getattribute__(self, "_handle"))

    def __lt__(self, other: Any) -> Any:
        return _compared(self, "lt", other)

    def __le__(self, other: Any) -> Any:
        return _compared(self, "le", other)

    def __gt__(self, other: Any) -> Any:
        return _compared(self, "gt", other)

    def __ge__(self, other: Any) -> Any:
        return _compared(self, "ge", other)


def _ask(proxy: Proxy, operator: str, *args: Any, **named: Any) -> Any:
    asker: Asker = object.__getattribute__(proxy, "_asker")
    return asker.ask(object.__getattribute__(proxy, "_handle"), operator, *args, **named)


def _plain(proxy: Proxy) -> Any:
    return object.__getattribute__(proxy, "_plain")


def _compared(proxy: Proxy, operator: str, other: Any) -> Any:
    """By content where there is one; two objects of the other side are compared there."""
    mine = _plain(proxy)
    if mine is not None:
        return getattr(mine, f"__{operator}__")(_plain(other) if isinstance(other, Proxy) else other)
    return _ask(proxy, operator, other) is True if isinstance(other, Proxy) else NotImplemented


def _operator(name: str) -> Callable[..., Any]:
    return lambda self, *args, **named: _ask(self, name, *args, **named)


for _name in OPERATORS:
    setattr(Proxy, f"__{_name}__", _operator(_name))


class NameServer:
    """Serves the objects of this process to the asker at the other end of a wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._kept = wire, list[Any]()

    def names(self, names: dict[str, Any]) -> None:
        """Tell the global names, and which of them are exceptions."""
        told = {name: pack(value, self._keep) for name, value in names.items() if not name.startswith("__")}
        errors = {
            name: [kind.__name__ for kind in value.__mro__]
            for name, value in names.items()
            if isinstance(value, type) and issubclass(value, Exception)
        }
        self._wire.send({"ok": {"names": told, "errors": errors}})

    def failed(self, error: BaseException) -> None:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        try:
            text = str(error)
        except Exception:
            text = ""
        self._wire.send({"raise": {"kinds": kinds, "text": text[:2000]}})

    def serve(self) -> None:
        """Until the asker is gone."""
        while True:
            message = self._wire.receive()
            try:
                args = [self._value(arg) for arg in message["args"]]
                value = _applied(self._kept[message["on"]], message["op"], args, self._value(message["named"]))
                after = [pack(arg, self._keep) if type(arg) in (list, dict, set) else None for arg in args]
                answer = {"ok": {"value": pack(value, self._keep), "args": after}}
            except Broken:
                raise
            except BaseException as error:
                self.failed(error)
            else:
                self._wire.send(answer)

    def _keep(self, value: Any) -> int:
        self._kept.append(value)
        return len(self._kept) - 1

    def _value(self, data: Any) -> Any:
        return unpack(data, lambda handle, plain: self._kept[-1 - handle] if handle < 0 else self._callback(handle))

    def _callback(self, number: int) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self._wire.send({"callback": number, "args": pack(list(args), self._keep)})
            answer = self._wire.receive()
            if "raise" in answer:
                known = getattr(builtins, answer["raise"], None)
                raise (known if isinstance(known, type) and issubclass(known, Exception) else RemoteError)(
                    answer["text"]
                )
            return self._value(answer["ok"])

        return call


def _applied(target: Any, operator: str, args: list[Any], named: dict[str, Any]) -> Any:
    plain: dict[str, Callable[..., Any]] = {
        "call": target,
        "getattr": lambda name: getattr(target, name),
        "setattr": lambda name, value: setattr(target, name, value),
        "bool": lambda: bool(target),
        "str": lambda: str(target),
        "repr": lambda: repr(target),
        "len": lambda: len(target),
        "iter": lambda: iter(target),
        "reversed": lambda: reversed(target),
        "contains": lambda item: item in target,
        "instancecheck": lambda item: isinstance(item, target),
        "getitem": lambda key: target[key],
        "eq": lambda other: bool(target == other),
    }
    apply = plain[operator] if operator in plain else getattr(target, f"__{operator}__", None)
    if apply is None:
        raise TypeError(f"{type(target).__name__!r} object does not support {operator}")
    return apply(*args, **named)
