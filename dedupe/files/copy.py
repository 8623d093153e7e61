"""Copy a file to a free path, with its metadata, flushed and verified.

Another program may save a file under the name while the copy is written. Its bytes stay: the copy
is appended, so that it replaces none of them, and a target that is no longer this copy stays.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from dedupe.files.digest import digest_file
from dedupe.files.metadata import Metadata, read_metadata, restore_metadata
from dedupe.files.state import OvertakenError, status_of
from dedupe.files.system import system

_CHUNK = 1 << 20  # bytes held at a time


def copy_exclusively(
    source: str, target: str, *, digest: str, metadata: Metadata | None, private: bool = False
) -> int:
    """Copy a regular file to a free path.

    Args:
        digest: expected digest of the bytes, see `dedupe.files.digest`.
        metadata: for the copy; None for that of the source.
        private: no other program uses the name of the target.

    Returns:
        The inode of the copy.

    Raises:
        FileExistsError: the target exists; as OvertakenError, another program saved a file there
            during the copy, which is left as it is.
        OSError: the source cannot be read, the disk is full, or the copy has another digest
            (EIO). The copy is then removed.
    """
    wanted = metadata or read_metadata(source)
    with Path(source).open("rb", buffering=0) as reader:
        descriptor = system.create(target, append=True)
        copy = _Copy(descriptor, target)
        try:
            try:
                while chunk := reader.read(_CHUNK):
                    copy.append(chunk)
                copy.require_own_name()
                restore_metadata(target, wanted)
                system.sync(descriptor, target)
            finally:
                os.close(descriptor)
            if digest_file(target) != digest:
                raise OSError(errno.EIO, "the copy differs from the photo", target)
        except BaseException as error:
            if private or copy.is_part_of(source):
                with suppress(OSError):
                    system.unlink(target)
            elif isinstance(error, OSError) and status_of(target):
                raise OvertakenError(target) from error
            raise
    return copy.inode


class _Copy:
    """A copy that is being written, and what tells it from a file of another program."""

    def __init__(self, descriptor: int, target: str) -> None:
        self._descriptor, self._target = descriptor, target
        self._written = 0  # bytes
        self.inode = os.fstat(descriptor).st_ino

    def append(self, chunk: bytes) -> None:
        """Write bytes behind those written before.

        Raises:
            OvertakenError: another program wrote into the file; its bytes are as it left them.
            OSError: the disk takes only a part.
        """
        rest = memoryview(chunk)
        while rest:
            count = _write(self._descriptor, rest, self._target)
            self._written += count
            if os.fstat(self._descriptor).st_size != self._written:
                self._take_off(bytes(rest[:count]))
                raise OvertakenError(self._target)
            rest = rest[count:]

    def require_own_name(self) -> None:
        """Raise OSError unless the name of the target still leads to this copy."""
        if not os.path.samestat(os.fstat(self._descriptor), os.lstat(self._target)):
            raise OvertakenError(self._target)

    def is_part_of(self, source: str) -> bool:
        """Return whether the target is this copy with only bytes of the source, and all written."""
        try:
            there = os.lstat(self._target)
            own = there.st_ino == self.inode and there.st_size >= self._written
            return own and is_prefix(self._target, source)
        except OSError:
            return False

    def _take_off(self, chunk: bytes) -> None:
        """Remove from the end of the file the bytes that were appended last."""
        start = os.fstat(self._descriptor).st_size - len(chunk)
        if start < 0:
            return
        os.lseek(self._descriptor, start, os.SEEK_SET)
        if os.read(self._descriptor, len(chunk)) == chunk:
            system.truncate(self._descriptor, start, self._target)


def is_prefix(part: str, whole: str) -> bool:
    """Return whether the bytes of a file are the first bytes of another; links have equal texts."""
    if os.path.islink(part) or os.path.islink(whole):
        return (
            os.path.islink(part)
            and os.path.islink(whole)
            and os.readlink(part) == os.readlink(whole)
        )
    with Path(part).open("rb") as short, Path(whole).open("rb") as long:
        while chunk := short.read(_CHUNK):
            if long.read(len(chunk)) != chunk:
                return False
    return True


def write_all(descriptor: int, data: bytes, subject: str) -> None:
    """Write all bytes to a descriptor; raises OSError if the disk takes only a part."""
    rest = memoryview(data)
    while rest:
        rest = rest[_write(descriptor, rest, subject) :]


def _write(descriptor: int, data: memoryview, subject: str) -> int:
    """Write some bytes; return how many, at least 1."""
    written = system.write(descriptor, data, subject)
    if not written:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), subject)
    return written
