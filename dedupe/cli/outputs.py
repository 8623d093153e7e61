"""The options that name a file to be written, checked before a command begins its work."""

from __future__ import annotations

from collections.abc import Mapping

from dedupe.files.outputs import Output, OutputKind, check_outputs

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
