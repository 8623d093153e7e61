"""The record of an unattended run: a summary as JSON, and one line."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dedupe.cli.output import describe_action, skip_reasons, totals
from dedupe.distribution import read_version
from dedupe.errors import ReportError
from dedupe.files.outputs import check_output
from dedupe.files.remote import absolute
from dedupe.files.replace import replace_file
from dedupe.types import KINDS, Report

if TYPE_CHECKING:
    from dedupe.apply.run import Applied


@dataclass(frozen=True, slots=True)
class Clock:
    """When a run began."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    counter: float = field(default_factory=time.perf_counter)  # seconds, of this process only

    @property
    def seconds(self) -> float:
        """Seconds since then, rounded to milliseconds."""
        return round(time.perf_counter() - self.counter, 3)


@dataclass(frozen=True, slots=True)
class Run:
    """A scan and, if an action was chosen, the result of the action."""

    report: Report
    path: str  # of the report; - for stdout
    roots: Sequence[str]
    new: Report | None = None  # the part that an earlier report does not list, with --new-only
    applied: Applied | None = None  # None if nothing was to be done


def write_summary(path: str, facts: dict[str, Any]) -> None:
    """Write a summary, whole or not at all.

    Raises:
        ReportError: it cannot be written.
        UsageError: the path holds a file that dedupe did not write as a summary.
    """
    check_output(path, "summary")
    try:
        replace_file(path, [json.dumps(facts, indent=2).encode("ascii"), b"\n"])
    except OSError as error:
        raise ReportError(f"cannot write the summary {path}: {error.strerror}") from error


def summarise(run: Run, *, clock: Clock) -> dict[str, Any]:
    """Return the facts of a run for a program; docs/formats.md lists the fields."""
    report, applied = run.report, run.applied
    facts: dict[str, Any] = {
        "version": read_version(),
        "started": clock.started.isoformat(timespec="seconds"),
        "seconds": clock.seconds,
        "roots": [absolute(root) for root in run.roots],
        "images": report.statistics.images,
        "groups": len(report.groups),
        "duplicates": len(report.duplicates),
        "kinds": {kind: sum(d.kind == kind for d in report.duplicates) for kind in KINDS},
        "bytes_freed": report.bytes_freed,
        "skipped": skip_reasons(report),
        "report": None if run.path == "-" else absolute(run.path),
    }
    if run.new is not None:
        facts["new"] = {"groups": len(run.new.groups), "duplicates": len(run.new.duplicates)}
    if applied:
        facts["acted"] = {
            "kind": applied.plan.kind,
            "files": len(applied.outcome.done),
            "to": applied.plan.move_to or None,
            "run": applied.run or None,
            "failed": len(applied.outcome.failed),
            "groups_left_alone": len(applied.outcome.stale),
        }
    return facts


def one_line(run: Run) -> str:
    """Return the outcome of a run as one line of text."""
    parts = totals(run.report, run.new)
    if run.applied and run.applied.run:
        plan = run.applied.plan
        done = describe_action(len(run.applied.outcome.done), plan.kind, plan.move_to)
        parts.append(f"{done} (dedupe undo {run.applied.run})")
    return "; ".join(parts)
