"""Moves one file: nothing is overwritten, and a kill at any instant leaves what `settle` can mend.

Within a file system a move is one system call that fails where the target exists: `renameat2` with
RENAME_NOREPLACE (Linux), `renamex_np` with RENAME_EXCL (macOS), plain rename (Windows). It is
preferred to link-and-unlink because it has no state in between, and because Linux lets a user
rename, but not link, a file that belongs to somebody else (fs.protected_hardlinks). Where the call
is missing or the file system refuses its flag (NFS), link and unlink does the same: linking fails
where the target exists, and two names of one inode are recognised after a kill. A file system with
neither is refused. An empty file put down to reserve the name and then renamed over would be
portable, but another program could write into that file in between, and the rename would lose it.

Between file systems the file is copied to a temporary name beside the target and flushed; its
digest is compared; it gets owner, times, permissions and extended attributes; it is renamed as
above; and only then, and only if the source is still what it was, the source is removed. The inode
of the copy is noted before the rename, so that after a kill a target that we made can be told from
a target that somebody else made.

This module knows one file at a time. It has no journal and no groups.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dedupe.files.digest import digest_file
from dedupe.files.replace import sync_folder

Step = Callable[[str], None]
"""Called with a name after each change on disk; a crash test dies here."""

_AT_FDCWD = -100  # linux/fcntl.h
_RENAME_NOREPLACE = 1  # linux/fs.h
_RENAME_EXCL = 4  # sys/stdio.h, macOS
_NO_SUCH_RENAME = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
_NO_SUCH_LINK = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}


def no_step(_name: str) -> None:
    """Do nothing: the step of every run that is not a crash test."""


@dataclass(frozen=True, slots=True)
class FileState:
    """A regular file as it was when an action on it was planned."""

    path: str  # absolute
    size: int  # bytes
    mtime_ns: int  # nanoseconds since the epoch
    mode: int  # permission bits
    inode: int  # st_ino, 0 if unknown; no device, its number may differ after a restart
    digest: str  # hex content digest, see dedupe.files.digest

    def at(self, path: str) -> FileState:
        """The same content, with the size, time, mode and inode that a path has right now."""
        return replace(look(path), digest=self.digest)


def look(path: str) -> FileState:
    """Read the state of a regular file, without its digest, not following a symbolic link.

    Raises:
        OSError: there is no such file, or it is a link, a folder or a device.
    """
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file", path)
    mode = stat.S_IMODE(found.st_mode)
    return FileState(path, found.st_size, found.st_mtime_ns, mode, found.st_ino, digest="")


def what_changed(state: FileState, *, content: bool = True) -> str:
    """Say in a few words how a file differs from its state; an empty text means not at all.

    Args:
        content: also read the file and compare its digest.
    """
    try:
        now = look(state.path)
        if now.size != state.size or now.mtime_ns != state.mtime_ns:
            return "was modified"
        if state.inode not in (0, now.inode):
            return "was replaced by another file"
        if content and digest_file(state.path) != state.digest:
            return "has other content"
    except (FileNotFoundError, NotADirectoryError):
        return "is gone"
    except OSError as error:
        return explain(error)
    return ""


def holds(path: str, digest: str) -> bool:
    """Tell whether a path is a regular file of some content.

    Raises:
        OSError: it cannot be looked at or read.
    """
    return stat.S_ISREG(os.lstat(path).st_mode) and digest_file(path) == digest


def explain(error: OSError) -> str:
    """The system's words for an error, in one line, without the path."""
    if isinstance(error, FileExistsError):
        return "something already stands there"
    return error.strerror or str(error)


def move_file(
    state: FileState,
    target: str,
    *,
    part: str,
    note_copy: Callable[[int], None],
    step: Step = no_step,
) -> None:
    """Move a file to a path at which nothing stands, and make the move durable.

    Args:
        state: the file; its size, time and inode must still hold.
        part: a free path beside `target`, used only between file systems.
        note_copy: called with the inode of the finished copy before it gets its name.

    Raises:
        OSError: something stands at the target (FileExistsError), the file changed, the disk is
            full ... The source is then untouched and the temporary file removed. Where even
            cleaning up fails, source and target both stand, and `settle` decides later.
    """
    require_unchanged(state)
    try:
        rename_exclusively(state.path, target, step=step)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_across(state, target, part=part, note_copy=note_copy, step=step)
    sync_folder(os.path.dirname(target))
    sync_folder(os.path.dirname(state.path))
    step("synced")


