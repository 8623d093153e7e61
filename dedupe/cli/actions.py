"""Do what a report says, and tell what happened: shared by `scan` and `apply`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer
from tqdm import tqdm

from dedupe.apply.execute import FailedAction, Outcome, apply_plan
from dedupe.apply.journal import start_journal
from dedupe.apply.plan import (
    KINDS,
    SIDECAR_RULES,
    ActionKind,
    LeftGroup,
    Plan,
    SidecarRule,
    plan_actions,
)
from dedupe.apply.select import check_limits
from dedupe.cli.console import console
from dedupe.cli.output import count
from dedupe.errors import INTERRUPTED, ApplyError, StaleReportError, UsageError
from dedupe.files.digest import digest_file
from dedupe.ignored import find_ignored
from dedupe.types import Report

_PANEL = "What becomes of duplicates (one of these; `dedupe undo` takes it back)"
_CARE = "With what care"

MoveTo = Annotated[str, typer.Option(help="Move them below this folder.", rich_help_panel=_PANEL)]
Trash = Annotated[
    bool, typer.Option("--trash", help="Put them into the trash.", rich_help_panel=_PANEL)
]
Hardlink = Annotated[
    bool,
    typer.Option("--hardlink", help="Same bytes: a hard link instead.", rich_help_panel=_PANEL),
]
Symlink = Annotated[
    bool,
    typer.Option("--symlink", help="Same bytes: a symbolic link.", rich_help_panel=_PANEL),
]
Reflink = Annotated[
    bool,
    typer.Option("--reflink", help="Same bytes: shared blocks.", rich_help_panel=_PANEL),
]
Delete = Annotated[
    bool,
    typer.Option(
        "--delete", help="Delete them; only the same bytes come back.", rich_help_panel=_PANEL
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Delete unasked.", rich_help_panel=_CARE)]
Sidecars = Annotated[
    str,
    typer.Option(
        help="xmp, aae, raw and movie of a photo: go `with` it, make it `stay`, or `ignore`.",
        rich_help_panel=_CARE,
    ),
]
MaxActions = Annotated[
    int | None,
    typer.Option(min=0, help="Touch nothing if more photos would go.", rich_help_panel=_CARE),
]
MaxFraction = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Touch nothing if a larger share would go.", rich_help_panel=_CARE
    ),
]

_DONE: dict[ActionKind, str] = {
    "move": "moved",
    "trash": "trashed",
    "hardlink": "replaced by hard links",
    "symlink": "replaced by symbolic links",
    "reflink": "replaced by reflinks",
    "delete": "deleted",
}


@dataclass(frozen=True, slots=True)
class Acting:
    """What is to be done with the duplicates of a report, and with what care."""

    kind: ActionKind
    move_to: str = ""
    sidecars: SidecarRule = "with"
    max_actions: int | None = None
    max_fraction: float | None = None
    dry_run: bool = False
    unasked: bool = False


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of the duplicates, and the run that can be taken back."""

    outcome: Outcome
    kind: ActionKind
    move_to: str  # absolute, or empty if that is not what was done
    run: str  # its id, or empty if there was nothing to do


def choose_action(
    *, move_to: str, trash: bool, hardlink: bool, symlink: bool, reflink: bool, delete: bool
) -> ActionKind | None:
    """Return the one action that was asked for, if any.

    Raises:
        UsageError: more than one was.
    """
    asked = (bool(move_to), trash, hardlink, symlink, reflink, delete)
    kinds = [kind for kind, wanted in zip(KINDS, asked, strict=True) if wanted]
    if len(kinds) > 1:
        listed = " and ".join("--move-to" if kind == "move" else f"--{kind}" for kind in kinds)
        raise UsageError(f"{listed} do not go together: choose one")
    return kinds[0] if kinds else None


def check_sidecars(rule: str) -> SidecarRule:
    """Return the rule, if it is one; raises UsageError."""
    for known in SIDECAR_RULES:
        if rule == known:
            return known
    raise UsageError(f"--sidecars {rule!r} is unknown; choose from {', '.join(SIDECAR_RULES)}")


