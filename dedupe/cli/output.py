"""The words of results on the terminal: groups, totals, numbers and sizes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from dedupe.cli.console import Colour, console
from dedupe.errors import ReportError
from dedupe.files.remote import is_url
from dedupe.report import read_report
from dedupe.types import KINDS, ActionKind, Duplicate, Group, Photo, Report

if TYPE_CHECKING:
    from dedupe.apply.execute import FailedAction
    from dedupe.encoder.manifest import Threshold
    from dedupe.types import SearchStats

ACTIONS: dict[ActionKind, str] = {
    "move": "moved",
    "trash": "trashed",
    "hardlink": "replaced by hard links",
    "symlink": "replaced by symbolic links",
    "reflink": "replaced by reflinks",
    "delete": "deleted",
}
"""The participle of each action."""

_MEMBERS_SHOWN = 6
_KIND_COLOURS: Mapping[str, Colour] = {"keep": "green", "same": "cyan", "edited": "yellow"}


def show_report(
    report: Report, path: str, *, new: Report | None = None, groups: int | None = 5
) -> None:
    """Print the first groups and the totals; on stderr if the report itself is on stdout.

    Args:
        report: the result of the scan.
        path: file of the report; - for stdout.
        new: the part of the report to print; None for all of it.
        groups: groups to print; None for all.
    """
    on_stdout = path == "-"
    shown = (report if new is None else new).groups
    for group in shown[:groups]:
        for line, colour in group_lines(group):
            console.say(line, to_stderr=on_stdout, colour=colour)
    if groups is not None and len(shown) > groups:
        console.say(
            f"... and {count(len(shown) - groups, 'more group')}; --show all prints them",
            to_stderr=on_stdout,
        )
    for line in totals(report, new):
        console.say(line, to_stderr=on_stdout)
    if not on_stdout:
        console.say(f"report: {path}")
    for skipped in report.skipped:
        console.note(f"skipped {skipped.path}: {skipped.reason} {skipped.detail}".rstrip())


def read_earlier(path: str) -> Report | None:
    """Return the report that a new one will replace; None if there is none that can be trusted."""
    if not os.path.lexists(path):
        return None
    try:
        return read_report(path)
    except ReportError as error:
        console.warn(f"everything counts as new: {error}")
        return None


def totals(report: Report, new: Report | None = None) -> list[str]:
    """Return one line each: the totals, the skipped files if any, and the totals of `new`."""
    scanned = report.statistics
    lines = [
        f"{count(scanned.images, 'image')} in {scanned.seconds:.1f} s: "
        f"{count(len(report.groups), 'group')}, {count(len(report.duplicates), 'duplicate')}"
        f"{_by_kind(report)}, {size(report.bytes_freed)} could be freed"
    ]
    if report.skipped:
        listed = ", ".join(f"{number} {reason}" for reason, number in skip_reasons(report).items())
        lines.append(f"{count(len(report.skipped), 'file')} skipped: {listed}")
    if new is not None:
        lines.append(
            f"{count(len(new.groups), 'new group')}, "
            f"{count(len(new.duplicates), 'new duplicate')} since the last report"
        )
    return lines


def describe_search(stats: SearchStats) -> str:
    """Return how the pairs were found, the measured recall, and the number of truncated rows."""
    line = f"compared {count(stats.contents, 'content')}: "
    if stats.cells:
        line += (
            f"each with those of {stats.probes:,} of {stats.cells:,} cells, which finds "
            f"{stats.recall:.2%} of the pairs (of {stats.sampled:,} sampled)"
        )
    else:
        line += "each with all others"
    if stats.truncated:
        line += (
            f"; {stats.truncated:,} have more neighbours than are listed, "
            f"{stats.represented:,} of them are represented by another content"
        )
    return line


def threshold_lines(thresholds: Mapping[str, Threshold]) -> list[str]:
    """Return one line for each threshold of an encoder: its distance, and what it lets through."""
    return [
        f"{name:9} distance {threshold.distance:.3f}: finds {threshold.recall:.1%} of edited "
        f"copies, {threshold.false_positive_rate:.0e} of other pairs"
        for name, threshold in thresholds.items()
    ]


def describe_action(number: int, kind: ActionKind, move_to: str) -> str:
    """Return `moved 3 files to DIR`, `trashed 1 file` ..."""
    files = count(number, "file")
    if kind == "move":
        return f"moved {files} to {move_to}"
    if kind in ("trash", "delete"):
        return f"{ACTIONS[kind]} {files}"
    return f"{files} {ACTIONS[kind]}"


def show_failed(failed: Sequence[FailedAction]) -> None:
    """Warn of each file that could not be changed, and say why."""
    for failure in failed:
        console.warn(f"stays: {failure.action.source}: {failure.reason}")


def skip_reasons(report: Report) -> dict[str, int]:
    """Return the number of skipped files by reason, sorted by reason."""
    return dict(sorted(Counter(skipped.reason for skipped in report.skipped).items()))


def group_lines(group: Group) -> list[tuple[str, Colour | None]]:
    """Return a group as a table: role or kind, pixels, bytes, date, path, and how it was made.

    Returns:
        Each line with the colour of its first word.
    """
    shown = group.duplicates[:_MEMBERS_SHOWN]
    rows: list[tuple[str, Photo, str]] = [("keep", group.keeper, f"({group.reason})")]
    rows += [(duplicate.kind, duplicate.photo, _relation(duplicate)) for duplicate in shown]
    cells = [_cells(photo) for _, photo, _ in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines: list[tuple[str, Colour | None]] = []
    for (word, photo, words), numbers in zip(rows, cells, strict=True):
        aligned = "  ".join(c.rjust(width) for c, width in zip(numbers, widths, strict=True))
        line = f"{word:6}  {aligned}  {_short(photo.path)}  {words}".rstrip()
        lines.append((line, _KIND_COLOURS.get(word)))
    if len(group.duplicates) > len(shown):
        lines.append((f"        ... and {len(group.duplicates) - len(shown)} more", None))
    return lines


def _cells(photo: Photo) -> tuple[str, str, str]:
    """Return pixels, bytes and the day of the last change, in local time."""
    try:
        day = datetime.fromtimestamp(photo.file.mtime_ns / 1e9).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):  # a year that no calendar has
        day = "?"
    return f"{photo.width} x {photo.height}", size(photo.file.size), day


def _relation(duplicate: Duplicate) -> str:
    return "the same bytes" if duplicate.kind == "exact" else duplicate.how


def _by_kind(report: Report) -> str:
    """Return the number of duplicates of each kind, in brackets."""
    found = Counter(duplicate.kind for duplicate in report.duplicates)
    listed = ", ".join(f"{found[kind]:,} {kind}" for kind in KINDS if found[kind])
    return f" ({listed})" if listed else ""


def _short(path: str) -> str:
    """Return the path relative to the current folder if that is shorter and lies below it."""
    if is_url(path):
        return path
    try:
        near = os.path.relpath(path)
    except ValueError:  # another drive
        return path
    return near if len(near) < len(path) and not near.startswith("..") else path


def count(number: int, noun: str) -> str:
    """`1 image`, `2 images`, `12,345 images`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Bytes in decimal units, as disks are sold: 1.2 MB."""
    value = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
