"""The options that name a file to be written, checked before a command begins its work."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from dedupe.errors import InputError, ReportError
from dedupe.files.outputs import Output, OutputKind, check_outputs
from dedupe.report import find_lost_roots, read_report

_KINDS: Mapping[str, OutputKind] = {
    "report": "report",
    "summary": "summary",
    "log": "log",
    "lock": "lock",
    "index": "index",
}


def check_written(options: Mapping[str, object]) -> None:
    """Check every file that the options of a command name for writing; others are passed over.

    Args:
        options: values by name with underscores; "", None and - (stdout) name no file.

    Raises:
        UsageError: a path holds a file that dedupe did not write, or is named twice.
        ReportError: a path cannot be written.
    """
    check_outputs(
        Output(f"--{name.replace('_', '-')}", str(options[name]), kind)
        for name, kind in _KINDS.items()
        if options.get(name) not in (None, "", "-")
    )


def check_roots(report: str, empty_roots: Sequence[str]) -> None:
    """Keep an earlier report if a root lost every image that it lists: its disk is not mounted.

    Args:
        report: path of the report that is about to be written; - for stdout.
        empty_roots: absolute paths of the roots in which no image was found.

    Raises:
        InputError: the earlier report lists files below such a root, and none of them exists.
    """
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
