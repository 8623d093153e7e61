"""`dedupe undo`: bring back what a run moved."""

from __future__ import annotations

from typing import Annotated

import typer

from dedupe.apply import undo as undo_run
from dedupe.cli.console import console
from dedupe.cli.moving import show_failed
from dedupe.cli.summary import count
from dedupe.errors import ApplyError
from dedupe.journal import list_runs


def undo(
    run: Annotated[
        str, typer.Argument(help="Id of a run, or its journal; else the last one.")
    ] = "",
) -> None:
    """Bring every file of a run back to where it was."""
    outcome = undo_run(run or _last_run())
    show_failed(outcome.failed)
    console.say(f"brought {count(len(outcome.restored), 'file')} back")
    if outcome.failed:
        raise ApplyError(f"{count(len(outcome.failed), 'file')} could not be brought back")


def _last_run() -> str:
    runs = [run for run in list_runs() if not run.undone]
    if not runs:
        raise ApplyError("there is no run to undo")
    return runs[-1].id
