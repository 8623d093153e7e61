"""A lock that the system holds for a running process, and drops when the process ends or dies.

The lock is on the open file, not on its existence: a file left by a killed run blocks no other.
The text in the file (pid, host, since) is only for the message of the second run. The file is never
removed, because a run that waits on a removed file would not exclude a run on a new file.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from dedupe.errors import ApplyError, LockedError
from dedupe.files.marks import is_lock
from dedupe.files.outputs import foreign_file

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_FAR = 1 << 30  # Windows locks bytes: one behind the text, so that others can read the text
_PAUSE_S = 0.02  # between two attempts to take a lock


@contextmanager
def hold_lock(path: Path, *, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the lock on a file, which is created if need be, for as long as the block runs.

    Args:
        patience_s: seconds to wait for another run that holds it.

    Raises:
        LockedError: another process, or this one a second time, holds it.
        ApplyError: the file cannot be opened, or its file system knows no locks.
        UsageError: the file holds something else than a lock of dedupe; it stays as it is.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ApplyError(f"cannot open the lock {path}: {error.strerror}") from error
    try:
        try:
            taken = _take_within(descriptor, patience_s)
        except OSError as error:
            raise ApplyError(f"cannot lock {path}: {error.strerror}") from error
        if not taken:
            raise LockedError(f"another run holds the lock {path}: {_holder(descriptor)}")
        _check_content(descriptor, path)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        facts = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        with suppress(OSError):  # the disk is full: the lock holds all the same
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, json.dumps(facts).encode() + b"\n")
        yield
    finally:
        os.close(descriptor)


def _check_content(descriptor: int, path: Path) -> None:
    """Reject a file that is no lock: it is about to be truncated."""
    regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    if not regular or not is_lock(os.read(descriptor, 4096)):
        raise foreign_file(str(path), "lock")


def _take_within(descriptor: int, patience_s: float) -> bool:
    """Take the lock within some seconds; return whether that succeeded."""
    end = time.monotonic() + patience_s
    while not (taken := _take(descriptor)) and time.monotonic() < end:
        time.sleep(_PAUSE_S)
    return taken


def _take(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _holder(descriptor: int) -> str:
    """Describe the run that wrote the lock file; a run that just began has not written it yet."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        facts = json.loads(os.read(descriptor, 4096))
        return f"pid {facts['pid']} on {facts['host']}, since {facts['since']}"
    except (ValueError, KeyError, TypeError):
        return "a run that has just begun"
