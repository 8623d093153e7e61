"""Replaces a file as a whole: whoever opens it sees the old content or the new, never a part."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress


def replace_file(path: str, chunks: Iterable[bytes]) -> None:
    """Write a file under a temporary name beside it, flush it, and give it its name.

    A symbolic link is followed, permissions of an older file are kept. Whatever goes wrong, also
    in `chunks`, leaves the old file intact and the temporary one removed.

    Raises:
        OSError: the file cannot be written, or the path is a folder or a device.
    """
    target = os.path.realpath(path)
    old_mode = _mode_of(target)
    part = os.path.join(os.path.dirname(target), f".dedupe-{secrets.token_hex(6)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if old_mode is not None:
                os.chmod(part, old_mode)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(descriptor)
        os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    sync_folder(os.path.dirname(target))


def _mode_of(target: str) -> int | None:
    """Permissions of the file that is to be replaced, if there is one."""
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
        os.fsync(descriptor)
    except OSError as error:  # some network file systems refuse to flush a folder
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)
