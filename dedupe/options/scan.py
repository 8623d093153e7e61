"""The options of a scan: folders, files, duplicates, encoder and index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypedDict

from dedupe.decode.formats import DEFAULT_MAX_PIXELS
from dedupe.encoder.manifest import BUILT_IN, SENSITIVITIES, Device, Encoder, OwnEncoder, Runtime
from dedupe.files.paths import USER_FILE, StrPath, UserFile
from dedupe.group.keep import DEFAULT_RULES, RULES
from dedupe.setting import Checked, option
from dedupe.walk import WalkRules

Ignored = StrPath | Iterable[Collection[str]] | UserFile | None
"""File of the ignored pairs, or the pairs as digests, or `USER_FILE`, or None for no pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions(Checked):
    """The folders and files of a scan."""

    PANEL: ClassVar = "Input"

    roots: Sequence[StrPath] = option(
        (), "Folders and files.", is_path=True, argument=True, metavar="PATH"
    )
    files_from: StrPath | None = option(
        None,
        "Read paths of files to scan from this file, or - for stdin: lines, NUL-separated names, "
        "or TABLE.parquet:COLUMN.",
        is_path=True,
        metavar="FILE",
    )

    @property
    def is_empty(self) -> bool:
        """Whether nothing to scan is named."""
        return not self.roots and self.files_from is None

    @property
    def places(self) -> Sequence[StrPath]:
        """The roots, and the list of files if there is one."""
        return (*self.roots, *(() if self.files_from is None else (self.files_from,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkOptions(WalkRules):
    """Which files below the roots are scanned."""

    max_pixels: int = option(DEFAULT_MAX_PIXELS, "Skip larger images; 0: no limit.", low=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateOptions(Checked):
    """Which files are duplicates, and which file of a group stays."""

    PANEL: ClassVar = "Duplicates and keepers"

    sensitivity: str | None = option(
        None,
        f"{', '.join(SENSITIVITIES)}. Default: wide, narrower above 300,000 images; balanced "
        "with --no-verify.",
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
    pairs: bool = option(
        False, "Compare the raw file and the JPEG of one shot too; the raw file is the keeper."
    )
    verify: bool = option(
        True, "Trust the encoder alone: faster, but bursts may count as copies.", off="no_verify"
    )
    exact: bool = option(
        False, "Compare each image with all others, also above 100,000: no pair is missed, slower."
    )
    ignored: Ignored = option(
        USER_FILE,
        "File of `dedupe ignore`. Default: that of the user.",
        is_path=True,
        or_pairs=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(Checked):
    """What a scan runs with; no option changes its result but the encoder."""

    PANEL: ClassVar = "Encoder, index and workers"

    encoder: StrPath | Encoder | OwnEncoder = option(
        BUILT_IN,
        "Folder of another encoder, or NAME:ARGUMENT, such as onnx:FILE.",
        is_path=True,
        or_encoder=True,
        metavar="FOLDER",
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
    pairs: bool
    verify: bool
    exact: bool
    ignored: Ignored
    encoder: StrPath | Encoder | OwnEncoder
    device: Device
    runtime: Runtime
    batch_size: int | None
    workers: int | None
    index: StrPath | UserFile | None
