"""Read length and identifier of a movie, and whether it is the live movie of a photo.

Reads the boxes of MP4 and QuickTime files (ISO/IEC 14496-12); decodes no frame.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dedupe.decode.boxes import find_boxes

LONGEST = 4.5
"""Seconds of a live movie, at most. One of Apple has 1.5 s before and after the shutter; other
cameras record up to 4 s."""

_MOST_MOOV = 8 << 20  # bytes of the index of a movie that are read
_MOST_BOXES = 256  # boxes that are followed, at most
_MOST_PHOTO = 64 << 20  # bytes of a photo that are searched
_KEY = b"com.apple.quicktime.content.identifier"
_NAME = re.compile(rb"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}")
_MAKER = b"Apple iOS\0"  # start of Apple's maker note; its tag 17 is the identifier


@dataclass(frozen=True, slots=True)
class Movie:
    """The facts of a movie that its index states."""

    seconds: float
    identifier: bytes = b""  # Apple's content identifier, 36 characters; empty for none


def is_live_movie(photo: str, movie: str) -> bool:
    """Return whether a movie is the live movie of a photo, by its length and its metadata.

    A movie without a readable index is none, and neither is one that names another photo.

    Args:
        photo, movie: paths of files of one name.
    """
    found = read_movie(movie)
    if found is None or not 0 < found.seconds <= LONGEST:
        return False
    names = _read_names(photo) if found.identifier else frozenset()
    return not names or found.identifier in names


def read_movie(path: str) -> Movie | None:
    """Return the facts of a movie; None if it has no index that can be read."""
    try:
        with Path(path).open("rb") as file:
            index = _find_box(file, b"moov")
    except OSError:
        return None
    header = next((index[start:end] for start, end in find_boxes(index, b"mvhd")), b"")
    if len(header) < 20:
        return None
    times = (20, 24, 32) if header[0] == 1 else (12, 16, 20)  # version 1 has times of 64 bits
    scale = int.from_bytes(header[times[0] : times[1]], "big")
    length = int.from_bytes(header[times[1] : times[2]], "big")
    if not scale:
        return None
    at = index.find(_KEY)
    name = _NAME.search(index, at) if at >= 0 else None
    return Movie(length / scale, name.group() if name else b"")


def _find_box(file: BinaryIO, kind: bytes) -> bytes:
    """Return the content of the first box of a kind at the top level; empty for none."""
    end = os.fstat(file.fileno()).st_size
    at = 0
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            break
        size, start = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, start = int.from_bytes(head[8:16], "big"), 16
        size = size or end - at
        if size < start:
            break
        if head[4:8] == kind:
            file.seek(at + start)
            return file.read(min(size - start, _MOST_MOOV))
        at += size
    return b""


def _read_names(photo: str) -> frozenset[bytes]:
    """Return the identifiers in the maker note of a photo; none if it has no such note."""
    try:
        with Path(photo).open("rb") as file:
            data = file.read(_MOST_PHOTO)
    except OSError:
        return frozenset()
    at = data.find(_MAKER)
    return frozenset(_NAME.findall(data, at)) if at >= 0 else frozenset()
