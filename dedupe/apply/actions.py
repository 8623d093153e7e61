"""One action of a plan: made, taken back, or settled after a kill, the journal always first."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from dedupe.apply.history import Pending, Run
from dedupe.apply.journal import Journal
from dedupe.apply.link import recreate, remove, replace_by_link, settle_recreated, settle_replaced
from dedupe.apply.move import (
    FileState,
    explain,
    look,
    move_file,
    settle,
    what_changed,
)
from dedupe.apply.plan import Action
from dedupe.apply.trash import send_to_trash, settle_trashed, take_from_trash
from dedupe.files.replace import sync_folder


def carry_out(action: Action, keeper: FileState, journal: Journal) -> None:
    """Make one action.

    Raises:
        OSError: the file stays where it is, and why.
        ApplyError: the journal cannot be written.
    """
    if action.kind == "move":
        make_folders(os.path.dirname(action.target), journal)
        _travel(action, action.file, action.target, journal, back=False)
        return
    journal.record("intent", action=action.number, back=False)
    try:
        _replace(action, keeper, journal)
    except OSError as error:
        # A file that did not come back to its place stays an open intent, for resume and undo.
        if not what_changed(action.file, content=False):
            journal.record("failed", action=action.number, reason=explain(error))
        raise
    journal.record("done", action=action.number)


def take_back(action: Action, run: Run, journal: Journal) -> None:
    """Bring the file of an action that was made back to its place.

    Raises:
        OSError: it stays where it is, and why.
        ApplyError: the journal cannot be written.
    """
    make_folders(os.path.dirname(action.source), journal)
    if action.kind == "move":
        file = action.file.at(action.target)
        trouble = what_changed(file)
        if trouble:
            raise OSError(errno.EBUSY, f"{trouble} since it was moved", action.target)
        _travel(action, file, action.source, journal, back=True)
        return
    journal.record("intent", action=action.number, back=True)
    try:
        _put_back(action, run.copies.get(action.number), journal)
    except OSError as error:
        journal.record("failed", action=action.number, reason=explain(error))
        raise
    restore_metadata(action.file)
    journal.record("done", action=action.number)


def settle_open(action: Action, pending: Pending, run: str) -> bool:
    """Bring an action whose end the journal does not tell to one of its two ends.

    Returns:
        Whether it went through, in the direction in which it was going.

    Raises:
        OSError: the file stands at neither end, or cannot be looked at.
    """
    part = action.part(run, back=pending.back)
    if action.kind == "move":
        start, goal = action.source, action.target
        if pending.back:
            start, goal = goal, start
        file = replace(action.file, path=start)
        through = settle(file, goal, part=part, copied=pending.copied)
    elif action.kind == "trash":
        through = settle_trashed(action.file, part=part, back=pending.back)
    elif pending.back:
        aside = action.aside(run)
        through = settle_recreated(action.file, part=part, aside=aside, copied=pending.copied)
    else:
        aside = action.aside(run)
        through = settle_replaced(action.file, part=part, aside=aside, link=pending.copied)
    if through and pending.back:
        restore_metadata(action.file)
    return through


def make_folders(folder: str, journal: Journal) -> None:
    """Create a folder and those above it, each in the journal first."""
    missing: list[str] = []
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        journal.record("mkdir", path=path)
        os.mkdir(path)
        sync_folder(os.path.dirname(path))
        journal.step("folder created")


def restore_metadata(file: FileState) -> None:
    """Give a file that came back the time and permissions it had; no change where it has them."""
    now = look(file.path)
    with suppress(PermissionError):  # only the owner may, and only a copy needs it
        if now.mode != file.mode:
            os.chmod(file.path, file.mode)
        if now.mtime_ns != file.mtime_ns:
            os.utime(file.path, ns=(os.stat(file.path).st_atime_ns, file.mtime_ns))


def _travel(action: Action, file: FileState, goal: str, journal: Journal, *, back: bool) -> None:
    journal.record("intent", action=action.number, back=back)
    part = action.part(journal.run, back=back)
    note = _noting(action, journal)
    try:
        move_file(file, goal, part=part, note_copy=note, step=journal.step)
    except OSError as error:
        # Something that we left at the goal stays an open intent, for resume and undo to settle.
        if isinstance(error, FileExistsError) or not os.path.lexists(goal):
            journal.record("failed", action=action.number, reason=explain(error))
        raise
    if back:
        restore_metadata(action.file)
    journal.record("done", action=action.number)


def _replace(action: Action, keeper: FileState, journal: Journal) -> None:
    file, aside = action.file, action.aside(journal.run)
    if action.kind == "trash":
        send_to_trash(file, step=journal.step)
    elif action.kind == "delete":
        remove(file, aside=aside, step=journal.step)
    elif action.kind != "move":
        replace_by_link(
            file,
            keeper,
            action.kind,
            part=action.part(journal.run, back=False),
            aside=aside,
            note_link=_noting(action, journal),
            step=journal.step,
        )


def _put_back(action: Action, link: int | None, journal: Journal) -> None:
    if action.kind == "trash":
        part = action.part(journal.run, back=True)
        take_from_trash(action.file, part=part, step=journal.step)
        return
    if not action.twin:
        raise OSError(errno.ENOENT, "was deleted, and no other file had its bytes", action.source)
    recreate(
        action.file,
        action.twin,
        part=action.part(journal.run, back=True),
        aside=action.aside(journal.run),
        link=link,
        note_copy=_noting(action, journal),
        step=journal.step,
    )


def _noting(action: Action, journal: Journal) -> Callable[[int], None]:
    def note(inode: int) -> None:
        journal.record("copied", action=action.number, inode=inode)

    return note
