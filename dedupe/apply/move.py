"""Move a file to a free path: by a rename, or by a verified copy to another file system."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress

from dedupe.apply.attempt import Attempt, KeeperWatch
from dedupe.files.copy import copy_exclusively
from dedupe.files.rename import (
    NO_SUCH_RENAME,
    abandon_rename,
    put_back,
    recover_rename,
    rename_exclusively,
    set_aside,
)
from dedupe.files.replace import sync_folder
from dedupe.files.state import (
    FileState,
    describe_change,
    has_content,
    require_unchanged,
    status_of,
)
from dedupe.files.system import system

Check = Callable[[], None]
"""Called when a file left its place; raises OSError if the file must go back."""


def no_check() -> None:
    """Accept every state."""


def move_file(attempt: Attempt, state: FileState, target: str, *, check: Check = no_check) -> None:
    """Move a file to a free path, and flush both folders.

    An edit that was saved before the move is found after it, and the file goes back. Across file
    systems the file is copied to the temporary path beside the target, flushed and verified, and
    renamed; then the source is set aside, checked and removed.

    Args:
        state: the file; its size, time and inode must still hold.
        check: called when the file left its place, before anything is removed for good.

    Raises:
        OSError: the target exists (FileExistsError), the file changed, `check`
            failed, the disk is full ... The file is then in its place, and nothing else is left
            of the move, unless the error names another path.
    """
    require_unchanged(state)
    try:
        _rename(attempt, state, target, check)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_and_remove(attempt, state, target, check)
    sync_folder(os.path.dirname(target))
    sync_folder(os.path.dirname(state.path))


def recover_move(attempt: Attempt, state: FileState, target: str) -> bool:
    """Finish a move that was cut short, or take it back; a second call changes nothing.

    | source  | backup  | target  | action                                    | completed |
    |---------|---------|---------|-------------------------------------------|-----------|
    | -       | -       | file    | none                                      | yes       |
    | -       | -       | edited  | rename it back                            | no        |
    | -       | -       | -       | raise                                     |           |
    | file    | -       | -       | none                                      | no        |
    | file    | -       | copy    | set the source aside and remove it        | yes       |
    | any     | -       | other   | none                                      | no        |
    | other   | -       | file    | none                                      | yes       |
    | -       | file    | -       | rename the backup to the source           | no        |
    | any     | file    | copy    | remove the backup                         | yes       |
    | -       | edited  | copy    | rename the backup back, remove the copy   | no        |
    | -       | file    | part    | finish or take back the rename            | yes or no |
    | other   | file    | -       | raise                                     |           |

    `copy` is a target noted as complete that has the digest; `part` one of an exclusive copy.

    Returns:
        Whether the file is at the target, and its source's name is free or another file's.

    Raises:
        OSError: the file is at neither place, or two files claim its place.
    """
    temporary = attempt.temporary(target)
    if status_of(temporary) and status_of(target):
        recover_rename(temporary, target, copied=attempt.copied_exclusively)
    discard(temporary)
    if status_of(attempt.backup(state.path)):
        return _recover_backup(attempt, state, target)
    here, there = status_of(state.path), status_of(target)
    if here is None:
        return _recover_target(state, target)
    if there is None:
        return False
    if not has_content(state.path, state.digest):
        return has_content(target, state.digest)
    if "copied" not in attempt.facts or not has_content(target, state.digest):
        return False
    if os.path.samestat(here, there):  # someone linked the two: each name is as good
        return False
    sync_folder(os.path.dirname(target))
    backup = attempt.backup(state.path)
    set_aside(state.at(state.path), backup, on_copy=attempt.note_copy)
    system.unlink(backup)
    sync_folder(os.path.dirname(state.path))
    return True


def discard(path: str) -> None:
    """Remove a file that dedupe made, if it is there."""
    with suppress(FileNotFoundError, NotADirectoryError):
        system.unlink(path)


def _rename(attempt: Attempt, state: FileState, target: str, check: Check) -> None:
    try:
        system.rename(state.path, target)
        place = target
    except OSError as error:
        if error.errno not in NO_SUCH_RENAME:
            raise
        place = attempt.backup(state.path)
        set_aside(state, place, on_copy=attempt.note_copy)
    try:
        change = describe_change(state.moved_to(place), content=False)
        if change:
            raise OSError(errno.EBUSY, change, state.path)
        check()
        if place != target:
            rename_exclusively(place, target, on_copy=attempt.note_copy)
    except OSError:
        put_back(place, state.path, on_copy=attempt.note_copy)
        raise


def _copy_and_remove(attempt: Attempt, state: FileState, target: str, check: Check) -> None:
    temporary, backup = attempt.temporary(target), attempt.backup(state.path)
    inode = copy_exclusively(
        state.path, temporary, digest=state.digest, metadata=None, private=True
    )
    try:
        attempt.note(copied=inode)
        rename_exclusively(temporary, target, on_copy=attempt.note_copy)
    except BaseException:
        abandon_rename(temporary, target, copied=attempt.copied_exclusively)
        raise
    sync_folder(os.path.dirname(target))
    try:
        set_aside(state, backup, on_copy=attempt.note_copy)
        try:
            check()
            system.unlink(backup)
        except OSError:
            put_back(backup, state.path, on_copy=attempt.note_copy)
            raise
    except OSError:
        if _has(target, state.digest):  # else another program saved a file there
            system.unlink(target)
        raise


def _recover_target(state: FileState, target: str) -> bool:
    """Recover a move if its source and its backup are gone."""
    there = status_of(target)
    if there is not None and has_content(target, state.digest):
        return True
    if there is not None and there.st_ino == state.inode:  # edited before it was moved
        put_back(target, state.path)
        return False
    raise FileNotFoundError(errno.ENOENT, f"is neither there nor at {target!r}", state.path)


def _recover_backup(attempt: Attempt, state: FileState, target: str) -> bool:
    """Recover a move after its source was set aside."""
    backup, exclusive = attempt.backup(state.path), attempt.copied_exclusively
    copied = "copied" in attempt.facts and _has(target, state.digest)
    if status_of(state.path) and recover_rename(backup, state.path, copied=exclusive):
        pass  # it was on its way back
    elif copied and has_content(backup, state.digest):
        system.unlink(backup)
        return True
    elif not copied and status_of(target) and recover_rename(backup, target, copied=exclusive):
        return True
    else:
        put_back(backup, state.path, on_copy=attempt.note_copy)
    if copied:
        system.unlink(target)
    return False


def _has(path: str, digest: str) -> bool:
    return status_of(path) is not None and has_content(path, digest)


class Move:
    """Move a file to its target, and back."""

    def do(self, attempt: Attempt, watch: KeeperWatch) -> None:
        """Move the file to its target."""
        move_file(attempt, attempt.file, attempt.action.target, check=watch.require)

    def undo(self, attempt: Attempt) -> None:
        """Move the file back, if it still has its bytes."""
        there = attempt.file.at(attempt.action.target)
        change = describe_change(there)
        if change:
            raise OSError(errno.EBUSY, f"{change} since it was moved", there.path)
        move_file(attempt, there, attempt.file.path)

    def recover(self, attempt: Attempt) -> bool:
        """Finish the move in its direction, or take it back."""
        source, target = attempt.file.path, attempt.action.target
        if attempt.back:
            source, target = target, source
        return recover_move(attempt, attempt.file.moved_to(source), target)
