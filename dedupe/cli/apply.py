"""`dedupe apply`: do what a report says."""

from __future__ import annotations

from typing import Annotated

import typer

from dedupe.apply.run import ApplyOptions
from dedupe.apply.select import choose
from dedupe.cli.actions import (
    Delete,
    Hardlink,
    MaxActions,
    MaxFraction,
    MoveTo,
    Reflink,
    Sidecars,
    Symlink,
    Trash,
    Yes,
    act_on_duplicates,
    check_sidecars,
    choose_action,
    raise_trouble,
    resume_report,
    show_plan,
)
from dedupe.cli.console import console
from dedupe.errors import UsageError
from dedupe.report import read_report
from dedupe.types import KINDS, Kind

_WHICH = "Which duplicates"


def apply(
    report: Annotated[
        str, typer.Argument(help="A report of `dedupe scan`.", show_default=False)
    ] = "",
    move_to: MoveTo = "",
    trash: Trash = False,
    hardlink: Hardlink = False,
    symlink: Symlink = False,
    reflink: Reflink = False,
    delete: Delete = False,
    select: Annotated[
        list[str] | None,
        typer.Option(help="Only names or paths like this.", rich_help_panel=_WHICH),
    ] = None,
    max_distance: Annotated[
        float | None,
        typer.Option(min=0, max=2, help="Only those as close.", rich_help_panel=_WHICH),
    ] = None,
    kinds: Annotated[
        str, typer.Option(help="Only these: exact,same,edited.", rich_help_panel=_WHICH)
    ] = "",
    sidecars: Sidecars = "with",
    max_actions: MaxActions = None,
    max_fraction: MaxFraction = None,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")] = False,
    ignored: Annotated[str, typer.Option(help="File of `dedupe ignore`; else the user's.")] = "",
    resume: Annotated[str, typer.Option(help="Go on with a run that was cut short.")] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
) -> None:
    """Move, trash, link or delete what a report calls duplicates, after looking at each again."""
    console.verbose = verbose
    kind = choose_action(
        move_to=move_to,
        trash=trash,
        hardlink=hardlink,
        symlink=symlink,
        reflink=reflink,
        delete=delete,
    )
    if resume:
        given = (report, kind, select, kinds, dry_run, yes, ignored, sidecars != "with")
        limits = (max_distance, max_actions, max_fraction)
        if any(given) or any(limit is not None for limit in limits):
            raise UsageError("--resume takes everything from the run; give nothing beside it")
        raise_trouble(resume_report(resume))
        return
    if not report or not kind:
        raise UsageError("say which report, and what to do: dedupe apply REPORT --move-to DIR")
    options = ApplyOptions(
        kind=kind,
        move_to=move_to,
        sidecars=check_sidecars(sidecars),
        max_actions=max_actions,
        max_fraction=max_fraction,
    )
    chosen = choose(
        read_report(report), kinds=_kinds(kinds), max_distance=max_distance, select=select or ()
    )
    if dry_run:
        show_plan(chosen, options, ignored=ignored)
        return
    applied = act_on_duplicates(chosen, options, report_path=report, ignored=ignored, yes=yes)
    raise_trouble(applied.outcome)


def _kinds(names: str) -> list[Kind]:
    known: dict[str, Kind] = {kind: kind for kind in KINDS}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in known:
            raise UsageError(f"--kinds {name!r} is unknown; choose from {', '.join(KINDS)}")
    return [known[name] for name in wanted]