def settle(state: FileState, target: str, *, part: str, copied: int | None) -> bool:
    """Bring a move that was cut short to one of its two ends; a second call changes nothing.

    Args:
        state: the file as it was before the move.
        part: the temporary path that the move would have used.
        copied: the inode that `note_copy` was told, if it was.

    Returns:
        Whether the file now stands at the target and no longer at the source, where something
        else may stand by now.

    Raises:
        OSError: the file stands at neither place, or cannot be looked at.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(part)
    here, there = _stat(state.path), _stat(target)
    if here is None:
        if there is None or digest_file(target) != state.digest:
            raise FileNotFoundError(errno.ENOENT, f"stands neither there nor at {target!r}")
        return True
    if there is None:
        return False
    linked = os.path.samestat(here, there) and here.st_nlink > 1  # else one name, by two paths
    ours = there.st_ino == copied and digest_file(target) == state.digest
    if linked or (ours and digest_file(state.path) == state.digest):
        sync_folder(os.path.dirname(target))
        os.unlink(state.path)
        sync_folder(os.path.dirname(state.path))
        return True
    # Something else may have taken the place that the photo left.
    return not holds(state.path, state.digest) and holds(target, state.digest)


def rename_exclusively(source: str, target: str, *, step: Step = no_step) -> None:
    """Rename a file within its file system; raises FileExistsError where the target exists."""
    try:
        _rename_call(source, target)
    except OSError as error:
        if error.errno not in _NO_SUCH_RENAME:
            raise
        _link_and_unlink(source, target, step)
    else:
        step("renamed")


def _rename_call(source: str, target: str) -> None:
    if sys.platform == "win32":
        os.rename(source, target)
        return
    system = ctypes.CDLL(None, use_errno=True)
    before, after = os.fsencode(source), os.fsencode(target)
    try:
        if sys.platform == "darwin":
            failed = system.renamex_np(before, after, _RENAME_EXCL)
        else:
            failed = system.renameat2(_AT_FDCWD, before, _AT_FDCWD, after, _RENAME_NOREPLACE)
    except AttributeError as error:
        raise OSError(errno.ENOSYS, "no exclusive rename in the system library") from error
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), source, None, target)


def _link_and_unlink(source: str, target: str, step: Step) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_SUCH_LINK:
            raise
        words = "this file system can neither rename without overwriting nor link"
        raise OSError(errno.ENOTSUP, words, target) from error
    step("linked")
    sync_folder(os.path.dirname(target))
    try:
        os.unlink(source)
    except OSError:
        os.unlink(target)
        raise
    step("unlinked")


def _move_across(
    state: FileState, target: str, *, part: str, note_copy: Callable[[int], None], step: Step
) -> None:
    try:
        inode = _copy(state, part, step)
        note_copy(inode)
        rename_exclusively(part, target, step=step)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    sync_folder(os.path.dirname(target))
    try:
        require_unchanged(state)
        os.unlink(state.path)
    except OSError:
        os.unlink(target)
        raise
    step("source removed")


def _copy(state: FileState, part: str, step: Step) -> int:
    """Copy content, owner, permissions, times and attributes; return the inode of the copy."""
    with Path(state.path).open("rb") as reader, Path(part).open("xb") as writer:
        step("part created")
        if sys.platform != "win32":
            os.chmod(part, 0o600)
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        if sys.platform != "win32":
            found = os.fstat(reader.fileno())
            with suppress(PermissionError):  # only root may give files away
                os.chown(part, found.st_uid, found.st_gid)
        shutil.copystat(state.path, part)
        os.fsync(writer.fileno())
        inode = os.fstat(writer.fileno()).st_ino
    if digest_file(part) != state.digest:
        raise OSError(errno.EIO, "the copy differs from the photo", part)
    step("copied")
    return inode


def require_unchanged(state: FileState) -> None:
    """Raise OSError if a file is no longer what was looked at; reads no content."""
    trouble = what_changed(state, content=False)
    if trouble:
        raise OSError(errno.EBUSY, trouble, state.path)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
