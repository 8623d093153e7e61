"""Act on a report: plan, check the limits, confirm, journal, execute. Prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dedupe.apply.actions import remove_leftovers
from dedupe.apply.execute import Outcome, apply_plan, resume
from dedupe.apply.history import Run, find_run, read_run
from dedupe.apply.journal import start_journal
from dedupe.apply.pictures import refuse_other_files
from dedupe.apply.plan import (
    KINDS,
    SIDECAR_RULES,
    ActionKind,
    Plan,
    SidecarRule,
    plan_actions,
)
from dedupe.apply.select import check_limits
from dedupe.errors import UsageError
from dedupe.files.parts import digest_output
from dedupe.types import Progress, Report, no_progress

AreApart = Callable[[str, str], bool]
"""Return whether two digests are ignored as a pair: `IgnoredPairs.are_apart`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """What becomes of the duplicates of a report, and the limits of one run."""

    kind: ActionKind
    move_to: str = ""  # the folder for `move`, which need not exist; empty for the other kinds
    sidecars: SidecarRule = "with"
    max_actions: int | None = None  # largest number of photos, sidecars not counted
    max_fraction: float | None = None  # largest share of the scanned images, in [0, 1]
    within: str = ""  # folder that must contain every file of the report; empty for no bound

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"action {self.kind!r} is unknown; choose from {', '.join(KINDS)}")
        if bool(self.move_to) != (self.kind == "move"):
            raise UsageError("a folder to move to belongs to the action `move`, and to no other")
        if self.sidecars not in SIDECAR_RULES:
            listed = ", ".join(SIDECAR_RULES)
            raise UsageError(f"--sidecars {self.sidecars!r} is unknown; choose from {listed}")


@dataclass(frozen=True, slots=True)
class Applied:
    """What was planned and what became of it."""

    plan: Plan
    outcome: Outcome  # stale groups include those that the plan found stale
    run: str  # id for `undo` and `resume`; empty if nothing was to be done


class ApplyInterrupted(KeyboardInterrupt):
    """Ctrl-C while files were changed; the run can be resumed or undone."""

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run = run  # id of the run


def plan_report(
    report: Report,
    options: ApplyOptions,
    *,
    roots: Sequence[str] = (),
    are_apart: AreApart = lambda _keeper, _duplicate: False,
) -> Plan:
    """Return what `apply_report` would do. Changes nothing.

    Args:
        roots: the scanned folders, which decide the tree below `move_to`; empty for the common
            folder of all files of the report.
        are_apart: returns whether the digests of a keeper and a duplicate are an ignored pair.

    Raises:
        ApplyError: `move_to` is not a folder.
        ReportError: the report names a file outside of the roots, or of `options.within`.
    """
    return plan_actions(
        report,
        kind=options.kind,
        move_to=options.move_to,
        roots=roots or None,
        sidecars=options.sidecars,
        are_apart=are_apart,
        within=options.within,
    )


def apply_report(
    report: Report,
    options: ApplyOptions,
    *,
    report_path: str = "",
    roots: Sequence[str] = (),
    are_apart: AreApart = lambda _keeper, _duplicate: False,
    confirm: Callable[[Plan], bool] = lambda _plan: True,
    on_progress: Progress = no_progress,
    folder: Path | None = None,
) -> Applied:
    """Move, trash, link or delete the duplicates of a report, after each file is checked again.

    A group of a report on disk is refused if its keeper and a file with other bytes do not both
    decode as pictures. Temporary files that killed runs left are removed.
    `dedupe.apply.undo.undo` undoes the run.

    Args:
        report: may be narrowed before, see `dedupe.apply.select.choose`.
        report_path: path of the report, for the journal; "" or "-" if it is not a file.
        roots, are_apart: as in `plan_report`.
        confirm: called with the plan before anything changes, unless the plan is empty; False
            ends the run there.
        on_progress: called with "apply", the number of files just finished, and their total.
        folder: folder of the journals; `default_journal_dir()` if not given.

    Raises:
        ApplyError: a limit is exceeded, the disk is full, or the journal cannot be written.
        ApplyInterrupted: Ctrl-C after the journal was started.
        LockedError: another run works with the journals of this folder.
        ReportError: as in `plan_report`.
        UsageError: `max_fraction` is given and the report does not contain the image count.
    """
    plan = plan_report(report, options, roots=roots, are_apart=are_apart)
    plan = refuse_other_files(plan, report)
    nothing = Applied(plan, Outcome((), plan.stale, ()), "")
    if not plan.actions:
        return nothing
    check_limits(
        plan,
        report.statistics.images,
        max_actions=options.max_actions,
        max_fraction=options.max_fraction,
    )
    if not confirm(plan):
        return nothing
    with start_journal(
        folder,
        kind=plan.kind,
        move_to=plan.move_to,
        report=report_path,
        report_digest="" if report_path in ("", "-") else digest_output(report_path),
        roots=roots,
    ) as journal:
        remove_leftovers(journal.path.parent, but=journal.run)
        try:
            outcome = apply_plan(plan, journal, on_progress=on_progress)
        except KeyboardInterrupt as error:
            raise ApplyInterrupted(journal.run) from error
    return Applied(plan, replace(outcome, stale=(*plan.stale, *outcome.stale)), journal.run)


def resume_run(
    run: str | Path, *, folder: Path | None = None, on_progress: Progress = no_progress
) -> tuple[Run, Outcome]:
    """Finish a run that was cut short; return its journal's content and the outcome.

    Args:
        run: id of the run, or path of its journal.
        folder: folder of the journals; `default_journal_dir()` if not given.
        on_progress: called with "apply", the number of files just finished, and their total.

    Raises:
        ApplyError: the run does not exist, changed no file yet, or was undone; or as
            `apply_report`.
        ApplyInterrupted: Ctrl-C.
        LockedError: another run works with the journals of this folder.
    """
    path = find_run(run, folder)
    try:
        outcome = resume(path, on_progress=on_progress)
    except KeyboardInterrupt as error:
        raise ApplyInterrupted(path.stem) from error
    return read_run(path), outcome
