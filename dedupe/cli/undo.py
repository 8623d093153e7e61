"""`dedupe undo`: restore the files of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from dedupe.cli.console import console
from dedupe.cli.output import count, show_failed
from dedupe.cli.progress import Stage
from dedupe.errors import ApplyError


def undo(
    run: Annotated[
        str | None,
        typer.Argument(help="Id of a run, or its journal. Default: the last run.", metavar="RUN"),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(help="Only files with a matching name or path.", metavar="GLOB"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the files; change nothing.")
    ] = False,
) -> None:
    """Restore every file of a run to its place."""
    from dedupe.apply.select import fits  # not for --help
    from dedupe.apply.undo import list_restorable
    from dedupe.apply.undo import undo as undo_run

    globs = select or ["*"]
    if dry_run:
        files = list_restorable(
            run or _last_run(), wanted=lambda path: any(fits(path, g) for g in globs)
        )
        for action in files:
            console.say(f"{action.target or action.keeper or action.kind} -> {action.source}")
        console.say(f"{count(len(files), 'file')} would be brought back; nothing was touched")
        return
    console.promise = "; the same command goes on from here"
    with console.progress({"undo": Stage("Restoring", "files")}) as on_progress:
        outcome = undo_run(
            run or _last_run(),
            wanted=lambda path: any(fits(path, g) for g in globs),
            on_progress=on_progress,
        )
    show_failed(outcome.failed)
    console.say(f"brought {count(len(outcome.restored), 'file')} back")
    if outcome.failed:
        raise ApplyError(f"{count(len(outcome.failed), 'file')} could not be brought back")


def _last_run() -> str:
    from dedupe.apply.history import list_runs

    runs = [run for run in list_runs(on_damaged=lambda e: console.warn(str(e))) if not run.undone]
    if not runs:
        raise ApplyError("there is no run to undo")
    return runs[-1].id
