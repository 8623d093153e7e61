"""The system calls that change files, one method each. Tests inject faults here."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from typing import Any

FaultHook = Callable[[str, str], None]
"""Called with the name of a system call, and its path or the line that it writes."""

_AT_FDCWD = -100  # linux/fcntl.h
_RENAME_NOREPLACE = 1  # linux/fs.h
_RENAME_EXCL = 4  # sys/stdio.h, macOS
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file


def no_fault(_call: str, _subject: str) -> None:
    """Do nothing."""


class SystemCalls:
    """The system calls with which dedupe changes files.

    `before` and `after` are called around each. A test that raises or kills the process there
    injects a fault; a program leaves them alone.
    """

    def __init__(self) -> None:
        self.before: FaultHook = no_fault
        self.after: FaultHook = no_fault

    def rename(self, source: str, target: str) -> None:
        """Rename a file, unless the target exists.

        Raises:
            FileExistsError: the target exists.
            OSError: also ENOSYS, EINVAL or ENOTSUP if the file system has no such rename.
        """
        self._call("rename", target, lambda: _rename_exclusively(source, target))

    def replace(self, source: str, target: str) -> None:
        """Rename a file, in place of the target if that exists."""
        self._call("replace", target, lambda: os.replace(source, target))

    def link(self, source: str, target: str) -> None:
        """Give a file a second name; raises FileExistsError if the target exists."""
        self._call("link", target, lambda: os.link(source, target, follow_symlinks=False))

    def symlink(self, text: str, path: str) -> None:
        """Create a symbolic link; raises FileExistsError if the path exists."""
        self._call("symlink", path, lambda: os.symlink(text, path))

    def unlink(self, path: str) -> None:
        """Remove a name of a file."""
        self._call("unlink", path, lambda: os.unlink(path))

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        """Create a folder."""
        self._call("mkdir", path, lambda: os.mkdir(path, mode))

    def rmdir(self, path: str) -> None:
        """Remove an empty folder."""
        self._call("rmdir", path, lambda: os.rmdir(path))

    def create(self, path: str, mode: int = 0o600, *, append: bool = False) -> int:
        """Create a file and return its descriptor; raises FileExistsError if the path exists.

        Args:
            append: write behind what the file then holds. Blocks cannot be shared with it.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        flags |= os.O_APPEND if append else 0
        return int(self._call("create", path, lambda: os.open(path, flags, mode)))

    def write(self, descriptor: int, data: bytes | memoryview, subject: str) -> int:
        """Write to a descriptor; return how many bytes were written, which may be fewer."""
        return int(self._call("write", subject, lambda: os.write(descriptor, data)))

    def truncate(self, descriptor: int, size: int, path: str) -> None:
        """Cut a file off behind a number of bytes."""
        self._call("truncate", path, lambda: os.ftruncate(descriptor, size))

    def sync(self, descriptor: int, subject: str) -> None:
        """Flush a file or a folder to disk."""
        self._call("sync", subject, lambda: os.fsync(descriptor))

    def clone(self, source: int, target: int, path: str) -> None:
        """Let a new file share the blocks of another, both given by descriptors."""
        self._call("clone", path, lambda: _share_blocks(source, target, path))

    def change(self, path: str, call: Callable[[], object]) -> None:
        """Make a call that changes the metadata of a file."""
        self._call("change", path, call)

    def _call(self, name: str, subject: str, call: Callable[[], Any]) -> Any:
        self.before(name, subject)
        result = call()
        self.after(name, subject)
        return result


system = SystemCalls()
"""The one object through which dedupe changes files."""


def _rename_exclusively(source: str, target: str) -> None:
    if sys.platform == "win32":
        os.rename(source, target)
        return
    library = ctypes.CDLL(None, use_errno=True)
    before, after = os.fsencode(source), os.fsencode(target)
    try:
        if sys.platform == "darwin":
            failed = library.renamex_np(before, after, _RENAME_EXCL)
        else:
            failed = library.renameat2(_AT_FDCWD, before, _AT_FDCWD, after, _RENAME_NOREPLACE)
    except AttributeError as error:
        raise OSError(errno.ENOSYS, "no exclusive rename in the system library") from error
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), source, None, target)


def _share_blocks(source: int, target: int, path: str) -> None:
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, "this system cannot share blocks between files", path)
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in {errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS}:
            words = "this file system cannot share blocks between files"
            raise OSError(errno.ENOTSUP, words, path) from error
        raise
