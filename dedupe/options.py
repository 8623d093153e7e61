"""Every option once: default, unit, range, choices, help and check.

The command line, configuration files, scheduled jobs and the Python API are made from these
classes. Knows no command line and opens no file.
"""

from __future__ import annotations

import functools
import math
import os
import re
import types
import typing
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict, TypeVar, cast

from dedupe.decode.formats import DEFAULT_MAX_PIXELS
from dedupe.encoder.manifest import BUILT_IN, SENSITIVITIES, Device, Encoder, Runtime
from dedupe.errors import UsageError
from dedupe.files.paths import USER_FILE, StrPath, UserFile
from dedupe.group.keep import DEFAULT_RULES, RULES
from dedupe.report import Format
from dedupe.types import KINDS, ActionKind, Kind, SidecarRule

if TYPE_CHECKING:
    from dedupe.apply.run import ApplyOptions

T = TypeVar("T")
Ignored = StrPath | Iterable[Collection[str]] | UserFile | None
"""File of the ignored pairs, or the pairs as digests, or `USER_FILE`, or None for no pairs."""

SAFE_KINDS: tuple[Kind, ...] = ("exact", "same")
"""Kinds that are safe to remove unseen: a person decides about the others."""

_ACTIONS: tuple[ActionKind, ...] = typing.get_args(ActionKind)
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
        how: attributes of `Setting`: unit, low, high, choices, panel, metavar, short, off,
            is_path, argument.
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
        if (value is None and self.optional) or value is USER_FILE is self.default:
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


