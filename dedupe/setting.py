"""An option as a value: default, unit, range, choices, help and check.

Knows no single option, no command line and no file.
"""

from __future__ import annotations

import functools
import math
import os
import re
import types
import typing
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeVar, cast

from dedupe.errors import UsageError

T = TypeVar("T")

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)", re.IGNORECASE)
_TYPE_NAMES = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list of strings",
}


def option(default: Any, help: str, **how: Any) -> Any:  # noqa: A002
    """Declare an option: a dataclass field with what the command line needs.

    Args:
        default: value if the option is not given.
        help: one line, with the unit.
        how: attributes of `Setting`: unit, low, high, choices, suggestions, panel, metavar,
            short, off, is_path, argument.
    """
    return field(default=default, metadata={"help": help, **how})


@dataclass(frozen=True, slots=True)
class Setting:
    """One option of a class, as the command line and a configuration file need it."""

    name: str  # of the attribute
    kind: type  # str, bool, int, float, or tuple for a list of strings
    optional: bool  # None is a value
    default: Any
    help: str
    panel: str  # heading in the help
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()  # completed like choices, but checked elsewhere
    unit: str | None = None  # `bytes` are also written as 10kB
    low: float | None = None  # smallest value
    high: float | None = None  # largest value
    metavar: str | None = None  # FILE, FOLDER, GLOB; else from the type
    short: str | None = None  # flag of one letter
    off: str | None = None  # second flag, for the value None or False
    off_help: str | None = None  # of that flag
    is_path: bool = False  # relative to the configuration file
    is_list: bool = False  # written as one string with commas
    argument: bool = False  # positional on the command line
    or_pairs: bool = False  # the Python API takes pairs of digests as well
    or_encoder: bool = False  # the Python API takes an open encoder as well

    def read(self, raw: Any) -> Any:
        """Return the value that a string of the command line or of a file describes."""
        if self.is_list and isinstance(raw, str):
            return tuple(part.strip() for part in raw.split(",") if part.strip())
        if self.unit == "bytes" and isinstance(raw, str):
            return parse_size(raw)
        return raw

    def find_problem(self, value: Any) -> str | None:
        """Return why a value is not allowed, as the end of a sentence; None if it is allowed."""
        if (value is None and self.optional) or value is self.default:
            return None
        if not self._has_type(value):
            return f"must be {_TYPE_NAMES[self.kind]}, not {value!r}"
        if self.is_path and (value == "" or (self.kind is tuple and "" in value)):
            return "must not be empty"
        unknown = [v for v in (value if self.kind is tuple else [value]) if v not in self.choices]
        if self.choices and unknown:
            return f"{unknown[0]!r} is unknown; choose from {', '.join(self.choices)}"
        if self.kind in (int, float) and not self._is_in_range(value):
            return f"must be {self._range()}, not {value!r}"
        return None

    def _has_type(self, value: Any) -> bool:
        if self.kind is tuple:
            item = (str, os.PathLike) if self.is_path else str
            fits = isinstance(value, Sequence) and not isinstance(value, str | bytes)
            return fits and all(isinstance(part, item) for part in value)
        if self.kind is float:
            return type(value) in (int, float)
        if self.kind is str and self.is_path:
            other = (self.or_pairs and isinstance(value, Iterable)) or (
                self.or_encoder and hasattr(value, "embed")
            )
            return other or isinstance(value, str | os.PathLike)
        return type(value) is self.kind

    def _is_in_range(self, value: float) -> bool:
        above = self.low is None or value >= self.low
        return math.isfinite(value) and above and (self.high is None or value <= self.high)

    def _range(self) -> str:
        if self.high is None:
            return f"at least {self.low:g}" if self.low is not None else "a finite number"
        return f"from {self.low or 0:g} to {self.high:g}"


class Checked:
    """Base of the option classes: checks every value, and then the values together."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for setting in settings_of(type(self)):
            value = getattr(self, setting.name)
            if problem := setting.find_problem(value):
                raise UsageError(f"{setting.name} {problem}")
            if setting.kind is tuple and value is not None:
                object.__setattr__(self, setting.name, tuple(value))
        self._check()

    def _check(self) -> None:
        """Raise UsageError if two values exclude each other."""


def build(options: type[T], values: Mapping[str, Any]) -> T:
    """Build an option class, or a class of such classes, from values by name.

    Raises:
        UsageError: an option is unknown, or a value is not allowed.
    """
    known = {setting.name for setting in settings_of(options)}
    for name in values:
        if name not in known:
            raise UsageError(f"there is no option {name!r}; known are {', '.join(sorted(known))}")
    return cast("T", _build(options, values))


def _build(options: type, values: Mapping[str, Any]) -> Any:
    hints = typing.get_type_hints(options)
    given = {}
    for one in fields(options):
        if is_dataclass(hints[one.name]):
            given[one.name] = _build(hints[one.name], values)
        elif one.name in values:
            given[one.name] = values[one.name]
    return options(**given)


def settings_of(options: type) -> tuple[Setting, ...]:
    """Return the options of a class, those of the classes inside it included, in their order."""
    return _settings_of(cast("Hashable", options))


@functools.cache
def _settings_of(options: Any) -> tuple[Setting, ...]:
    return tuple(_settings(options))


def _settings(options: Any) -> Iterator[Setting]:
    hints = typing.get_type_hints(options)
    for one in fields(options):
        if is_dataclass(hints[one.name]):
            yield from settings_of(hints[one.name])
        elif "help" in one.metadata:  # a field without help is no option
            yield _setting(one, hints[one.name], panel=options.PANEL)


def _setting(declared: Field[Any], hint: Any, *, panel: str) -> Setting:
    parts = list(typing.get_args(hint)) if isinstance(hint, types.UnionType) else [hint]
    if typing.get_origin(hint) is typing.Union:
        parts = list(typing.get_args(hint))
    optional = types.NoneType in parts
    first = parts[0]
    how: dict[str, Any] = {"panel": panel, **declared.metadata}
    if typing.get_origin(first) is Literal:
        how["choices"] = typing.get_args(first)
        first = str
    kind = tuple if typing.get_origin(first) is not None else first
    assert declared.default is not MISSING
    return Setting(declared.name, kind, optional, declared.default, **how)


def parse_size(text: str) -> int:
    """Return the bytes that `500`, `10kB`, `1.5 MB` or `2MiB` describes.

    Raises:
        UsageError: it is not a size.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found or found[2].lower() not in _UNITS:
        raise UsageError(f"{text!r} is not a size: write bytes, or 10kB, 1.5MB, 2MiB")
    return round(float(found[1]) * _UNITS[found[2].lower()])
