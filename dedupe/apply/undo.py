"""Takes a run back, wherever it stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dedupe.apply.actions import take_back
from dedupe.apply.execute import FailedAction, settle_all
from dedupe.apply.history import Run, find_run, read_run
from dedupe.apply.journal import reopen_journal
from dedupe.apply.move import Step, explain, no_step
from dedupe.apply.plan import Action


@dataclass(frozen=True, slots=True)
class UndoOutcome:
    """What came back, in the order in which it came; both empty if there was nothing to undo."""

    restored: tuple[Action, ...]
    failed: tuple[FailedAction, ...]


def undo(
    run: str | Path,
    *,
    folder: Path | None = None,
    wanted: Callable[[str], bool] = lambda _path: True,
    step: Step = no_step,
) -> UndoOutcome:
    """Bring every file of a run back to where it was, the last one first.

    Restores name, content, time and permissions, creates folders that vanished, and removes the
    folders that the run created if they are empty. A file that changed since it was moved, or whose
    place is taken, stays where it is and is told. A second call has nothing to do but those.

    A link is replaced by a file of its own again, and a deleted file is made again, both from the
    bytes of the keeper; what was deleted and had no such twin is told. A trashed file comes back on
    systems whose trash can be read (`dedupe.apply.trash`).

    Args:
        run: id of the run, or path of its journal.
        folder: where journals live; `default_journal_dir()` if not given.
        wanted: says of a path, where the file stood, whether to bring it back; its sidecars
            come with it.

    Raises:
        ApplyError: there is no such run, or the journal cannot be written.
        LockedError: another run works with the journals of this folder.
    """
    path = find_run(run, folder)
    with reopen_journal(path, step=step) as journal:
        before = read_run(path)
        chosen = _choose(before, wanted)
        if before.undone or (before.actions and not chosen):
            return UndoOutcome((), ())
        journal.record("undo")
        away, lost = settle_all(before, journal)
        failed = list(lost)
        restored = [a for a in before.actions if a.number in before.away - away]
        for action in reversed(before.actions):
            if action.number in away & chosen:
                try:
                    take_back(action, before, journal)
                except OSError as error:
                    failed.append(FailedAction(action, explain(error)))
                else:
                    restored.append(action)
        for created in reversed(before.folders):
            with suppress(OSError):  # not empty, or gone
                os.rmdir(created)
        if not lost and all(_is_for_good(action) for action in _still_away(path)):
            journal.record("undone")
    return UndoOutcome(tuple(restored), tuple(failed))


def _choose(run: Run, wanted: Callable[[str], bool]) -> Set[int]:
    """Numbers of the wanted actions; a sidecar is wanted with its photo."""
    photos = {action.number for action in run.actions if wanted(action.source)}
    return photos | {action.number for action in run.actions if action.leader in photos}


def _still_away(path: Path) -> list[Action]:
    run = read_run(path)
    return [action for action in run.actions if action.number in run.away]


def _is_for_good(action: Action) -> bool:
    """Whether no later try can bring the file back, so that the run counts as taken back."""
    return action.kind == "delete" and not action.twin
