"""`dedupe apply`: do what a report says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dedupe.cli.console import console
from dedupe.cli.options import takes
from dedupe.errors import UsageError
from dedupe.files.paths import USER_FILE
from dedupe.options import ActionOptions, SelectOptions
from dedupe.report import read_report
from dedupe.types import Report

ReportPath = Annotated[
    str | None, typer.Argument(help="A report of `dedupe scan`.", metavar="REPORT")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan; change nothing.")]
Ignored = Annotated[
    str | None,
    typer.Option(help="File of `dedupe ignore`. Default: that of the user.", metavar="FILE"),
]
Resume = Annotated[str | None, typer.Option(help="Finish a run that was cut short.", metavar="RUN")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print more.")]


@takes({"action": ActionOptions, "chosen": SelectOptions})
def apply(
    action: ActionOptions,
    chosen: SelectOptions,
    report: ReportPath = None,
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
        _decided(report, chosen),
        max_distance=chosen.max_distance,
        select=chosen.select,
    )
    if dry_run:
        show_plan(found, action, ignored=ignored or USER_FILE)
        return
    applied = act_on_duplicates(found, action, report_path=report, ignored=ignored or USER_FILE)
    raise_trouble(applied.outcome)


def _decided(report: str, chosen: SelectOptions) -> Report:
    """Read a report, narrowed to the groups that a person accepted if decisions are given."""
    found = read_report(report)
    if chosen.decisions is None:
        return found
    from dedupe.apply.decisions import apply_decisions, read_decisions

    log = read_decisions(Path(chosen.decisions), Path(report), found)
    return apply_decisions(found, log.decided)
