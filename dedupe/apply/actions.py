"""The kinds of action, and one action done, undone or recovered: the journal always first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from dedupe.apply.attempt import NO_NOTES, Attempt, KeeperWatch
from dedupe.apply.history import Pending, list_unfinished
from dedupe.apply.journal import Journal
from dedupe.apply.link import Delete, Link
from dedupe.apply.move import Move, discard
from dedupe.apply.plan import Action, ActionKind
from dedupe.apply.trash import Trash
from dedupe.files.metadata import Metadata, read_metadata, restore_metadata
from dedupe.files.replace import sync_folder
from dedupe.files.state import FileState, describe_error, status_of
from dedupe.files.system import system


class ActionType(Protocol):
    """One kind of action. Every method leaves the file at its path or at its destination.

    `do` and `undo` raise OSError and then leave the file where it was. A kill at any instant
    leaves a state that `recover` finishes or takes back; it returns whether it was finished.
    """

    def do(self, attempt: Attempt, watch: KeeperWatch) -> None:
        """Do the action; the keeper is checked when the file left its path."""

    def undo(self, attempt: Attempt) -> None:
        """Bring the file back."""

    def recover(self, attempt: Attempt) -> bool:
        """Finish an attempt that was cut short, in its direction, or take it back."""


ACTIONS: Mapping[ActionKind, ActionType] = {
    "move": Move(),
    "trash": Trash(),
    "hardlink": Link("hardlink"),
    "symlink": Link("symlink"),
    "reflink": Link("reflink"),
    "delete": Delete(),
}


def do_action(action: Action, keeper: FileState, journal: Journal) -> None:
    """Do one action.

    Raises:
        OSError: the file stays where it is, and why.
        ApplyError: the journal cannot be written.
    """
    if action.target:
        make_folders(os.path.dirname(action.target), journal)
    metadata = asdict(read_metadata(action.source))
    attempt = Attempt(action, journal.run, journal)
    journal.record("intent", action=action.number, back=False, metadata=metadata)
    try:
        ACTIONS[action.kind].do(attempt, KeeperWatch(keeper, enabled=action.leader is None))
    except OSError as error:
        if _is_clean(attempt, error):  # else it stays an open intent, for resume and undo
            journal.record("failed", action=action.number, reason=describe_error(error))
        raise
    journal.record("done", action=action.number)


def undo_action(action: Action, journal: Journal) -> None:
    """Bring the file of a finished action back to its place.

    Raises:
        OSError: it stays where it is, and why.
        ApplyError: the journal cannot be written.
    """
    make_folders(os.path.dirname(action.source), journal)
    forward = journal.facts(action.number)
    attempt = Attempt(action, journal.run, journal, back=True, forward=forward)
    journal.record("intent", action=action.number, back=True)
    try:
        ACTIONS[action.kind].undo(attempt)
    except OSError as error:
        if _is_clean(attempt, error):
            journal.record("failed", action=action.number, reason=describe_error(error))
        raise
    _restore(attempt)
    journal.record("done", action=action.number)


def recover_action(action: Action, pending: Pending, journal: Journal) -> bool:
    """Bring an action that the journal does not show as finished to one of its two ends.

    Returns:
        Whether it is finished, in the direction that it had.

    Raises:
        OSError: the file is at neither end, or cannot be read.
    """
    forward, facts = journal.facts(action.number), dict(pending.facts)
    attempt = Attempt(action, journal.run, journal, pending.back, facts, forward)
    completed = ACTIONS[action.kind].recover(attempt)
    if completed and pending.back:
        _restore(attempt)
    return completed


def make_folders(folder: str, journal: Journal) -> None:
    """Create a folder and those above it, each in the journal first."""
    missing: list[str] = []
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        journal.record("mkdir", path=path)
        system.mkdir(path)
        sync_folder(os.path.dirname(path))


def remove_leftovers(folder: Path, *, but: str) -> None:
    """Remove the temporary files of runs that were killed; their photos are not touched.

    A temporary file is a copy of a photo that is still in its place, or a link. The caller holds
    the lock of the folder of journals, so that no other run is alive.

    Args:
        folder: folder of the journals.
        but: id of the run that is alive.
    """
    for run in list_unfinished(folder):
        for number, pending in run.pending.items() if run.id != but else ():
            action = next(action for action in run.actions if action.number == number)
            attempt = Attempt(action, run.id, NO_NOTES, pending.back, dict(pending.facts))
            goal = action.source if pending.back else action.target or attempt.place
            if not attempt.copied_exclusively:  # then a recovery needs the temporary file
                with suppress(OSError):
                    discard(attempt.temporary(goal or action.source))


def _is_clean(attempt: Attempt, error: OSError) -> bool:
    """Return whether a failed attempt left nothing for a recovery to do."""
    path, place = attempt.file.path, attempt.action.target or attempt.place
    start, goal = (place, path) if attempt.back else (path, place)
    leftovers = (attempt.temporary(goal or path), attempt.backup(start or path))
    if any(status_of(leftover) for leftover in leftovers):
        return False
    here = status_of(path)
    if not place and here is None:
        return attempt.back
    if not place and here is not None:  # a flush may fail after the last change
        return here.st_ino != attempt.facts.get("copied" if attempt.back else "link")
    return isinstance(error, FileExistsError) or not status_of(goal)


def _restore(attempt: Attempt) -> None:
    facts: dict[str, Any] | None = attempt.forward.get("metadata")
    if facts:
        restore_metadata(attempt.file.path, Metadata(**facts))
