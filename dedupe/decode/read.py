"""Read the bytes of image files.

Names every reason for which a file cannot be used. Does not know formats or pixels.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Literal

from dedupe.files.digest import digest_bytes
from dedupe.files.remote import find_file, is_object, read_range
from dedupe.files.trouble import NOT_REGULAR, READ_ERROR, SystemTrouble, name_trouble
from dedupe.types import Photo

FileTrouble = Literal[SystemTrouble, "file too large"]
PictureTrouble = Literal[
    "empty file", "not an image", "unsupported format", "truncated or broken", "too many pixels"
]
Reason = Literal[FileTrouble, PictureTrouble, "out of memory"]

HEAD = 4096  # bytes that are read first
_FIRST = 1 << 20  # bytes of an object that are read first
MAX_BYTES = 256 << 20  # of a file; a TIFF of 85 megapixels has as many

_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # opening a pipe without a writer then returns at once


class Unreadable(Exception):  # noqa: N818 - a state of one file, not an error of the run
    """A file that cannot be used: `reason` is shared by files, `detail` is one line."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        line = " ".join(detail.split())[:200]
        super().__init__(reason, line)
        self.reason: Reason = reason
        self.detail = line

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


def read(
    path: str,
    *,
    check: Callable[[bytes], object] = lambda _: None,
    max_bytes: int = MAX_BYTES,
) -> bytes:
    """Read a regular file or an object. Never waits for a pipe or a device.

    Args:
        path: of the file, its URL, or that of a member of a tar.
        check: called with the first bytes before the others are read; it may raise `Unreadable`.
        max_bytes: reject a larger file.

    Raises:
        Unreadable: with a `FileTrouble`, "out of memory", or as `check` does.
    """
    try:
        if is_object(path):
            return _read_object(path, check, max_bytes)
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NONBLOCK)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable(NOT_REGULAR)
            head = file.read(HEAD)
            check(head)
            _check_size(status.st_size, max_bytes)
            return head + file.read(status.st_size) if len(head) == HEAD else head
    except MemoryError as error:
        raise Unreadable("out of memory") from error
    except OSError as error:
        reason = name_trouble(error)
        detail = error.strerror or str(error) if reason == READ_ERROR else ""
        raise Unreadable(reason, detail) from error


def read_photo(photo: Photo) -> bytes:
    """Read the file of a photo. Its bytes must still have the photo's digest.

    Raises:
        Unreadable: as `read`; "vanished" if the file has another content by now.
    """
    data = read(photo.path)
    if digest_bytes(data) != photo.digest:
        raise Unreadable("vanished", "another content is in its place")
    return data


def _read_object(url: str, check: Callable[[bytes], object], max_bytes: int) -> bytes:
    """Read an object: a first range, in which most photos on the web are whole, then the rest."""
    head = read_range(url, 0, _FIRST)
    check(head[:HEAD])
    if len(head) < _FIRST:
        return head
    size = find_file(url).size
    _check_size(size, max_bytes)
    return head + read_range(url, len(head), size) if size > len(head) else head


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        detail = f"{size >> 20} MB, the limit is {max_bytes >> 20} MB"
        raise Unreadable("file too large", detail)
