"""Replace a file as a whole: a reader sees the old content or the new, never a part."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress

from dedupe.files.system import system

if sys.platform != "win32":
    import fcntl

_PRIVATE = 0o600  # outputs contain paths of private photos
_TEMPORARY = re.compile(r"\.dedupe-[0-9a-f]{12}\.part")


def replace_file(path: str, chunks: Iterable[bytes], *, mode: int = _PRIVATE) -> None:
    """Write a file under a temporary name beside it, flush it, and give it its name.

    A new file has the permissions `mode`; an older one keeps its own. A symbolic link is
    followed. After any failure, also in `chunks`, the old file is intact and the temporary one is
    removed. Temporary files that killed runs left in the folder are removed as well.

    Raises:
        OSError: the file cannot be written, or the path is a folder or a device.
    """
    target = os.path.realpath(path)
    old_mode = _mode_of(target)
    folder = os.path.dirname(target)
    remove_leftovers(folder)
    temporary, descriptor = _create(folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.chmod(temporary, mode if old_mode is None else old_mode)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            system.sync(descriptor, temporary)
            if sys.platform != "win32":
                system.replace(temporary, target)  # before the lock on it is dropped
        if sys.platform == "win32":  # which renames no open file
            system.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            system.unlink(temporary)
        raise
    sync_folder(folder)


def remove_leftovers(folder: str) -> None:
    """Remove the temporary files of killed runs from a folder.

    A run holds a lock on its temporary file for as long as it lives, so that a file without a lock
    is a leftover. Does nothing where the system has no such locks.
    """
    if sys.platform == "win32":
        return
    with suppress(OSError):
        for name in os.listdir(folder):
            if _TEMPORARY.fullmatch(name):
                with suppress(OSError):  # in use, of another user, or gone meanwhile
                    _remove_unlocked(os.path.join(folder, name))


def _remove_unlocked(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and _lock(descriptor, wait=False):
            os.unlink(path)
    finally:
        os.close(descriptor)


def _create(folder: str) -> tuple[str, int]:
    """Create a temporary file and lock it; return its path and an open descriptor."""
    while True:
        path = os.path.join(folder, f".dedupe-{secrets.token_hex(6)}.part")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        _lock(descriptor, wait=True)
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)  # another run took it for a leftover before it was locked


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Lock an open file; return whether this process holds it, or the system has no locks."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: never remove a file there
        return wait
    return True


def _mode_of(target: str) -> int | None:
    """Return the permissions of the file that will be replaced; None if there is none."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", target)
    return stat.S_IMODE(found.st_mode)


def sync_folder(folder: str) -> None:
    """Flush a folder's entries to disk, where the system can."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        system.sync(descriptor, folder)
    except OSError as error:  # some network file systems refuse to flush a folder
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)
