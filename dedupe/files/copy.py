"""Copy a file to a free path, with its metadata, flushed and verified."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from dedupe.files.digest import digest_file
from dedupe.files.metadata import Metadata, read_metadata, restore_metadata
from dedupe.files.system import system

_CHUNK = 1 << 20  # bytes held at a time


def copy_exclusively(source: str, target: str, *, digest: str, metadata: Metadata | None) -> int:
    """Copy a regular file to a free path.

    Args:
        digest: expected digest of the bytes, see `dedupe.files.digest`.
        metadata: for the copy; None for that of the source.

    Returns:
        The inode of the copy.

    Raises:
        FileExistsError: the target exists.
        OSError: the source cannot be read, the disk is full, or the copy has another digest
            (EIO). The copy is then removed.
    """
    wanted = metadata or read_metadata(source)
    with Path(source).open("rb", buffering=0) as reader:
        descriptor = system.create(target)
        try:
            try:
                while chunk := reader.read(_CHUNK):
                    write_all(descriptor, chunk, target)
                restore_metadata(target, wanted)
                system.sync(descriptor, target)
                inode = os.fstat(descriptor).st_ino
            finally:
                os.close(descriptor)
            if digest_file(target) != digest:
                raise OSError(errno.EIO, "the copy differs from the photo", target)
        except BaseException:
            with suppress(OSError):
                system.unlink(target)
            raise
    return inode


def write_all(descriptor: int, data: bytes, subject: str) -> None:
    """Write all bytes to a descriptor; raises OSError if the disk takes only a part."""
    rest = memoryview(data)
    while rest:
        written = system.write(descriptor, rest, subject)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), subject)
        rest = rest[written:]
