"""Every option once: default, unit, range, choices, help and check.

The command line, configuration files, scheduled jobs and the Python API are made from these
classes. Knows no command line and opens no file.
"""

from dedupe.options.action import SAFE_KINDS, ActionOptions, SelectOptions
from dedupe.options.output import JobOptions, ReportOptions
from dedupe.options.scan import (
    DuplicateOptions,
    Ignored,
    InputOptions,
    RunOptions,
    ScanKeywords,
    ScanOptions,
    WalkOptions,
)

__all__ = [
    "SAFE_KINDS",
    "ActionOptions",
    "DuplicateOptions",
    "Ignored",
    "InputOptions",
    "JobOptions",
    "ReportOptions",
    "RunOptions",
    "ScanKeywords",
    "ScanOptions",
    "SelectOptions",
    "WalkOptions",
]
