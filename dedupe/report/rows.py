"""The rows of a report, one for each file, and the checks of a row and of a group.

All formats are encodings of these rows. A check raises ValueError; the format adds the position.

A spreadsheet runs a cell that begins with one of `= + - @`. Paths are absolute and cannot; a cell
of words that does is refused, when writing and when reading: to escape it silently would change
what is read back.
"""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import cast

from dedupe.files.remote import is_url
from dedupe.report.fact_words import facts_to_words, words_to_facts
from dedupe.types import (
    KINDS,
    Duplicate,
    Group,
    ImageFile,
    Kind,
    Photo,
    Report,
    Skipped,
    Statistics,
)

DECIMALS = 6  # of distances and thresholds
ADDED = ("facts",)
"""Columns that reports of earlier versions lack; all are last and may be empty."""
_FORMULA = ("=", "+", "-", "@")  # first characters of a cell that a spreadsheet runs
_DIGEST = re.compile(r"[0-9a-f]{32}")
_LARGEST = 2**63  # bytes of a file, as the system calls count them
_LATEST = 2**63 * 10**9  # nanoseconds: a `time_t` of 64 bits counts seconds


@dataclass(frozen=True, slots=True)
class Row:
    """One file of a group; the attributes are the columns, in their order."""

    group: int  # from 1
    role: str  # keep, duplicate
    path: str
    keeper: str  # of the group; for the keeper itself its own path
    distance: float  # to the keeper, rounded to 6 decimals; 0 for the keeper
    kind: str  # exact, same, edited; empty for the keeper
    how: str  # empty for the keeper
    reason: str  # of the group, in each of its rows
    width: int  # pixels
    height: int  # pixels
    format: str
    bytes: int
    mtime_ns: int
    digest: str
    encoder: str  # of the report, in each of its rows
    threshold: float  # of the report, in each of its rows
    images: int  # of the scan, in each of its rows; 0 if it is not known
    sidecars: tuple[str, ...] = ()  # names in the folder of the file; none for the keeper
    facts: str = ""  # what 8-bit RGB pixels do not show, see `dedupe.report.fact_words`


class RowError(ValueError):
    """A row that contradicts the rows before it."""

    def __init__(self, row: Row, message: str) -> None:
        super().__init__(message)
        self.row = row


def rows_of(report: Report) -> Iterator[Row]:
    """List the rows of a report: groups by their keeper's path, keeper first, then by path.

    Paths are ordered as bytes. Distances and the threshold are rounded to 6 decimals, so that a
    report that was built from rounded values is read back equal.

    Raises:
        ValueError: a reader would reject the report.
    """
    rows = list(_listed(report))
    report_of(rows)
    yield from rows


def _listed(report: Report) -> Iterator[Row]:
    ordered = sorted(report.groups, key=lambda group: os.fsencode(group.keeper.path))
    for number, group in enumerate(ordered, start=1):
        yield _row(report, number, group, None)
        for duplicate in sorted(group.duplicates, key=lambda d: os.fsencode(d.photo.path)):
            yield _row(report, number, group, duplicate)


def report_of(rows: Iterable[Row], *, skipped: tuple[Skipped, ...] = ()) -> Report:
    """Build the report that checked rows describe; of its statistics only `images` is known.

    Raises:
        RowError: the rows contradict each other.
    """
    listed = list(rows)
    _check_whole(listed)
    groups = [_group(number, list(some)) for number, some in groupby(listed, lambda r: r.group)]
    return Report(
        groups=tuple(sorted(groups, key=lambda group: os.fsencode(group.keeper.path))),
        skipped=skipped,
        encoder=listed[0].encoder if listed else "",
        threshold=listed[0].threshold if listed else 0.0,
        statistics=Statistics(images=listed[0].images if listed else 0, reused=0, seconds=0.0),
    )


def check_row(row: Row) -> Row:
    """Return a row after every check that needs no other row.

    Raises:
        ValueError: a value is out of its range, or two values contradict each other.
    """
    check_path(row.path)
    check_path(row.keeper)
    for name in ("how", "reason", "format", "encoder", "facts"):
        _check_words(name, getattr(row, name))
    for name in row.sidecars:
        check_path(os.path.join(os.path.dirname(row.path), name))
        _require(os.path.basename(name) == name, "the sidecar {!r} is not a file name", name)
    _check_numbers(row)
    _require(row.role in {"keep", "duplicate"}, "role {!r} is neither keep nor duplicate", row.role)
    if row.role == "keep":
        _require(row.keeper == row.path, "{!r} is kept, but has another keeper", row.path)
        _require(not row.kind and not row.how, "{!r} is kept, but has a kind", row.path)
        _require(row.distance == 0, "{!r} is kept, but has a distance", row.path)
        _require(not row.sidecars, "{!r} is kept, but has sidecars that would go", row.path)
    else:
        _require(row.keeper != row.path, "{!r} is a duplicate and its own keeper", row.path)
        _require(row.kind in KINDS, "kind {!r} is not exact, same or edited", row.kind)
    return row


