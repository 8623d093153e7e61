"""Takes a run back, wherever it stopped."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dedupe.apply import FailedAction, settle_all
from dedupe.change import take_back
from dedupe.journal import reopen_journal
from dedupe.move import Step, explain, no_step
from dedupe.plan import Action
from dedupe.runs import find_run, read_run


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
    systems whose trash can be read (`dedupe.trash`).

    Args:
        run: id of the run, or path of its journal.
        folder: where journals live; `default_journal_dir()` if not given.
        wanted: says of a path, where the file stood, whether to bring it back.

    Raises:
        ApplyError: there is no such run, or the journal cannot be written.
        LockedError: another run works with the journals of this folder.
    """
    path = find_run(run, folder)
    with reopen_journal(path, step=step) as journal:
        if read_run(path).undone:
            return UndoOutcome((), ())
        journal.record("undo")
        before = read_run(path)
        away, lost = settle_all(before, journal)
        known = read_run(path)
        failed = list(lost)
        restored = [a for a in known.actions if a.number in before.away - away]
        for action in reversed(known.actions):
            if action.number in away and wanted(action.source):
                try:
                    take_back(action, known, journal)
                except OSError as error:
                    failed.append(FailedAction(action, explain(error)))
                else:
                    restored.append(action)
        for created in reversed(known.folders):
            with suppress(OSError):  # not empty, or gone
                os.rmdir(created)
        if not failed and not read_run(path).away:
            journal.record("undone")
    return UndoOutcome(tuple(restored), tuple(failed))
