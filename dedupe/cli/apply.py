"""`dedupe apply`: do what a report says."""

from __future__ import annotations

from typing import Annotated

import typer

from dedupe.apply import resume as resume_run
from dedupe.cli.moving import move_duplicates, raise_trouble, show_left, show_outcome
from dedupe.errors import UsageError
from dedupe.journal import find_run, read_run
from dedupe.report import read_report


def apply(
    report: Annotated[
        str, typer.Argument(help="A report of `dedupe scan`.", show_default=False)
    ] = "",
    move_to: Annotated[str, typer.Option(help="Move the duplicates below this folder.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")] = False,
    ignored: Annotated[str, typer.Option(help="File of `dedupe ignore`; else the user's.")] = "",
    resume: Annotated[str, typer.Option(help="Go on with a run that was cut short.")] = "",
) -> None:
    """Move what a report calls duplicates, after looking at every file again."""
    if resume:
        if report or move_to or dry_run or ignored:
            raise UsageError("--resume takes everything from the run; give nothing beside it")
        outcome = resume_run(resume)
        show_left(outcome.stale, ())
        known = read_run(find_run(resume))
        show_outcome(outcome, known.move_to, known.id)
        raise_trouble(outcome)
        return
    if not report or not move_to:
        raise UsageError("say which report, and where to move: dedupe apply REPORT --move-to DIR")
    move_duplicates(
        read_report(report),
        move_to=move_to,
        report_path=report,
        roots=(),
        ignored=ignored,
        dry_run=dry_run,
    )
