"""Do what a report says, and tell what happened: shared by `scan` and `apply`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any

import typer
from tqdm import tqdm

from dedupe.apply.execute import FailedAction, Outcome
from dedupe.apply.plan import (
    KINDS,
    SIDECAR_RULES,
    ActionKind,
    LeftGroup,
    Plan,
    SidecarRule,
)
from dedupe.apply.run import (
    Applied,
    ApplyInterrupted,
    ApplyOptions,
    apply_report,
    plan_report,
    resume_run,
)
from dedupe.cli.console import console
from dedupe.cli.output import count
from dedupe.errors import INTERRUPTED, ApplyError, StaleReportError, UsageError
from dedupe.files.paths import USER_FILE
from dedupe.ignored import find_ignored
from dedupe.types import Progress, Report

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
    report: Report,
    options: ApplyOptions,
    *,
    report_path: str,
    roots: Sequence[str] = (),
    ignored: str = "",
    yes: bool = False,
) -> Applied:
    """Apply a report and print what happened; `raise_trouble` then ends with its exit code.

    Args:
        ignored: file of the ignored pairs; "" for the file of the user.
        yes: delete files without a question.

    Raises:
        ApplyError: a limit was exceeded, or the journal cannot be written.
        LockedError: another run acts.
        UsageError: files would be deleted, and there is no terminal for the question.
    """
    with _progress_bar(_DONE[options.kind].capitalize()) as on_progress:
        applied = apply_report(
            report,
            options,
            report_path=report_path,
            roots=roots,
            are_apart=find_ignored(ignored or USER_FILE).are_apart,
            confirm=lambda plan: yes or _may_delete(plan),
            on_progress=on_progress,
        )
    _show_left_alone(applied.plan, applied.outcome.stale)
    if applied.run:
        show_outcome(applied.outcome, options.kind, applied.plan.move_to, applied.run)
    else:
        console.say("nothing to do")
    return applied


def show_plan(report: Report, options: ApplyOptions, *, ignored: str = "") -> None:
    """Print what a report would do."""
    plan = plan_report(report, options, are_apart=find_ignored(ignored or USER_FILE).are_apart)
    _show_left_alone(plan, plan.stale)
    for action in plan.actions:
        goes = action.target or f"{plan.kind}{f' to {action.keeper}' if action.keeper else ''}"
        console.say(f"{action.source} -> {goes}")
    done = _DONE[plan.kind]
    console.say(f"{count(len(plan.actions), 'file')} would be {done}; nothing was touched")


def resume_report(run: str) -> Outcome:
    """Finish a run that was cut short and print what happened."""
    with _progress_bar("Resumed") as on_progress:
        known, outcome = resume_run(run, on_progress=on_progress)
    show_left(outcome.stale, ())
    show_outcome(outcome, known.kind, known.move_to, known.id)
    return outcome


@contextmanager
def _progress_bar(title: str) -> Iterator[Progress]:
    """Show a progress bar; on Ctrl-C, say how to go on and end with its exit code."""
    with ExitStack() as stack:
        bars: list[tqdm[Any]] = []

        def on_progress(_stage: str, done: int, total: int) -> None:
            if not bars:
                bars.append(stack.enter_context(console.bar(title, total, "files")))
            bars[0].update(done)

        try:
            yield on_progress
        except ApplyInterrupted as error:  # the same command would find its groups changed
            stack.close()
            console.warn(
                f"interrupted; go on with `dedupe apply --resume {error.run}`, "
                f"or take back what was done with `dedupe undo {error.run}`"
            )
            raise typer.Exit(INTERRUPTED) from error


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


def _may_delete(plan: Plan) -> bool:
    """Return True; before files are deleted, only after the user agreed."""
    if plan.kind != "delete":
        return True
    files = count(len(plan.actions), "file")
    if not sys.stdin.isatty():
        raise UsageError(f"--delete would delete {files}; add --yes where nobody can be asked")
    return typer.confirm(
        f"Delete {files}? Only those with the bytes of their keeper come back", abort=True
    )


def _show_left_alone(plan: Plan, stale: Sequence[LeftGroup]) -> None:
    """Print the groups and duplicates that stay."""
    show_left(stale, plan.refused)
    for path, reason in plan.staying:
        console.note(f"stays: {path}: {reason}")
    if plan.staying:
        console.say(f"{count(len(plan.staying), 'duplicate')} left in place; --verbose says why")