class _Checked:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions(_Checked):
    """The folders and files of a scan."""

    PANEL: ClassVar = "Input"

    roots: Sequence[StrPath] = option(
        (), "Folders and files.", is_path=True, argument=True, metavar="PATH"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkOptions(_Checked):
    """Which files below the roots are scanned."""

    PANEL: ClassVar = "Files to scan"

    include: Sequence[str] = option((), "Only names or paths that match.", metavar="GLOB")
    exclude: Sequence[str] = option((), "No names or paths that match.", metavar="GLOB")
    hidden: bool = option(False, "Include names that start with a dot.")
    follow_symlinks: bool = option(False, "Enter linked folders.")
    min_size: int = option(0, "Skip smaller files: bytes, or 10kB.", low=0, unit="bytes")
    max_depth: int | None = option(None, "Levels of folders to enter.", low=1)
    one_file_system: bool = option(False, "Stay on the file system of each root.")
    max_pixels: int = option(DEFAULT_MAX_PIXELS, "Skip larger images; 0: no limit.", low=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateOptions(_Checked):
    """Which files are duplicates, and which file of a group stays."""

    PANEL: ClassVar = "Duplicates and keepers"

    sensitivity: str | None = option(
        None,
        f"{', '.join(SENSITIVITIES)}. Default: wide, narrower above 1,000 images; balanced with "
        "--no-verify.",
        choices=SENSITIVITIES,
    )
    threshold: float | None = option(
        None, "Largest distance of a copy, 0 to 2; replaces --sensitivity.", low=0, high=2
    )
    keep: Sequence[str] = option(
        DEFAULT_RULES,
        f"Rules that choose the keeper, in order: {', '.join(RULES)}.",
        choices=tuple(RULES),
        is_list=True,
        metavar="RULES",
    )
    protect: Sequence[StrPath] = option(
        (), "Files here are never duplicates.", is_path=True, metavar="PATH"
    )
    across: bool = option(False, "Only groups with files of two roots.")
    verify: bool = option(
        True, "Trust the encoder alone: faster, but bursts may count as copies.", off="no_verify"
    )
    ignored: Ignored = option(
        USER_FILE,
        "File of `dedupe ignore`. Default: that of the user.",
        is_path=True,
        or_pairs=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(_Checked):
    """What a scan runs with; no option changes its result but the encoder."""

    PANEL: ClassVar = "Encoder, index and workers"

    encoder: StrPath | Encoder = option(
        BUILT_IN, "Folder of another encoder.", is_path=True, or_encoder=True, metavar="FOLDER"
    )
    device: Device = option("auto", "auto, cpu or gpu.")
    runtime: Runtime = option("auto", "auto, litert or keras.")
    batch_size: int | None = option(None, "Images in one call of the encoder.", low=1)
    workers: int | None = option(None, "Decoding threads. Default: one per core.", low=1)
    index: StrPath | UserFile | None = option(
        USER_FILE,
        "File of the index. Default: that of the user.",
        is_path=True,
        off="no_index",
        off_help="Neither read nor write an index.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """The options of a scan that decide its result and its cost."""

    walk: WalkOptions = field(default_factory=WalkOptions)
    duplicates: DuplicateOptions = field(default_factory=DuplicateOptions)
    run: RunOptions = field(default_factory=RunOptions)


_SAFETY = "Safety"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOptions(_Checked):
    """What is done with duplicates, and the limits of one run."""

    PANEL: ClassVar = "Action (choose one; `dedupe undo` reverts it)"

    move_to: StrPath | None = option(
        None, "Move duplicates below this folder.", is_path=True, metavar="FOLDER"
    )
    trash: bool = option(False, "Move duplicates into the trash.")
    hardlink: bool = option(False, "Replace exact copies by hard links.")
    symlink: bool = option(False, "Replace exact copies by symbolic links.")
    reflink: bool = option(False, "Replace exact copies by reflinks (shared blocks).")
    delete: bool = option(False, "Delete duplicates; undo restores exact copies only.")
    kinds: Sequence[Kind] | None = option(
        None,
        "Kinds of duplicates to act on: exact,same,edited. Default: all; exact,same with --delete "
        "and in scheduled jobs.",
        choices=KINDS,
        is_list=True,
        metavar="KINDS",
    )
    sidecars: SidecarRule = option(
        "with",
        "`with` moves xmp and aae files along and leaves a photo with a raw file or movie where "
        "it is, `all` moves these along too, `stay` leaves a photo with any sidecar where it is, "
        "`ignore` leaves sidecars alone.",
        panel=_SAFETY,
    )
    within: StrPath | None = option(
        None,
        "Stop if the report names a file outside of this folder.",
        is_path=True,
        metavar="FOLDER",
        panel=_SAFETY,
    )
    max_actions: int | None = option(
        None, "Stop if more files than this would be removed.", low=0, panel=_SAFETY
    )
    max_fraction: float | None = option(
        None,
        "Stop if a larger share of the images would be removed, 0 to 1.",
        low=0,
        high=1,
        panel=_SAFETY,
    )
    yes: bool = option(False, "Delete without a question.", panel=_SAFETY)

    def _check(self) -> None:
        chosen = self._chosen()
        if len(chosen) > 1:
            listed = " and ".join("--move-to" if kind == "move" else f"--{kind}" for kind in chosen)
            raise UsageError(f"{listed} do not go together: choose one")

    @property
    def kind(self) -> ActionKind | None:
        """The action; None if duplicates stay where they are."""
        return next(iter(self._chosen()), None)

    @property
    def kinds_to_apply(self) -> Sequence[Kind]:
        """The kinds of duplicates to act on: without a choice, all that undo can restore."""
        if self.kinds is not None:
            return self.kinds
        return SAFE_KINDS if self.delete else KINDS

    def request(self) -> ApplyOptions:
        """Return what `dedupe.apply.run.apply_report` takes.

        Raises:
            UsageError: no action is chosen.
        """
        from dedupe.apply.run import ApplyOptions  # loads OpenCV: not for --help

        if self.kind is None:
            raise UsageError("choose what to do with duplicates: --move-to FOLDER, --trash ...")
        return ApplyOptions(
            kind=self.kind,
            move_to=os.fspath(self.move_to or ""),
            sidecars=self.sidecars,
            max_actions=self.max_actions,
            max_fraction=self.max_fraction,
            within=os.fspath(self.within or ""),
        )

    def _chosen(self) -> list[ActionKind]:
        return [k for k in _ACTIONS if (self.move_to if k == "move" else getattr(self, k))]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectOptions(_Checked):
    """Which duplicates of a report an action is for."""

    PANEL: ClassVar = "Duplicates to apply"

    select: Sequence[str] = option((), "Only names or paths that match.", metavar="GLOB")
    decisions: StrPath | None = option(
        None, "Only what a person accepted in `dedupe review`, from this file.", is_path=True
    )
    max_distance: float | None = option(
        None, "Only duplicates at most this far from their keeper, 0 to 2.", low=0, high=2
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions(_Checked):
    """Where the report goes, and what is printed."""

    PANEL: ClassVar = "Report and output"

    report: StrPath = option("dedupe-report.csv", "File of the report; - for stdout.", is_path=True)
    format: Format | None = option(
        None, "csv, json, jsonl, parquet or html. Default: the suffix of the report."
    )
    page: StrPath | None = option(
        None, "Also write an HTML page for a person, new groups first.", is_path=True
    )
    review: bool = option(False, "Open the report in the browser afterwards, to decide.")
    new_only: bool = option(
        False, "Print only what the earlier report of this name does not list; write everything."
    )
    allow_empty: bool = option(
        False, "Replace the earlier report even if a root lost all images that it lists."
    )
    show: str = option("5", "Groups to print: a number, or `all`.", metavar="N|all")
    quiet: bool = option(False, "Print errors only.", short="-q")
    verbose: bool = option(False, "Print more.", short="-v")
    brief: bool = option(False, "Print one line, at the end.")

    @property
    def groups_shown(self) -> int | None:
        """The number of groups to print; None for all."""
        return None if self.show == "all" else int(self.show)

    def _check(self) -> None:
        if self.show != "all" and not self.show.isdecimal():
            raise UsageError(f"--show must be a whole number or all, not {self.show!r}")
        if self.quiet and self.brief:
            raise UsageError("--quiet and --brief do not go together")
        if self.new_only and self.report == "-":
            raise UsageError("--new-only compares with the report in a file; --report - has none")
        if self.review and self.report == "-":
            raise UsageError("--review reads the report from a file; --report - has none")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions(_Checked):
    """Records and exit codes for runs without a person."""

    PANEL: ClassVar = "Unattended runs"

    summary: StrPath | None = option(None, "Write a summary as JSON.", is_path=True)
    log: StrPath | None = option(None, "Append that line and warnings to this file.", is_path=True)
    lock: StrPath | None = option(None, "Exit 11 if another run holds this file.", is_path=True)
    strict: bool = option(False, "Exit 1 if a file was skipped.")
    fail_on_duplicates: bool = option(False, "Exit 10 if there are duplicates.")


class ScanKeywords(TypedDict, total=False):
    """The options of `dedupe.scan`, for type checkers; a test compares them with `ScanOptions`."""

    include: Sequence[str]
    exclude: Sequence[str]
    hidden: bool
    follow_symlinks: bool
    min_size: int
    max_depth: int | None
    one_file_system: bool
    max_pixels: int
    sensitivity: str | None
    threshold: float | None
    keep: Sequence[str]
    protect: Sequence[StrPath]
    across: bool
    verify: bool
    ignored: Ignored
    encoder: StrPath | Encoder
    device: Device
    runtime: Runtime
    batch_size: int | None
    workers: int | None
    index: StrPath | UserFile | None


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
