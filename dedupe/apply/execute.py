"""Acts on a plan, and goes on with a run that was cut short.

A group is checked whole, with digests, right before its first action, and is left alone if any
member changed. Every step is in the journal before it happens. Wherever a run is killed, `resume`
or `dedupe.apply.undo` first settles the actions that were under way, each to one of its two
ends, and then goes forward or back from there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from dedupe.apply.actions import carry_out, settle_open, take_back
from dedupe.apply.history import Run, find_run, read_run
from dedupe.apply.journal import Journal, reopen_journal
from dedupe.apply.move import FileState, Step, explain, no_step, what_changed
from dedupe.apply.plan import Action, ActionGroup, LeftGroup, Plan
from dedupe.errors import ApplyError
from dedupe.types import Progress, no_progress

_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class FailedAction:
    """A file that stayed where it was, and why."""

    action: Action
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did."""

    done: tuple[Action, ...]
    stale: tuple[LeftGroup, ...]  # groups of which a member changed
    failed: tuple[FailedAction, ...]


def apply_plan(plan: Plan, journal: Journal, *, on_progress: Progress = no_progress) -> Outcome:
    """Do what the plan says, group by group.

    An action that fails (permissions, a name that is taken) is told and the run goes on; a full
    disk stops the run. Ctrl-C and kill -9 leave a state for `resume` and `undo`.

    Args:
        journal: a journal that was just started.
        on_progress: called with "apply", the number of files just finished, and their total.

    Raises:
        ApplyError: the disk is full, or the journal cannot be written.
    """
    journal.record_plan(plan.groups)
    return _act(plan.groups, journal, frozenset(), on_progress)


def resume(
    run: str | Path,
    *,
    folder: Path | None = None,
    on_progress: Progress = no_progress,
    step: Step = no_step,
) -> Outcome:
    """Go on with a run that was cut short: settle what was under way, then do the rest.

    Args:
        run: id of the run, or path of its journal.
        folder: where journals live; `default_journal_dir()` if not given.
        on_progress: as in `apply_plan`, for the files that are left to do.

    Raises:
        ApplyError: there is no such run, it did nothing yet, it was taken back, or as
            `apply_plan`.
        LockedError: another run works with the journals of this folder.
    """
    path = find_run(run, folder)
    with reopen_journal(path, step=step) as journal:
        known = read_run(path)
        if known.undoing:
            raise ApplyError(f"cannot resume run {known.id}: it was taken back")
        if not known.planned:
            raise ApplyError(
                f"cannot resume run {known.id}: it stopped before it touched a file; "
                "apply the report again"
            )
        away, lost = settle_all(known, journal)
        outcome = _act(known.groups, journal, away, on_progress)
    return replace(outcome, failed=(*lost, *outcome.failed))


def _act(
    groups: Sequence[ActionGroup],
    journal: Journal,
    away: Set[int],
    on_progress: Progress,
) -> Outcome:
    total = sum(a.number not in away for group in groups for a in group.actions)
    done: list[Action] = []
    stale: list[LeftGroup] = []
    failed: list[FailedAction] = []
    for group in groups:
        units = [unit for unit in _units(group.actions) if any(a.number not in away for a in unit)]
        waiting = [action for unit in units for action in unit if action.number not in away]
        reason = _first_change(group, waiting) if waiting else ""
        if reason:
            stale.append(LeftGroup(group.keeper.path, reason))
            halves = [action for unit in units for action in unit if action.number in away]
            failed += _bring_back(halves, journal)
            on_progress("apply", len(waiting), total)
            continue
        for unit in units:
            made, rest = ([a for a in unit if (a.number in away) is part] for part in (True, False))
            try:
                _act_on(rest, made, group.keeper, journal)
            except OSError as error:
                if error.errno in _FULL:
                    raise _stopped(unit[0], journal, len(done)) from error
                failed.append(FailedAction(unit[0], explain(error)))
            else:
                done += rest
            on_progress("apply", len(rest), total)
    journal.record("end")
    return Outcome(tuple(done), tuple(stale), tuple(failed))


def _units(actions: Sequence[Action]) -> list[list[Action]]:
    """Each photo's action with those of its sidecars behind it: they go together, or none goes."""
    units: dict[int, list[Action]] = {}
    for action in actions:
        units.setdefault(action.number if action.leader is None else action.leader, []).append(
            action
        )
    return list(units.values())


def _act_on(
    unit: Sequence[Action], made: Sequence[Action], keeper: FileState, journal: Journal
) -> None:
    """Make the actions of a unit; if one fails, those before it and `made` are taken back."""
    for place, action in enumerate(unit):
        try:
            # It was read before the first file of its group; that may be a while ago.
            if trouble := what_changed(keeper, content=False):
                raise OSError(errno.EBUSY, f"its keeper {keeper.path} {trouble}", action.source)
            carry_out(action, keeper, journal)
        except OSError as error:
            stuck = _bring_back([*made, *unit[:place]], journal)
            if action.leader is None:
                raise
            words = f"its sidecar {os.path.basename(action.source)} could not go: {explain(error)}"
            words += "".join(f"; {f.action.source} went, and {f.reason}" for f in stuck)
            number = error.errno if error.errno in _FULL else errno.EIO
            raise OSError(number, words, action.source) from error


def _bring_back(actions: Sequence[Action], journal: Journal) -> list[FailedAction]:
    """Take actions back, the last one first; return those that cannot be."""
    stuck: list[FailedAction] = []
    for action in reversed(actions):
        try:
            take_back(action, read_run(journal.path), journal)
        except OSError as error:
            stuck.append(FailedAction(action, explain(error)))
    return stuck


def _stopped(action: Action, journal: Journal, count: int) -> ApplyError:
    return ApplyError(
        f"the disk is full: {action.source} stays where it is, {count} files went before it; "
        f"make room and go on with `dedupe apply --resume {journal.run}`, "
        f"or take them back with `dedupe undo {journal.run}`"
    )


def _first_change(group: ActionGroup, waiting: Sequence[Action]) -> str:
    """Say which member of a group changed, and how; an empty text means none."""
    for file in (group.keeper, *(action.file for action in waiting), *group.others):
        reason = what_changed(file)
        if reason:
            return f"{file.path} {reason}"
    for action in waiting:
        try:
            linked = os.path.samefile(group.keeper.path, action.source)
        except OSError as error:
            return f"{action.source} {explain(error)}"
        if linked:
            return f"{action.source} is the same file on disk as its keeper"
    return ""


def settle_all(run: Run, journal: Journal) -> tuple[frozenset[int], tuple[FailedAction, ...]]:
    """Settle every open intent.

    Returns:
        The numbers of the actions that are made and not taken back, and those that cannot be
        settled, with the reason.
    """
    away = set(run.away)
    lost: list[FailedAction] = []
    actions = {action.number: action for action in run.actions}
    for number, pending in sorted(run.pending.items()):
        try:
            through = settle_open(actions[number], pending, run.id)
        except OSError as error:
            lost.append(FailedAction(actions[number], explain(error)))
            continue
        if through:
            (away.discard if pending.back else away.add)(number)
            journal.record("done", action=number)
        else:
            journal.record("failed", action=number, reason="was cut short")
    return frozenset(away), tuple(lost)
