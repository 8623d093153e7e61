"""`dedupe history`: the runs that moved files."""

from __future__ import annotations

from dedupe.cli.console import console
from dedupe.cli.summary import count
from dedupe.journal import Run, list_runs


def history() -> None:
    """List the runs that moved files, oldest first."""
    runs = list_runs()
    for run in runs:
        moved = count(len(run.moves), "file")
        console.say(f"{run.id}  {run.started}  {moved} to {run.move_to}{_state(run)}")
    if not runs:
        console.say("no run moved anything yet")


def _state(run: Run) -> str:
    if run.undone:
        return "  (taken back)"
    return "" if run.ended else "  (cut short: dedupe apply --resume, or dedupe undo)"
