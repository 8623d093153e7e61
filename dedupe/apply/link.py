"""Replace a file by a link to its keeper, or delete it, and create it again from its keeper.

The file is first renamed to a backup path and removed last. Every rename refuses to overwrite. A
kill between any two steps leaves the file at its path or at the backup path, from where the
recovery finishes the work or takes it back.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Literal

from dedupe.apply.attempt import Attempt, KeeperWatch
from dedupe.apply.move import discard
from dedupe.files.copy import copy_exclusively
from dedupe.files.digest import digest_file
from dedupe.files.metadata import Metadata, read_metadata, restore_metadata
from dedupe.files.rename import (
    abandon_rename,
    put_back,
    recover_rename,
    rename_aside,
    rename_exclusively,
    set_aside,
)
from dedupe.files.replace import sync_folder
from dedupe.files.state import FileState, has_content, status_of
from dedupe.files.system import system

LinkKind = Literal["hardlink", "symlink", "reflink"]


class Delete:
    """Delete a file; create it again from a keeper with the same bytes."""

    def do(self, attempt: Attempt, watch: KeeperWatch) -> None:
        """Set the file aside, check its keeper, remove it."""
        file, backup = attempt.file, attempt.backup(attempt.file.path)
        set_aside(file, backup, on_copy=attempt.note_copy)
        try:
            watch.require()
            system.unlink(backup)
        except OSError:
            put_back(backup, file.path, on_copy=attempt.note_copy)
            raise
        sync_folder(os.path.dirname(file.path))

    def undo(self, attempt: Attempt) -> None:
        """Create the file again from its keeper."""
        file = attempt.file
        if status_of(file.path):
            raise OSError(errno.EBUSY, "was replaced since", file.path)
        temporary = _create_copy(attempt)
        try:
            rename_exclusively(temporary, file.path, on_copy=attempt.note_copy)
        except BaseException:
            abandon_rename(temporary, file.path, copied=attempt.copied_exclusively)
            raise
        sync_folder(os.path.dirname(file.path))

    def recover(self, attempt: Attempt) -> bool:
        """Finish what was cut short or take it back.

        | path   | backup | forward: action       | completed | back: completed |
        |--------|--------|-----------------------|-----------|-----------------|
        | -      | -      | none                  | yes       | no              |
        | file   | -      | none                  | no        | yes             |
        | other  | -      | raise                 |           | no              |
        | -      | file   | rename the backup back | no       |                 |
        | part   | file   | finish the rename back | no       |                 |
        | other  | file   | raise                 |           |                 |
        """
        path, exclusive = attempt.file.path, attempt.copied_exclusively
        temporary, backup = attempt.temporary(path), attempt.backup(path)
        if attempt.back:
            if status_of(temporary) and status_of(path):
                recover_rename(temporary, path, copied=exclusive)
            discard(temporary)
            return status_of(path) is not None and has_content(path, attempt.file.digest)
        if status_of(backup):
            if not (status_of(path) and recover_rename(backup, path, copied=exclusive)):
                put_back(backup, path, on_copy=attempt.note_copy)
            return False
        if not status_of(path):
            return True
        if not has_content(path, attempt.file.digest):
            raise OSError(errno.EBUSY, "its path is taken by another file", path)
        return False


class Link:
    """Replace a file by a link of one kind to a keeper with the same bytes."""

    def __init__(self, kind: LinkKind) -> None:
        self.kind = kind

    def do(self, attempt: Attempt, watch: KeeperWatch) -> None:
        """Make the link, set the file aside, rename the link into its place, remove the file."""
        file = attempt.file
        temporary, backup = attempt.temporary(file.path), attempt.backup(file.path)
        try:
            _make_link(self.kind, attempt.action.keeper, file, temporary)
            attempt.note(link=os.lstat(temporary).st_ino)
            watch.restart()
            set_aside(file, backup)
        except BaseException:
            with suppress(OSError):
                system.unlink(temporary)
            raise
        try:
            watch.require()
            rename_exclusively(temporary, file.path)
        except OSError:
            with suppress(OSError):
                system.unlink(temporary)
            put_back(backup, file.path)
            raise
        sync_folder(os.path.dirname(file.path))
        watch.restart()  # if it fails, the backup stays for a recovery
        system.unlink(backup)
        sync_folder(os.path.dirname(file.path))

    def undo(self, attempt: Attempt) -> None:
        """Replace the link by a file of its own, copied from the keeper.

        An edit that an editor writes through a hard link once the copy exists stays in the keeper.
        """
        path = attempt.file.path
        backup = attempt.backup(path)
        self._require_link(attempt, path)
        own = os.lstat(path).st_nlink == 1 and not _are_one_file(path, attempt.action.keeper)
        if self.kind == "hardlink" and own:
            return  # the keeper is gone
        temporary = _create_copy(attempt)
        try:
            rename_aside(path, backup)
            if not _are_one_file(backup, attempt.action.keeper):
                self._require_link(attempt, backup)
            rename_exclusively(temporary, path)
        except BaseException:
            with suppress(OSError):
                if status_of(backup) and not status_of(path):
                    rename_exclusively(backup, path)
            with suppress(OSError):
                system.unlink(temporary)
            raise
        sync_folder(os.path.dirname(path))
        discard(backup)

    def recover(self, attempt: Attempt) -> bool:
        """Finish what was cut short or take it back."""
        path = attempt.file.path
        discard(attempt.temporary(path))  # a link or a copy; it may have its final name as well
        backup = attempt.backup(path)
        if _are_one_file(path, backup):  # a rename by two links was cut short
            discard(backup)
        return self._recover_undo(attempt) if attempt.back else self._recover_do(attempt)

    def _recover_do(self, attempt: Attempt) -> bool:
        """Recover `do`, with the temporary link removed.

        | path        | backup | action                                  | completed |
        |-------------|--------|-----------------------------------------|-----------|
        | none        | no     | none                                    | yes       |
        | link        | no     | none                                    | yes       |
        | broken link | no     | none                                    | yes       |
        | file        | no     | none                                    | no        |
        | other       | no     | raise                                   |           |
        | none        | yes    | rename the backup back                  | no        |
        | link        | yes    | remove the backup if it is unchanged    | yes       |
        | broken link | yes    | remove a symbolic link, rename back     | no        |
        | file, other | yes    | raise                                   |           |
        """
        path, backup = attempt.file.path, attempt.backup(attempt.file.path)
        state = self._state(attempt, path)
        if not status_of(backup):
            if state == "other":
                raise OSError(errno.EBUSY, "its path is taken by another file", path)
            return state != "file"
        if state == "link" and has_content(backup, attempt.file.digest):
            system.unlink(backup)
            sync_folder(os.path.dirname(path))
            return True
        if state == "broken link" and self.kind == "symlink":
            system.unlink(path)
        put_back(backup, path)
        return False

    def _recover_undo(self, attempt: Attempt) -> bool:
        """Recover `undo`, with the temporary copy removed.

        | path        | backup | action                 | completed |
        |-------------|--------|------------------------|-----------|
        | file        | any    | remove the backup link | yes       |
        | none        | yes    | rename the link back   | no        |
        | any         | any    | none                   | no        |
        """
        path, backup = attempt.file.path, attempt.backup(attempt.file.path)
        state = self._state(attempt, path)
        if state == "file":
            discard(backup)
            return True
        if state == "none" and status_of(backup):
            put_back(backup, path)
        return False

    def _require_link(self, attempt: Attempt, path: str) -> None:
        state = self._state(attempt, path)
        if state == "link" or (state == "file" and self.kind != "symlink"):
            return  # inodes differ after a restart of some file systems: the bytes decide
        if state == "broken link" and self.kind == "symlink":
            return  # the copy of the keeper fails with the reason
        words = "was edited since" if state == "broken link" else "was replaced since"
        raise OSError(errno.EBUSY, words, attempt.file.path)

    def _state(self, attempt: Attempt, path: str) -> PlaceState:
        """Return what is at a path: a link made by `do`, the file, or something else."""
        here, keeper = status_of(path), attempt.action.keeper
        if here is None:
            return "none"
        if self.kind == "symlink":
            is_link = stat.S_ISLNK(here.st_mode) and os.readlink(path) == keeper
        else:
            noted = attempt.forward if attempt.back else attempt.facts
            is_link = here.st_ino == noted.get("link") or (
                self.kind == "hardlink" and _are_one_file(path, keeper)
            )
        if is_link:
            return "link" if _leads_to(path, attempt.file.digest) else "broken link"
        return "file" if has_content(path, attempt.file.digest) else "other"


PlaceState = Literal["none", "link", "broken link", "file", "other"]
"""`broken link`: a symbolic link to a keeper without the bytes, or a link that was edited."""


def _make_link(kind: LinkKind, keeper: str, file: FileState, path: str) -> None:
    """Create a link to a keeper; a reflink gets the metadata of the file that it replaces."""
    if kind == "symlink":
        system.symlink(keeper, path)
        return
    try:
        if kind == "hardlink":
            system.link(keeper, path)
        else:
            _make_reflink(keeper, file, path)
    except OSError as error:
        if error.errno == errno.EXDEV:
            words = "is on another file system than its keeper"
            raise OSError(errno.EXDEV, words, file.path) from error
        raise


def _make_reflink(keeper: str, file: FileState, path: str) -> None:
    with Path(keeper).open("rb") as reader:
        descriptor = system.create(path)
        try:
            system.clone(reader.fileno(), descriptor, path)
            restore_metadata(path, read_metadata(file.path))
            system.sync(descriptor, path)
        finally:
            os.close(descriptor)
    if digest_file(path) != file.digest:
        raise OSError(errno.EIO, "the copy differs from the photo", path)


def _create_copy(attempt: Attempt) -> str:
    """Copy the keeper to the temporary path, with the metadata of the file; return the path."""
    file, keeper = attempt.file, attempt.action.keeper
    if not keeper:
        raise OSError(errno.ENOENT, "was deleted, and no other file had its bytes", file.path)
    temporary = attempt.temporary(file.path)
    metadata = Metadata(**attempt.forward["metadata"])
    try:
        inode = copy_exclusively(
            keeper, temporary, digest=file.digest, metadata=metadata, private=True
        )
    except OSError as error:
        if not os.path.lexists(keeper):
            raise OSError(errno.ENOENT, f"{keeper!r} is gone", file.path) from error
        if error.errno == errno.EIO and not _leads_to(keeper, file.digest):
            words = f"{keeper!r} no longer has its bytes"
            raise OSError(errno.ENODATA, words, file.path) from error
        raise
    attempt.facts["copied"] = inode  # not in the journal: a recovery goes by the bytes
    return temporary


def _leads_to(path: str, digest: str) -> bool:
    """Return whether a file, or the target of a symbolic link, has a digest."""
    with suppress(OSError):
        return has_content(os.path.realpath(path), digest)
    return False


def _are_one_file(first: str, second: str) -> bool:
    """Return whether two paths are names of one inode, symbolic links not followed."""
    here, there = status_of(first), status_of(second)
    return here is not None and there is not None and os.path.samestat(here, there)
