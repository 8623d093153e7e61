"""The options that name a file to be written, checked before a command begins its work."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping

from dedupe.cli.output import count
from dedupe.cli.process import CLOSED, drop_output
from dedupe.errors import ApplyError, InputError, ReportError
from dedupe.files.marks import OutputKind
from dedupe.files.outputs import Output, check_outputs
from dedupe.report import Format, find_lost_roots, read_report, stream_report
from dedupe.types import Report

_KINDS: Mapping[str, OutputKind] = {
    "report": "report",
    "page": "report",
    "summary": "summary",
    "metrics": "metrics",
    "log": "log",
    "lock": "lock",
    "index": "index",
}


def check_written(options: Mapping[str, object]) -> None:
    """Check every file that the options of a command name for writing; others are passed over.

    Args:
        options: values by name with underscores; None and - (stdout) name no file.

    Raises:
        UsageError: a path holds a file that dedupe did not write, or is named twice.
        ReportError: a path cannot be written.
    """
    check_outputs(
        Output(f"--{name}", os.fspath(path), kind)
        for name, kind in _KINDS.items()
        if (path := options.get(name)) not in (None, "-") and isinstance(path, str | os.PathLike)
    )


def stream_to_stdout(found: Report, *, format: Format, acts: bool) -> None:  # noqa: A002
    """Write a report to stdout.

    Args:
        found: the report.
        format: csv or json.
        acts: whether duplicates are to be moved or removed afterwards.

    Raises:
        ReportError: stdout is closed or full, or its reader has gone before files were to be moved.
        BrokenPipeError: the reader has gone, and nothing remains to be done.
    """
    if 1 in CLOSED:
        raise ReportError("cannot write the report to stdout: it is closed; nothing was moved")
    try:
        stream_report(found, sys.stdout.buffer, format=format)
        sys.stdout.flush()
    except OSError as error:
        drop_output(sys.stdout)
        if isinstance(error, BrokenPipeError) and not acts:
            raise
        raise ReportError(
            f"cannot write the report to stdout: {error.strerror}; nothing was moved"
        ) from error


def check_roots(report: str, found: Report) -> None:
    """Keep an earlier report if a root without images would cost its content.

    The disk of such a root is not mounted, or the command names another folder by mistake.

    Args:
        report: path of the report that is about to be written; - for stdout.
        found: the result of the scan.

    Raises:
        InputError: the earlier report lists files below a root without images, and none of them
            exists; or it lists groups, a root has no images, and the scan found no group.
    """
    empty_roots = found.statistics.empty_roots
    if not empty_roots or report == "-" or not os.path.exists(report):
        return
    try:
        earlier = read_report(report)
    except ReportError:  # it lists nothing that could be lost
        return
    for root, number in find_lost_roots(earlier, empty_roots).items():
        raise InputError(
            f"cannot replace the report {report}: it lists {number:,} files below {root}, and none "
            "of them exists now; mount that disk, or add --allow-empty"
        )
    if earlier.groups and not found.groups:
        raise InputError(
            f"cannot replace the report {report} of {count(len(earlier.groups), 'group')} by an "
            f"empty one: no image below {', '.join(empty_roots)}; check the folder, name another "
            "--report, or add --allow-empty"
        )


def check_move_to(folder: str) -> None:
    """Check before a scan that files can be moved to a folder, which need not exist yet.

    Raises:
        ApplyError: it is not a folder, or nothing can be created in it.
    """
    place = os.path.abspath(folder)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise ApplyError(f"cannot move files to {folder}: {place} is not a folder")
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".dedupe-", dir=place))  # mode bits do not bind root
    except OSError as error:
        raise ApplyError(
            f"cannot move files to {folder}: nothing can be created in {place}: {error.strerror}"
        ) from error
