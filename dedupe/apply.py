"""Acts on a plan, goes on with a run that was cut short, and takes a run back.

A group is checked whole, with digests, right before its first move, and is left alone if any member
changed. Every step is in the journal before it happens. Wherever a run is killed, `resume` or
`undo` first settles the moves that were under way, each to one of its two ends, and then goes
forward or back from there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dedupe.errors import ApplyError
from dedupe.journal import Journal, Run, find_run, read_run, reopen_journal
from dedupe.move import (
    FileState,
    Step,
    explain,
    look,
    move_file,
    no_step,
    settle,
    sync_folder,
    what_changed,
)
from dedupe.plan import LeftGroup, Move, MoveGroup, Plan

_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class FailedMove:
    """A file that stayed where it was, and why."""

    move: Move
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did."""

    moved: tuple[Move, ...]
    stale: tuple[LeftGroup, ...]  # groups of which a member changed
    failed: tuple[FailedMove, ...]


@dataclass(frozen=True, slots=True)
class UndoOutcome:
    """What came back, in the order in which it came; both empty if there was nothing to undo."""

    restored: tuple[Move, ...]
    failed: tuple[FailedMove, ...]


def _ignore(_count: int) -> None:
    """The progress of a run that nobody watches."""


def apply_plan(
    plan: Plan, journal: Journal, *, on_progress: Callable[[int], None] = _ignore
) -> Outcome:
    """Move what the plan says, group by group.

    A move that fails (permissions, a name that is taken) is told and the run goes on; a full disk
    stops the run. Ctrl-C and kill -9 leave a state for `resume` and `undo`.

    Args:
        journal: a journal that was just started.
        on_progress: called with the number of planned moves that were dealt with since.

    Raises:
        ApplyError: the disk is full, or the journal cannot be written.
    """
    journal.record_plan(plan.groups)
    return _act(plan.groups, journal, frozenset(), on_progress)


