"""`dedupe history`: the runs that changed files, and the files of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dedupe.cli.console import console
from dedupe.cli.output import describe_action

if TYPE_CHECKING:
    from dedupe.apply.history import Run


def history(
    run: Annotated[
        str | None,
        typer.Argument(help="Id of a run, or its journal: list its files.", metavar="RUN"),
    ] = None,
) -> None:
    """List the runs that changed files, oldest first, or every file of one run."""
    from dedupe.apply.history import find_run, list_runs, read_run  # not for --help

    if run:
        _show_files(read_run(find_run(run)))
        return
    runs = list_runs(on_damaged=lambda error: console.warn(str(error)))
    for found in runs:
        what = describe_action(len(found.actions), found.kind, found.move_to)
        console.say(f"{found.id}  {found.started}  {what}{_state(found)}")
    console.say("dedupe history RUN lists its files" if runs else "no run changed a file yet")


def _show_files(run: Run) -> None:
    """Print each file of a run: its place before, where it went, and whether it is still there."""
    for action in run.actions:
        goes = action.target or (f"{action.kind} to {action.keeper}" if action.keeper else "")
        there = "" if action.number in run.applied else "  (in its place)"
        console.say(f"{action.source} -> {goes or action.kind}{there}")
    console.say(f"{run.started}  {describe_action(len(run.actions), run.kind, run.move_to)}")


def _state(run: Run) -> str:
    if run.undone:
        return "  (undone)"
    if run.undoing:
        return "  (undone in part)"
    return "" if run.ended else "  (cut short: dedupe apply --resume, or dedupe undo)"