@functools.lru_cache(maxsize=64)  # each row names the keeper of its group
def check_path(path: str) -> None:
    """Reject a path that is neither a URL nor absolute and in its plain form.

    Raises:
        ValueError: it is relative, holds `..` or a NUL, or cannot be a file name.
    """
    _require("\0" not in path, "the path {!r} holds a NUL", path)
    if is_url(path):
        _require(path.isprintable(), "the URL {!r} is not a line of text", path)
        return
    _require(os.path.isabs(path), "the path {!r} is not absolute", path)
    _require(os.path.normpath(path) == path, "the path {!r} is not in its plain form", path)
    try:
        path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(f"the path {path!r} cannot be a file name") from error


def _row(report: Report, number: int, group: Group, duplicate: Duplicate | None) -> Row:
    photo = duplicate.photo if duplicate else group.keeper
    return check_row(
        Row(
            group=number,
            role="duplicate" if duplicate else "keep",
            path=photo.path,
            keeper=group.keeper.path,
            distance=round(duplicate.distance, DECIMALS) if duplicate else 0.0,
            kind=duplicate.kind if duplicate else "",
            how=duplicate.how if duplicate else "",
            reason=group.reason,
            width=photo.width,
            height=photo.height,
            format=photo.format,
            bytes=photo.file.size,
            mtime_ns=photo.file.mtime_ns,
            digest=photo.digest,
            encoder=report.encoder,
            threshold=round(report.threshold, DECIMALS),
            images=report.statistics.images,
            sidecars=duplicate.sidecars if duplicate else (),
            facts=facts_to_words(photo.facts),
        )
    )


def _group(number: int, rows: list[Row]) -> Group:
    keep, *rest = rows
    where = f"group {number}"
    _agree(keep, keep.role == "keep", "{} does not begin with the file that is kept", where)
    _agree(keep, bool(rest), "{} has no duplicate", where)
    for row in rest:
        _agree(row, row.role == "duplicate", "{} keeps two files", where)
        _agree(row, row.keeper == keep.path, "{} names two keepers", where)
        _agree(row, row.reason == keep.reason, "{} gives two reasons", where)
        same = row.digest == keep.digest and row.bytes == keep.bytes
        _agree(
            row, same or row.kind != "exact", "{!r} is not an exact copy of its keeper", row.path
        )
    duplicates = (
        Duplicate(_photo(row), row.distance, cast(Kind, row.kind), row.how, sidecars=row.sidecars)
        for row in rest
    )
    ordered = sorted(duplicates, key=lambda duplicate: os.fsencode(duplicate.photo.path))
    return Group(_photo(keep), tuple(ordered), keep.reason, number)


def _photo(row: Row) -> Photo:
    file = ImageFile(row.path, root=0, size=row.bytes, mtime_ns=row.mtime_ns, device=0, inode=0)
    facts = words_to_facts(row.facts)
    return Photo(file, row.width, row.height, row.format, row.digest, facts)


def _check_whole(rows: list[Row]) -> None:
    seen: set[str] = set()
    previous = 0
    for row in rows:
        _agree(row, row.group >= max(previous, 1), "group {} is not in its place", row.group)
        _agree(row, row.path not in seen, "{!r} is in the report twice", row.path)
        _agree(row, row.encoder == rows[0].encoder, "{!r} names another encoder", row.path)
        _agree(row, row.threshold == rows[0].threshold, "{!r} names another threshold", row.path)
        _agree(row, row.images == rows[0].images, "{!r} names another count of images", row.path)
        seen.add(row.path)
        previous = row.group


@functools.lru_cache(maxsize=1024)  # rows have few different words
def _check_words(name: str, text: str) -> None:
    _require(text.isprintable(), "{} {!r} is not a line of text", name, text)
    _require(not text.startswith(_FORMULA), "{} {!r} begins like a formula", name, text)
    _require(bool(text) or name in {"how", "reason", "facts"}, "{} is empty", name)


def _check_numbers(row: Row) -> None:
    for name in ("distance", "threshold"):
        value: float = getattr(row, name)
        _require(math.isfinite(value) and 0 <= value <= 2, "{} {} is not in [0, 2]", name, value)
    _require(row.distance <= row.threshold, "{!r} lies beyond the threshold", row.path)
    _require(min(row.width, row.height) > 0, "{!r} has no pixels", row.path)
    _require(0 <= row.bytes < _LARGEST, "{} bytes is not a size", row.bytes)
    _require(0 <= row.images < _LARGEST, "{} images is not a count", row.images)
    _require(-_LATEST <= row.mtime_ns < _LATEST, "mtime_ns {} is not a time", row.mtime_ns)
    _require(bool(_DIGEST.fullmatch(row.digest)), "digest {!r} is not 32 hex digits", row.digest)


def _require(condition: bool, message: str, *values: object) -> None:
    if not condition:
        raise ValueError(message.format(*values))


def _agree(row: Row, condition: bool, message: str, *values: object) -> None:
    if not condition:
        raise RowError(row, message.format(*values))
