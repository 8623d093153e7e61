"""Undo a run, wherever it stopped."""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dedupe.apply.actions import undo_action
from dedupe.apply.execute import FailedAction, recover_all
from dedupe.apply.history import Run, find_run, read_run
from dedupe.apply.journal import reopen_journal
from dedupe.apply.plan import Action
from dedupe.files.state import describe_error
from dedupe.files.system import system
from dedupe.types import Progress, no_progress


@dataclass(frozen=True, slots=True)
class UndoOutcome:
    """Which files are back, in the order in which they came; both are empty if none was away."""

    restored: tuple[Action, ...]
    failed: tuple[FailedAction, ...]


def undo(
    run: str | Path,
    *,
    folder: Path | None = None,
    wanted: Callable[[str], bool] = lambda _path: True,
    on_progress: Progress = no_progress,
) -> UndoOutcome:
    """Bring every file of a run back to where it was, the last one first.

    Restores name, content, times, owner, permissions and extended attributes, creates folders that
    vanished, and removes the folders that the run created if they are empty. A file that changed
    since the run, or that finds its original path occupied, is left in place and listed in
    `failed`. So is a deleted file without an identical keeper. A second call tries only the files
    that failed.

    A link is replaced by a file of its own, and a deleted file is created again, both from the
    bytes of the keeper. A trashed file comes back on systems with a readable trash
    (`dedupe.apply.trash`).

    Args:
        run: id of the run, or path of its journal.
        folder: folder of the journals; `default_journal_dir()` if not given.
        wanted: returns for the original path of a file whether to bring it back; its sidecars come
            with it.
        on_progress: called with "undo", the number of files just finished, and their total.

    Raises:
        ApplyError: there is no such run, or the journal cannot be written.
        LockedError: another run works with the journals of this folder.
    """
    path = find_run(run, folder)
    with reopen_journal(path) as journal:
        before = journal.read()
        chosen = _choose(before, wanted)
        if before.undone or (before.actions and not chosen):
            return UndoOutcome((), ())
        journal.record("undo")
        lost = recover_all(before, journal)
        applied = journal.read().applied
        failed = list(lost)
        recovered = before.applied - applied
        restored = [action for action in before.actions if action.number in recovered]
        waiting = [a for a in before.actions if a.number in applied and a.number in chosen]
        for action in reversed(waiting):
            try:
                undo_action(action, journal)
            except OSError as error:
                failed.append(FailedAction(action, describe_error(error)))
            else:
                restored.append(action)
            on_progress("undo", 1, len(waiting))
        for created in reversed(before.folders):
            with suppress(OSError):  # not empty, or gone
                system.rmdir(created)
        applied = journal.read().applied
        if not lost and all(_is_final(a) for a in before.actions if a.number in applied):
            journal.record("undone")
    return UndoOutcome(tuple(restored), tuple(failed))


def list_restorable(
    run: str | Path,
    *,
    folder: Path | None = None,
    wanted: Callable[[str], bool] = lambda _path: True,
) -> tuple[Action, ...]:
    """Return the actions that `undo` would take back, the last one first. Changes nothing.

    Args:
        run, folder, wanted: as for `undo`.

    Raises:
        ApplyError: there is no such run, or its journal cannot be read.
    """
    found = read_run(find_run(run, folder))
    chosen = _choose(found, wanted)
    away = found.applied | found.pending.keys()
    return tuple(a for a in reversed(found.actions) if a.number in away and a.number in chosen)


def _choose(run: Run, wanted: Callable[[str], bool]) -> Set[int]:
    """Return the numbers of the wanted actions; a sidecar is wanted with its photo."""
    photos = {action.number for action in run.actions if wanted(action.source)}
    return photos | {action.number for action in run.actions if action.leader in photos}


def _is_final(action: Action) -> bool:
    """Return whether no later undo can bring the file back, so that the run counts as undone."""
    return action.kind == "delete" and not action.keeper
