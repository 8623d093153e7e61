"""Move what a report calls duplicates, and tell what happened: shared by `scan` and `apply`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from dedupe.apply import FailedMove, Outcome, apply_plan
from dedupe.cli.console import console
from dedupe.cli.summary import count
from dedupe.errors import ApplyError, StaleReportError
from dedupe.ignored import find_ignored
from dedupe.journal import start_journal
from dedupe.plan import LeftGroup, Plan, plan_moves
from dedupe.types import Report


def move_duplicates(
    report: Report,
    *,
    move_to: str,
    report_path: str,
    roots: Sequence[str],
    ignored: str = "",
    dry_run: bool = False,
) -> None:
    """Plan, journal and move.

    Args:
        ignored: file of the pairs that are no duplicates, whatever the report says; "" for the
            user's.

    Raises:
        StaleReportError: files changed since the report; their groups were left alone.
        ApplyError: a move failed.
    """
    are_apart = find_ignored(ignored).are_apart
    plan = plan_moves(report, move_to=move_to, roots=roots or None, are_apart=are_apart)
    if dry_run:
        _show_plan(plan)
        return
    if not plan.moves:
        show_left(plan.stale, plan.refused)
        console.say("nothing to move")
        raise_trouble(Outcome((), plan.stale, ()))
        return
    with (
        start_journal(move_to=plan.move_to, report=report_path, roots=roots) as journal,
        console.bar("Moving", len(plan.moves), "files") as bar,
    ):
        outcome = apply_plan(plan, journal, on_progress=lambda done: _advance(bar, done))
    show_left((*plan.stale, *outcome.stale), plan.refused)
    show_outcome(outcome, plan.move_to, journal.run)
    raise_trouble(replace(outcome, stale=(*plan.stale, *outcome.stale)))


def _advance(bar: tqdm[Any], done: int) -> None:
    bar.update(done)


def show_outcome(outcome: Outcome, move_to: str, run: str) -> None:
    """Tell what was moved, what was not, and how to take it back."""
    show_failed(outcome.failed)
    console.say(f"moved {count(len(outcome.moved), 'file')} to {move_to}")
    console.say(f"to take it back: dedupe undo {run}")


def show_failed(failed: Sequence[FailedMove]) -> None:
    """Tell which files stayed where they were."""
    for failure in failed:
        console.warn(f"not moved: {failure.move.source}: {failure.reason}")


def show_left(stale: Sequence[LeftGroup], refused: Sequence[LeftGroup]) -> None:
    """Tell which groups were left alone."""
    for left in (*stale, *refused):
        console.warn(f"left alone: the group of {left.keeper}: {left.reason}")


def _show_plan(plan: Plan) -> None:
    show_left(plan.stale, plan.refused)
    for move in plan.moves:
        console.say(f"{move.source} -> {move.target}")
    console.say(f"{count(len(plan.moves), 'file')} would be moved; nothing was")


def raise_trouble(outcome: Outcome) -> None:
    """End with the exit code of what went wrong, if anything did."""
    if outcome.failed:
        raise ApplyError(f"{count(len(outcome.failed), 'file')} could not be moved")
    if number := len(outcome.stale):
        raise StaleReportError(f"{count(number, 'group')} changed since the report; scan again")
