"""Check, before a run, that its outputs replace no file that dedupe did not write.

Does not know which command writes a file.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dedupe.errors import EncoderError, InputError, ReportError, UsageError
from dedupe.files.marks import IS_OURS, OutputKind, is_rollback_journal, is_wal
from dedupe.files.parts import is_folder_of_parts, list_parts
from dedupe.files.remote import find_file, is_url, read_range

_ENDS = 1 << 16  # bytes read at either end of a file: every mark below lies there
LOG_FILES = 3  # older parts of a log, path.1 to path.3


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a run will write."""

    option: str  # as the user named it: "--report"
    path: str
    kind: OutputKind


def check_outputs(outputs: Iterable[Output]) -> None:
    """Check every file that a run will write, and that no two are the same file.

    Raises:
        UsageError: a path holds a file that dedupe did not write, or is named twice.
        ReportError: a path cannot be written: it is a folder, or its folder does not exist.
    """
    named: dict[str, str] = {}
    for output in outputs:
        real = output.path if is_url(output.path) else os.path.realpath(output.path)
        if real in named:
            raise UsageError(f"{named[real]} and {output.option} name the same file {output.path}")
        named[real] = output.option
        check_output(output.path, output.kind)


def check_output(path: str, kind: OutputKind) -> None:
    """Check that a path is free, empty, or holds an earlier output of the same kind.

    Raises:
        UsageError: it holds a file that dedupe did not write, or lies behind a link that another
            user owns.
        ReportError: it cannot be written.
    """
    if is_url(path):
        _check_object(path, kind)
        return
    check_links(path)
    if kind == "report" and is_folder_of_parts(path):
        _check_parts(path)
        return
    for part, is_ours in _parts(path, kind):
        _check_part(part, kind, is_ours)


def _check_object(url: str, kind: OutputKind) -> None:
    """Check that a URL is free, or holds an earlier report."""
    if kind != "report":
        raise UsageError(f"cannot write the {kind} {url}: only a report can be behind a URL")
    try:
        size = find_file(url).size
        content = read_range(url, 0, min(size, _ENDS))
        content += read_range(url, max(len(content), size - _ENDS), size)
    except FileNotFoundError:
        return
    except (OSError, InputError) as error:
        raise ReportError(f"cannot write the {kind} {url}: {error}") from error
    if content and not IS_OURS[kind](content):
        raise foreign_file(url, kind)


def _check_parts(folder: str) -> None:
    """Check that a folder is free, empty, or holds an earlier report by parts."""
    if not os.path.lexists(folder.rstrip(os.sep)):
        _check_folder(folder.rstrip(os.sep), "report")
        return
    try:
        foreign = [part for part in list_parts(folder) if not IS_OURS["report"](_read_ends(part))]
    except OSError as error:
        raise ReportError(f"cannot write the report {folder}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(
            f"cannot write the report {folder}: {error}; choose another name, or an empty folder"
        ) from error
    if foreign:
        raise foreign_file(foreign[0], "report")


def _parts(path: str, kind: OutputKind) -> list[tuple[str, Callable[[bytes], bool]]]:
    """List the files that writing one output changes, each with the test of its content."""
    parts = [(path, IS_OURS[kind])]
    if kind == "log":
        parts += [(f"{path}.{number}", IS_OURS[kind]) for number in range(1, LOG_FILES + 1)]
    if kind == "index":
        parts += [(f"{path}-wal", is_wal), (f"{path}-journal", is_rollback_journal)]
    return parts


def _check_part(path: str, kind: OutputKind, is_ours: Callable[[bytes], bool]) -> None:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISCHR(mode) and kind == "log":  # /dev/null, /dev/stderr: nothing is replaced
            return
        if not stat.S_ISREG(mode):
            raise ReportError(f"cannot write the {kind} {path}: it is not a regular file")
        content = _read_ends(path)
    except FileNotFoundError:
        _check_folder(path, kind)
        return
    except OSError as error:
        raise ReportError(f"cannot write the {kind} {path}: {error.strerror}") from error
    if content and not is_ours(content):
        raise foreign_file(path, kind)


def foreign_file(path: str, kind: OutputKind) -> UsageError:
    """Return the error for a path with a file that dedupe did not write."""
    return UsageError(
        f"cannot write the {kind} {path}: it holds a file that is no {kind} of dedupe; "
        "choose another name, or move that file away"
    )


def _check_folder(path: str, kind: OutputKind) -> None:
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(folder):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ReportError(f"cannot write the {kind} {path}: {os.strerror(errno.EACCES)}")
        return
    if kind not in ("index", "job"):  # these two create their folders
        raise ReportError(f"cannot write the {kind} {path}: {os.strerror(errno.ENOENT)}")


def _read_ends(path: str) -> bytes:
    """Return the first and the last 64 KiB of a file; of a shorter one all bytes, once."""
    with Path(path).open("rb") as file:
        head = file.read(_ENDS)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(len(head), size - _ENDS))
        return head + file.read(_ENDS)


def check_links(path: str) -> None:
    """Reject a path that leads through a symbolic link that another user owns.

    In a folder that others may write to, a planted link would decide which file is replaced. Links
    of this user and of root are followed.

    Raises:
        UsageError: there is such a link; the message names it.
    """
    if not hasattr(os, "geteuid"):
        return
    trusted = {0, os.geteuid()}
    waiting = _names(os.path.abspath(path))
    place, steps = os.sep, 0
    while waiting and steps < 1000:  # a circle of links ends here; opening it then fails
        steps += 1
        name = waiting.pop()
        place = os.path.dirname(place) if name == os.pardir else os.path.join(place, name)
        try:
            seen = os.lstat(place)
        except OSError:
            return
        if not stat.S_ISLNK(seen.st_mode):
            continue
        if seen.st_uid not in trusted:
            raise UsageError(
                f"cannot write {path}: {place} is a symbolic link of another user; "
                "give the path that it leads to, if you trust it"
            )
        target = os.readlink(place)
        place = os.sep if os.path.isabs(target) else os.path.dirname(place)
        waiting += _names(target)


def _names(path: str) -> list[str]:
    """Return the names of a path, the last one first."""
    return [name for name in reversed(path.split(os.sep)) if name not in ("", os.curdir)]


def check_encoder_folder(folder: str, files: Mapping[str, bytes]) -> None:
    """Check that a folder is free for an encoder, or holds an earlier one.

    Args:
        folder: where an encoder will be written.
        files: names of files that mark an encoder's folder, each with bytes near its beginning.

    Raises:
        UsageError: it holds other files, and none that marks an encoder's folder.
        EncoderError: it is not a folder, or cannot be read.
    """
    check_links(folder)
    try:
        if not os.path.lexists(folder) or not os.listdir(folder):
            return
        marks = [
            mark in _read_ends(os.path.join(folder, name))
            for name, mark in files.items()
            if os.path.lexists(os.path.join(folder, name))
        ]
    except OSError as error:
        raise EncoderError(f"{folder} cannot be written: {error.strerror}") from error
    if not marks or not all(marks):
        raise UsageError(
            f"cannot write the encoder {folder}: it holds files that are no encoder of dedupe; "
            "choose an empty folder"
        )