def act_on_duplicates(
    report: Report, acting: Acting, *, report_path: str, roots: Sequence[str], ignored: str = ""
) -> Acted:
    """Plan, journal, act and tell; `raise_trouble` then ends with the exit code of the outcome.

    Args:
        ignored: file of the pairs that are no duplicates, whatever the report says; "" for the
            user's.

    Raises:
        ApplyError: a limit was passed, or the journal cannot be written.
        LockedError: another run acts.
        UsageError: photos would be deleted, and there is nobody to ask.
    """
    plan = plan_actions(
        report,
        kind=acting.kind,
        move_to=acting.move_to,
        roots=roots or None,
        sidecars=acting.sidecars,
        are_apart=find_ignored(ignored).are_apart,
    )
    if acting.dry_run:
        _show_plan(plan)
        return Acted(Outcome((), (), ()), plan.kind, plan.move_to, "")
    if not plan.actions:
        show_left(plan.stale, plan.refused)
        _show_staying(plan)
        console.say("nothing to do")
        return Acted(Outcome((), plan.stale, ()), plan.kind, plan.move_to, "")
    images = report.statistics.images
    check_limits(plan, images, max_actions=acting.max_actions, max_fraction=acting.max_fraction)
    _make_sure(plan, acting)
    with (
        start_journal(
            kind=plan.kind,
            move_to=plan.move_to,
            report=report_path,
            report_digest="" if report_path == "-" else digest_file(report_path),
            roots=roots,
        ) as journal,
        console.bar(_DONE[plan.kind].capitalize(), len(plan.actions), "files") as bar,
    ):
        try:
            outcome = apply_plan(plan, journal, on_progress=lambda done: _advance(bar, done))
        except KeyboardInterrupt as error:  # the same command would find its groups changed
            bar.close()
            console.warn(
                f"interrupted; go on with `dedupe apply --resume {journal.run}`, "
                f"or take back what was done with `dedupe undo {journal.run}`"
            )
            raise typer.Exit(INTERRUPTED) from error
    show_left((*plan.stale, *outcome.stale), plan.refused)
    _show_staying(plan)
    show_outcome(outcome, plan.kind, plan.move_to, journal.run)
    every_stale = (*plan.stale, *outcome.stale)
    return Acted(replace(outcome, stale=every_stale), plan.kind, plan.move_to, journal.run)


def _advance(bar: tqdm[Any], done: int) -> None:
    bar.update(done)


def describe_action(number: int, kind: ActionKind, move_to: str) -> str:
    """`moved 3 files to DIR`, `trashed 1 file` ..."""
    files = count(number, "file")
    if kind == "move":
        return f"moved {files} to {move_to}"
    if kind in ("trash", "delete"):
        return f"{_DONE[kind]} {files}"
    return f"{files} {_DONE[kind]}"


def show_outcome(outcome: Outcome, kind: ActionKind, move_to: str, run: str) -> None:
    """Tell what was done, what was not, and how to take it back."""
    show_failed(outcome.failed)
    console.say(describe_action(len(outcome.done), kind, move_to))
    console.say(f"to take it back: dedupe undo {run}")


def show_failed(failed: Sequence[FailedAction]) -> None:
    """Tell which files stayed where they were."""
    for failure in failed:
        console.warn(f"stays: {failure.action.source}: {failure.reason}")


def show_left(stale: Sequence[LeftGroup], refused: Sequence[LeftGroup]) -> None:
    """Tell which groups were left alone."""
    for left in (*stale, *refused):
        console.warn(f"left alone: the group of {left.keeper}: {left.reason}")


def raise_trouble(outcome: Outcome) -> None:
    """End with the exit code of what went wrong, if anything did.

    Raises:
        StaleReportError: files changed since the report; their groups were left alone.
        ApplyError: an action failed.
    """
    if outcome.failed:
        raise ApplyError(f"{count(len(outcome.failed), 'file')} could not be dealt with")
    if number := len(outcome.stale):
        raise StaleReportError(f"{count(number, 'group')} changed since the report; scan again")


def _make_sure(plan: Plan, acting: Acting) -> None:
    """Ask before photos are deleted."""
    if plan.kind != "delete" or acting.unasked:
        return
    files = count(len(plan.actions), "file")
    if not sys.stdin.isatty():
        raise UsageError(f"--delete would delete {files}; add --yes where nobody can be asked")
    typer.confirm(
        f"Delete {files}? Only those with the bytes of their keeper come back", abort=True
    )


def _show_staying(plan: Plan) -> None:
    for path, reason in plan.staying:
        console.note(f"stays: {path}: {reason}")
    if plan.staying:
        console.say(f"{count(len(plan.staying), 'duplicate')} left in place; --verbose says why")


def _show_plan(plan: Plan) -> None:
    show_left(plan.stale, plan.refused)
    _show_staying(plan)
    for action in plan.actions:
        goes = action.target or f"{plan.kind}{f' to {action.twin}' if action.twin else ''}"
        console.say(f"{action.source} -> {goes}")
    told = _DONE[plan.kind]
    console.say(f"{count(len(plan.actions), 'file')} would be {told}; nothing was touched")
