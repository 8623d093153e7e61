"""`dedupe history`: the runs that changed files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dedupe.cli.console import console
from dedupe.cli.output import describe_action

if TYPE_CHECKING:
    from dedupe.apply.history import Run


def history() -> None:
    """List the runs that changed files, oldest first."""
    from dedupe.apply.history import list_runs  # not for --help

    runs = list_runs(on_damaged=lambda error: console.warn(str(error)))
    for run in runs:
        what = describe_action(len(run.actions), run.kind, run.move_to)
        console.say(f"{run.id}  {run.started}  {what}{_state(run)}")
    if not runs:
        console.say("no run changed a file yet")


def _state(run: Run) -> str:
    if run.undone:
        return "  (undone)"
    if run.undoing:
        return "  (undone in part)"
    return "" if run.ended else "  (cut short: dedupe apply --resume, or dedupe undo)"