def resume(
    run: str | Path,
    *,
    folder: Path | None = None,
    on_progress: Callable[[int], None] = _ignore,
    step: Step = no_step,
) -> Outcome:
    """Go on with a run that was cut short: settle the move under way, then make the others.

    Args:
        run: id of the run, or path of its journal.
        folder: where journals live; `default_journal_dir()` if not given.

    Raises:
        ApplyError: there is no such run, it moved nothing yet, it was taken back, or as
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
        away, lost = _settle_all(known, journal)
        outcome = _act(known.groups, journal, away, on_progress)
    return replace(outcome, failed=(*lost, *outcome.failed))


def undo(run: str | Path, *, folder: Path | None = None, step: Step = no_step) -> UndoOutcome:
    """Bring every file of a run back to where it was, the last one first.

    Restores name, content, time and permissions, creates folders that vanished, and removes the
    folders that the run created if they are empty. A file that changed since it was moved, or whose
    place is taken, stays where it is and is told. A second call has nothing to do but those.

    Args:
        run: id of the run, or path of its journal.
        folder: where journals live; `default_journal_dir()` if not given.

    Raises:
        ApplyError: there is no such run, or the journal cannot be written.
        LockedError: another run works with the journals of this folder.
    """
    path = find_run(run, folder)
    with reopen_journal(path, step=step) as journal:
        known = read_run(path)
        if known.undone:
            return UndoOutcome((), ())
        journal.record("undo")
        away, lost = _settle_all(known, journal)
        failed = list(lost)
        restored = [m for m in known.moves if m.number in known.away - away]
        for move in reversed(known.moves):
            if move.number in away:
                try:
                    _move_back(move, journal)
                except OSError as error:
                    failed.append(FailedMove(move, explain(error)))
                else:
                    restored.append(move)
        for created in reversed(known.folders):
            with suppress(OSError):  # not empty, or gone
                os.rmdir(created)
        if not failed:
            journal.record("undone")
    return UndoOutcome(tuple(restored), tuple(failed))


def _act(
    groups: Sequence[MoveGroup],
    journal: Journal,
    away: Set[int],
    on_progress: Callable[[int], None],
) -> Outcome:
    moved: list[Move] = []
    stale: list[LeftGroup] = []
    failed: list[FailedMove] = []
    for group in groups:
        waiting = [move for move in group.moves if move.number not in away]
        reason = _first_change(group, waiting) if waiting else ""
        if reason:
            stale.append(LeftGroup(group.keeper.path, reason))
            on_progress(len(waiting))
            continue
        for move in waiting:
            try:
                _move_out(move, journal)
            except OSError as error:
                if error.errno in _FULL:
                    raise _stopped(move, journal, len(moved)) from error
                failed.append(FailedMove(move, explain(error)))
            else:
                moved.append(move)
            on_progress(1)
    journal.record("end")
    return Outcome(tuple(moved), tuple(stale), tuple(failed))


def _stopped(move: Move, journal: Journal, count: int) -> ApplyError:
    return ApplyError(
        f"the disk is full: {move.source} stays where it is, {count} files were moved before it; "
        f"make room and go on with `dedupe apply --resume {journal.run}`, "
        f"or take them back with `dedupe undo {journal.run}`"
    )


def _first_change(group: MoveGroup, waiting: Sequence[Move]) -> str:
    """Say which member of a group changed, and how; an empty text means none."""
    for file in (group.keeper, *(move.file for move in waiting), *group.others):
        reason = what_changed(file)
        if reason:
            return f"{file.path} {reason}"
    for move in waiting:
        try:
            linked = os.path.samefile(group.keeper.path, move.source)
        except OSError as error:
            return f"{move.source} {explain(error)}"
        if linked:
            return f"{move.source} is the same file on disk as its keeper"
    return ""


def _move_out(move: Move, journal: Journal) -> None:
    _make_folders(os.path.dirname(move.target), journal)
    _travel(move, move.file, move.target, journal, back=False)


def _move_back(move: Move, journal: Journal) -> None:
    file = move.file.at(move.target)
    trouble = what_changed(file)
    if trouble:
        raise OSError(errno.EBUSY, f"{trouble} since it was moved", move.target)
    _make_folders(os.path.dirname(move.source), journal)
    _travel(move, file, move.source, journal, back=True)


def _travel(move: Move, file: FileState, goal: str, journal: Journal, *, back: bool) -> None:
    def note_copy(inode: int) -> None:
        journal.record("copied", move=move.number, inode=inode)

    journal.record("intent", move=move.number, back=back)
    part = move.part(journal.run, back=back)
    try:
        move_file(file, goal, part=part, note_copy=note_copy, step=journal.step)
    except OSError as error:
        # Something that we left at the goal stays an open intent, for resume and undo to settle.
        if isinstance(error, FileExistsError) or not os.path.lexists(goal):
            journal.record("failed", move=move.number, reason=explain(error))
        raise
    if back:
        _restore_metadata(move.file)
    journal.record("done", move=move.number)


def _settle_all(run: Run, journal: Journal) -> tuple[frozenset[int], tuple[FailedMove, ...]]:
    """Settle every open intent; return the moves whose file is at its target, and lost files."""
    away = set(run.away)
    lost: list[FailedMove] = []
    moves = {move.number: move for move in run.moves}
    for number, pending in sorted(run.pending.items()):
        move = moves[number]
        start, goal = move.source, move.target
        if pending.back:
            start, goal = goal, start
        part = move.part(run.id, back=pending.back)
        try:
            file = replace(move.file, path=start)
            arrived = settle(file, goal, part=part, copied=pending.copied)
        except OSError as error:
            lost.append(FailedMove(move, explain(error)))
            continue
        if arrived:
            if pending.back:
                _restore_metadata(move.file)
            (away.discard if pending.back else away.add)(number)
            journal.record("done", move=number)
        else:
            journal.record("failed", move=number, reason="was cut short")
    return frozenset(away), tuple(lost)


def _make_folders(folder: str, journal: Journal) -> None:
    missing: list[str] = []
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        journal.record("mkdir", path=path)
        os.mkdir(path)
        sync_folder(os.path.dirname(path))
        journal.step("folder created")


def _restore_metadata(file: FileState) -> None:
    """Give a file that came back the time and permissions it had; no change where it has them."""
    now = look(file.path)
    with suppress(PermissionError):  # only the owner may, and only a copy needs it
        if now.mode != file.mode:
            os.chmod(file.path, file.mode)
        if now.mtime_ns != file.mtime_ns:
            os.utime(file.path, ns=(os.stat(file.path).st_atime_ns, file.mtime_ns))
