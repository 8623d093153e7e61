"""Compute the digest of a content: equal bytes give equal digests. Does not know pictures.

The digest is BLAKE2b of 128 bits: a strong hash of the standard library that is fast on every
64-bit machine, and that releases the interpreter lock while it runs. 128 bits are enough against
accidents: among 10^9 different files, two share a digest with a probability of about 10^-21. It
does not defend against a person that builds two files to collide, at a cost of some 2^64 trials.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

DIGEST_NAME = "blake2b-128"
"""The name of the function in every file with digests. Change it with the function."""

_BYTES = 16
_CHUNK = 1 << 20  # bytes held at a time


def digest_bytes(data: bytes | memoryview) -> str:
    """Return the digest of `data` as 32 lower-case hex digits."""
    return hashlib.blake2b(data, digest_size=_BYTES).hexdigest()


def digest_file(path: str) -> str:
    """Return what `digest_bytes` gives for the content of a file, in bounded memory.

    Args:
        path: a regular file, which the caller has checked, because a pipe would block.

    Raises:
        OSError: the file cannot be opened or read.
    """
    state = hashlib.blake2b(digest_size=_BYTES)
    with Path(path).open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        buffer = memoryview(bytearray(min(max(size, 1), _CHUNK)))
        while count := file.readinto(buffer):
            state.update(buffer[:count])
    return state.hexdigest()
