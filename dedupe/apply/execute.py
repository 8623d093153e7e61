"""Execute a plan, and finish a run that was cut short.

A group is checked whole, with digests, right before its first action, and is left alone if any
member changed. Every step is in the journal before it happens. If a run is killed, `resume` or
`dedupe.apply.undo` first brings the actions that were under way to one of their two ends, and then
goes forward or back from there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dedupe.apply.actions import do_action, recover_action, undo_action
from dedupe.apply.history import Run, find_run
from dedupe.apply.journal import Journal, reopen_journal
from dedupe.apply.plan import Action, ActionGroup, LeftGroup, Plan
from dedupe.errors import ApplyError
from dedupe.files.state import FileState, describe_change, describe_error, has_content, status_of
from dedupe.types import Progress, no_progress

_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class FailedAction:
    """A file that stayed where it was, and why."""

    action: Action
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run."""

    done: tuple[Action, ...]
    stale: tuple[LeftGroup, ...]  # groups with a member that changed
    failed: tuple[FailedAction, ...]


def apply_plan(plan: Plan, journal: Journal, *, on_progress: Progress = no_progress) -> Outcome:
    """Execute a plan, group by group.

    An action that fails (permissions, an occupied path) is listed and the run goes on; a full disk
    stops the run. After Ctrl-C or kill -9, `resume` or `undo` completes the run or takes it back.

    Args:
        journal: a journal that was just started.
        on_progress: called with "apply", the number of files just finished, and their total.

    Raises:
        ApplyError: the disk is full, or the journal cannot be written.
    """
    journal.record_plan(plan.groups)
    return _Execution(journal, on_progress).run(plan.groups)


def resume(
    run: str | Path, *, folder: Path | None = None, on_progress: Progress = no_progress
) -> Outcome:
    """Finish a run that was cut short: recover what was under way, then do the rest.

    Args:
        run: id of the run, or path of its journal.
        folder: folder of the journals; `default_journal_dir()` if not given.
        on_progress: as in `apply_plan`, for the files that are left to do.

    Raises:
        ApplyError: the run does not exist, changed no file yet, or was undone; or as
            `apply_plan`.
        LockedError: another run works with the journals of this folder.
    """
    path = find_run(run, folder)
    with reopen_journal(path) as journal:
        before = journal.read()
        if before.undoing:
            raise ApplyError(f"cannot resume run {before.id}: it was undone")
        if not before.planned:
            raise ApplyError(
                f"cannot resume run {before.id}: it stopped before it touched a file; "
                "apply the report again"
            )
        lost = recover_all(before, journal)
        groups = [_with_inodes_of_today(group) for group in before.groups]
        outcome = _Execution(journal, on_progress).run(groups)
    return replace(outcome, failed=(*lost, *outcome.failed))


def recover_all(run: Run, journal: Journal) -> tuple[FailedAction, ...]:
    """Bring every action that was under way to one of its two ends.

    Returns:
        Those for which that is not possible, with the reason.
    """
    lost: list[FailedAction] = []
    actions = {action.number: action for action in run.actions}
    for number, pending in sorted(run.pending.items()):
        try:
            completed = recover_action(actions[number], pending, journal)
        except OSError as error:
            lost.append(FailedAction(actions[number], describe_error(error)))
            continue
        if completed:
            journal.record("done", action=number)
        else:
            journal.record("failed", action=number, reason="was cut short")
    return tuple(lost)


def undo_all(actions: Sequence[Action], journal: Journal) -> list[FailedAction]:
    """Undo actions, the last one first; return those that cannot be undone."""
    failed: list[FailedAction] = []
    for action in reversed(actions):
        try:
            undo_action(action, journal)
        except OSError as error:
            failed.append(FailedAction(action, describe_error(error)))
    return failed


