"""`dedupe apply`: do what a report says."""

from __future__ import annotations

from typing import Annotated

import typer

from dedupe.cli.console import console
from dedupe.cli.options import takes
from dedupe.errors import UsageError
from dedupe.files.paths import USER_FILE
from dedupe.options import ActionOptions, SelectOptions
from dedupe.report import read_report

Report = Annotated[str | None, typer.Argument(help="A report of `dedupe scan`.", metavar="REPORT")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan; change nothing.")]
Ignored = Annotated[
    str | None,
    typer.Option(help="File of `dedupe ignore`. Default: that of the user.", metavar="FILE"),
]
Resume = Annotated[str | None, typer.Option(help="Finish a run that was cut short.", metavar="RUN")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print more.")]


@takes(action=ActionOptions, chosen=SelectOptions)
def apply(
    action: ActionOptions,
    chosen: SelectOptions,
    report: Report = None,
    dry_run: DryRun = False,
    ignored: Ignored = None,
    resume: Resume = None,
    verbose: Verbose = False,
) -> None:
    """Move, trash, link or delete the duplicates of a report, after each file is checked again."""
    from dedupe.apply.select import choose  # loads OpenCV: not for --help
    from dedupe.cli.actions import act_on_duplicates, raise_trouble, resume_report, show_plan

    console.set_verbosity(verbose=verbose)
    if resume:
        if report or dry_run or ignored or (action, chosen) != (ActionOptions(), SelectOptions()):
            raise UsageError("--resume takes everything from the run; give nothing beside it")
        raise_trouble(resume_report(resume))
        return
    if not report or not action.kind:
        raise UsageError("say which report, and what to do: dedupe apply REPORT --move-to DIR")
    found = choose(
        read_report(report),
        max_distance=chosen.max_distance,
        select=chosen.select,
    )
    if dry_run:
        show_plan(found, action, ignored=ignored or USER_FILE)
        return
    applied = act_on_duplicates(found, action, report_path=report, ignored=ignored or USER_FILE)
    raise_trouble(applied.outcome)
