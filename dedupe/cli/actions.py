"""Apply a report and print what happened: shared by `scan`, `apply` and `undo`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from dedupe.apply.execute import Outcome
from dedupe.apply.plan import (
    ActionKind,
    LeftGroup,
    Plan,
)
from dedupe.apply.run import (
    Applied,
    ApplyInterrupted,
    apply_report,
    plan_report,
    resume_run,
)
from dedupe.apply.select import choose
from dedupe.cli.console import console
from dedupe.cli.output import ACTIONS, count, describe_action, show_failed
from dedupe.cli.progress import Stage
from dedupe.errors import INTERRUPTED, ApplyError, StaleReportError, UsageError
from dedupe.files.paths import USER_FILE
from dedupe.ignored.store import find_ignored
from dedupe.options import ActionOptions, Ignored
from dedupe.types import KINDS, Progress, Report


def act_on_duplicates(
    report: Report,
    action: ActionOptions,
    *,
    report_path: str,
    roots: Sequence[str] = (),
    ignored: Ignored = USER_FILE,
) -> Applied:
    """Apply a report and print what happened; `raise_trouble` then ends with its exit code.

    Args:
        ignored: file of the ignored pairs, see `dedupe.ignored.store.find_ignored`.

    Raises:
        ApplyError: a limit was exceeded, or the journal cannot be written.
        LockedError: another run acts.
        UsageError: --delete needs an answer, and no terminal is open for the question.
    """
    options = action.request()
    with _progress_bar(ACTIONS[options.kind].capitalize()) as on_progress:
        applied = apply_report(
            choose(report, kinds=action.kinds_to_apply),
            options,
            report_path=report_path,
            roots=roots,
            are_apart=find_ignored(ignored).are_apart,
            confirm=lambda plan: action.yes or _may_delete(plan),
            on_progress=on_progress,
        )
    _show_left_alone(applied.plan, applied.outcome.stale)
    _show_other_kinds(report, action)
    if applied.run:
        show_outcome(applied.outcome, options.kind, applied.plan.move_to, applied.run)
    else:
        console.say("nothing was changed" if applied.plan.actions else "nothing to do")
    return applied


def show_plan(report: Report, action: ActionOptions, *, ignored: Ignored = USER_FILE) -> None:
    """Print what a report would do."""
    chosen = choose(report, kinds=action.kinds_to_apply)
    plan = plan_report(chosen, action.request(), are_apart=find_ignored(ignored).are_apart)
    _show_left_alone(plan, plan.stale)
    _show_other_kinds(report, action)
    for planned in plan.actions:
        goes = planned.target or f"{plan.kind}{f' to {planned.keeper}' if planned.keeper else ''}"
        console.say(f"{planned.source} -> {goes}")
    done = ACTIONS[plan.kind]
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
    """Show a progress bar; on Ctrl-C, say how to continue and end with its exit code."""
    try:
        with console.progress({"apply": Stage(title, "files")}) as on_progress:
            yield on_progress
    except ApplyInterrupted as error:  # the same command would find its groups changed
        console.warn(
            f"interrupted; go on with `dedupe apply --resume {error.run}`, "
            f"or take back what was done with `dedupe undo {error.run}`"
        )
        raise typer.Exit(INTERRUPTED) from error


def show_outcome(outcome: Outcome, kind: ActionKind, move_to: str, run: str) -> None:
    """Print what was done, what was not, and how to undo it."""
    show_failed(outcome.failed)
    console.say(describe_action(len(outcome.done), kind, move_to))
    console.say(f"to take it back: dedupe undo {run}")


def show_left(stale: Sequence[LeftGroup], refused: Sequence[LeftGroup]) -> None:
    """Warn of each group that was left alone."""
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
    """Return whether to act; ask the user before files are deleted."""
    if plan.kind != "delete":
        return True
    files = count(len(plan.actions), "file")
    if not console.can_ask():
        raise UsageError(
            f"--delete asks before it deletes {files}, and there is no terminal; add --yes"
        )
    try:
        return typer.confirm(f"Delete {files}? Undo restores only exact copies of their keepers")
    except typer.Abort:  # Ctrl-C or the end of the input: no
        return False


def _show_left_alone(plan: Plan, stale: Sequence[LeftGroup]) -> None:
    """Print the groups and duplicates that stay."""
    show_left(stale, plan.refused)
    for path, reason in plan.staying:
        console.note(f"stays: {path}: {reason}")
    if plan.staying:
        console.say(f"{count(len(plan.staying), 'duplicate')} left in place; --verbose says why")


def _show_other_kinds(report: Report, action: ActionOptions) -> None:
    """Print how many duplicates stay because their kind was not chosen."""
    left = [d.kind for d in report.duplicates if d.kind not in action.kinds_to_apply]
    if left:
        kinds = ",".join(kind for kind in KINDS if kind in left)
        console.say(
            f"{count(len(left), 'duplicate')} of the kind {kinds} left in place; "
            f"--kinds chooses, `dedupe review` shows them side by side"
        )
