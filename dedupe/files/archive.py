"""Members of tar files as paths: `shard-0001.tar/000123.jpg`, read in place.

Reads headers only; a member is a range of bytes of its tar. Compressed tars have no such ranges.
"""

from __future__ import annotations

import os
import posixpath
import re
import tarfile
from dataclasses import dataclass
from typing import IO

_SUFFIX = ".tar"
_MEMBER = re.compile(r"(.+?\.tar)/(.+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member lies in its tar."""

    start: int  # first byte
    size: int  # bytes


def has_archive_name(path: str) -> bool:
    """Return whether a path or URL ends as that of a tar."""
    return path.lower().endswith(_SUFFIX)


def split_member(path: str) -> tuple[str, str] | None:
    """Return the path of a tar and the name of a member of it, if a path may have both.

    A folder may have the name of a tar: the caller checks that it is a file.
    """
    found = _MEMBER.fullmatch(path.replace(os.sep, "/"))
    return (found[1], found[2]) if found else None


def read_members(stream: IO[bytes]) -> dict[str, Member]:
    """Return the regular files in a tar by their names; of equal names, the last one.

    Args:
        stream: seekable, from the first byte of the tar.

    Raises:
        OSError: it cannot be read.
        tarfile.TarError: the stream is not a tar, or is compressed.
    """
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        return {
            posixpath.normpath("/" + member.name)[1:]: Member(member.offset_data, member.size)
            for member in tar
            if member.isreg() and not member.issparse()
        }