@dataclass(slots=True)
class _Execution:
    """The groups of a run being executed, and the results so far."""

    journal: Journal
    on_progress: Progress
    done: list[Action] = field(default_factory=list)
    stale: list[LeftGroup] = field(default_factory=list)
    failed: list[FailedAction] = field(default_factory=list)
    total: int = 0  # actions to do

    def run(self, groups: Sequence[ActionGroup]) -> Outcome:
        """Execute what is not applied yet, and end the journal."""
        self.total = sum(not self._is_applied(a) for group in groups for a in group.actions)
        for group in groups:
            self._do_group(group)
        self.journal.record("end")
        return Outcome(tuple(self.done), tuple(self.stale), tuple(self.failed))

    def _do_group(self, group: ActionGroup) -> None:
        units = [unit for unit in _units(group.actions) if self._waiting(unit)]
        waiting = [action for unit in units for action in self._waiting(unit)]
        reason = _first_change(group, waiting) if waiting else ""
        if not reason:
            for unit in units:
                self._do_unit(unit, group.keeper)
            return
        self.stale.append(LeftGroup(group.keeper.path, reason))
        halves = [action for unit in units for action in unit if self._is_applied(action)]
        self.failed += undo_all(halves, self.journal)
        self._advance(len(waiting))

    def _do_unit(self, unit: Sequence[Action], keeper: FileState) -> None:
        """Do the actions of a photo and its sidecars; if one fails, undo the others."""
        waiting = self._waiting(unit)
        for action in waiting:
            try:
                do_action(action, keeper, self.journal)
            except OSError as error:
                earlier = [a for a in unit if self._is_applied(a)]
                self._fail(unit[0], action, error, undo_all(earlier, self.journal))
                break
        else:
            self.done += waiting
        self._advance(len(waiting))

    def _fail(
        self, photo: Action, action: Action, error: OSError, stuck: Sequence[FailedAction]
    ) -> None:
        """List a photo that stays; stop the run if the disk is full."""
        if error.errno in _FULL:
            raise self._stopped(photo) from error
        words = describe_error(error)
        if action.leader is not None:
            words = f"its sidecar {os.path.basename(action.source)} could not go: {words}"
            words += "".join(f"; {f.action.source} went, and {f.reason}" for f in stuck)
        self.failed.append(FailedAction(photo, words))

    def _stopped(self, action: Action) -> ApplyError:
        run = self.journal.run
        return ApplyError(
            f"the disk is full: {action.source} stays where it is, {len(self.done)} files went "
            f"before it; make room and go on with `dedupe apply --resume {run}`, "
            f"or take them back with `dedupe undo {run}`"
        )

    def _is_applied(self, action: Action) -> bool:
        return action.number in self.journal.reader.applied

    def _waiting(self, unit: Sequence[Action]) -> list[Action]:
        return [action for action in unit if not self._is_applied(action)]

    def _advance(self, count: int) -> None:
        self.on_progress("apply", count, self.total)


def _units(actions: Sequence[Action]) -> list[list[Action]]:
    """Return each photo's action with those of its sidecars: all of them are done, or none."""
    units: dict[int, list[Action]] = {}
    for action in actions:
        leader = action.number if action.leader is None else action.leader
        units.setdefault(leader, []).append(action)
    return list(units.values())


def _first_change(group: ActionGroup, waiting: Sequence[Action]) -> str:
    """Return which member of a group changed, and how; empty if none did."""
    for file in (group.keeper, *(action.file for action in waiting), *group.others):
        change = describe_change(file)
        if change:
            return f"{file.path} {change}"
    for action in waiting:
        try:
            linked = os.path.samefile(group.keeper.path, action.source)
        except OSError as error:
            return f"{action.source} {describe_error(error)}"
        if linked:
            return f"{action.source} is the same file on disk as its keeper"
    return ""


def _with_inodes_of_today(group: ActionGroup) -> ActionGroup:
    """Return a group with the inodes of today for files with the size, time and bytes of the plan.

    Some file systems give other inode numbers after they were mounted again.
    """
    return ActionGroup(
        keeper=_with_inode_of_today(group.keeper),
        actions=tuple(replace(a, file=_with_inode_of_today(a.file)) for a in group.actions),
        others=tuple(map(_with_inode_of_today, group.others)),
    )


def _with_inode_of_today(file: FileState) -> FileState:
    found = status_of(file.path)
    if found is None or found.st_ino == file.inode:
        return file
    today = replace(file, inode=found.st_ino)
    if describe_change(today, content=False):
        return file
    try:
        return today if has_content(file.path, file.digest) else file
    except OSError:
        return file
