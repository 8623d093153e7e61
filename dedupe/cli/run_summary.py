"""What a run leaves for whoever was not there: a summary as JSON, and one line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any

import typer

from dedupe.apply.run import Applied
from dedupe.cli.actions import describe_action
from dedupe.cli.output import skip_reasons, totals
from dedupe.errors import ReportError
from dedupe.files.outputs import check_output
from dedupe.files.replace import replace_file
from dedupe.types import Report

_PANEL = "For jobs that nobody watches"

Summary = Annotated[
    str, typer.Option(help="Write a summary as JSON to this file.", rich_help_panel=_PANEL)
]
Brief = Annotated[
    bool, typer.Option("--brief", help="Say one line, at the end.", rich_help_panel=_PANEL)
]
Log = Annotated[
    str, typer.Option(help="Append that line and warnings to this file.", rich_help_panel=_PANEL)
]
Lock = Annotated[
    str, typer.Option(help="Exit 11 if another run holds this file.", rich_help_panel=_PANEL)
]


@dataclass(frozen=True, slots=True)
class Clock:
    """When a run began."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    counter: float = field(default_factory=time.perf_counter)  # seconds, of this process only

    @property
    def seconds(self) -> float:
        """Seconds since then, rounded to milliseconds."""
        return round(time.perf_counter() - self.counter, 3)


def write_summary(path: str, facts: dict[str, Any]) -> None:
    """Write a summary, whole or not at all.

    Raises:
        ReportError: it cannot be written.
        UsageError: the path holds a file that is no summary of dedupe.
    """
    check_output(path, "summary")
    try:
        replace_file(path, [json.dumps(facts, indent=2).encode("ascii"), b"\n"])
    except OSError as error:
        raise ReportError(f"cannot write the summary {path}: {error.strerror}") from error


def summarise(
    found: Report,
    news: Report | None,
    acted: Applied | None,
    *,
    clock: Clock,
    roots: Sequence[str],
    report: str,
) -> dict[str, Any]:
    """Return what a program wants to know of a run; docs/formats.md lists the fields."""
    facts: dict[str, Any] = {
        "version": version("dedupe"),
        "started": clock.started.isoformat(timespec="seconds"),
        "seconds": clock.seconds,
        "roots": [os.path.abspath(root) for root in roots],
        "images": found.statistics.images,
        "groups": len(found.groups),
        "duplicates": len(found.duplicates),
        "bytes_freed": found.bytes_freed,
        "skipped": skip_reasons(found),
        "report": None if report == "-" else os.path.abspath(report),
    }
    if news is not None:
        facts["new"] = {"groups": len(news.groups), "duplicates": len(news.duplicates)}
    if acted:
        facts["acted"] = {
            "kind": acted.plan.kind,
            "files": len(acted.outcome.done),
            "to": acted.plan.move_to or None,
            "run": acted.run or None,
            "failed": len(acted.outcome.failed),
            "groups_left_alone": len(acted.outcome.stale),
        }
    return facts


def one_line(found: Report, news: Report | None, acted: Applied | None) -> str:
    """Return the outcome of a run as one line of text."""
    parts = totals(found, news)
    if acted and acted.run:
        done = describe_action(len(acted.outcome.done), acted.plan.kind, acted.plan.move_to)
        parts.append(f"{done} (dedupe undo {acted.run})")
    return "; ".join(parts)
