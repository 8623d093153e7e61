"""Decode JPEG files with libjpeg-turbo, through simplejpeg, and read their segments.

libjpeg-turbo decodes at any eighth of the size, where Pillow has halves alone, and costs half as
much. It decodes no CMYK and no damaged file: the caller then uses Pillow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from dedupe.decode.read import Unreadable

_START_OF_SCAN, _FILL = 0xDA, 0xFF
_EXIF_OR_XMP, _APP2 = 0xE1, 0xE2
_SEQUENTIAL = (0xC0, 0xC1)  # baseline and extended sequential Huffman frames
_NOT_FILL = re.compile(rb"[^\xff]")
_LONGEST_FILL = 1 << 16  # fill bytes before a marker

BYTES_A_PIXEL = {  # peak of a decode, by (every pixel is decoded, progressive)
    (False, False): 0.2,
    (False, True): 6.2,  # coefficients of 16 bits, without subsampling
    (True, False): 3.2,
    (True, True): 9.2,
}

_END_OF_IMAGE = b"\xff\xd9"
_LARGEST_FTYP = 256  # bytes of the first box of a movie; it lists a few brands of 4 bytes


@dataclass(frozen=True, slots=True)
class Header:
    """The segments before the first scan."""

    plain: bool  # no EXIF, no XMP, no index of several pictures, and every segment can be followed
    profile: bool = False  # has an ICC profile
    progressive: bool = True  # all coefficients are kept until the end; also if no frame is found


def measure(data: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels as stored; None for CMYK or a broken header."""
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    return None if space in ("CMYK", "YCCK") else (width, height)


def decode_jpeg(data: bytes, least: int | None = None) -> NDArray[np.uint8] | str:
    """Decode at the smallest eighth of the size that has `least` pixels on both sides.

    Args:
        data: content of a file.
        least: pixels; None for all of them, exactly as Pillow decodes them.

    Returns:
        (H, W, 3) uint8 RGB as stored, not upright; the whole size if that is smaller than
        `least`. The warning of libjpeg, one line, if it has one.
    """
    fast = least is not None
    least = least or 0
    try:
        pixels = simplejpeg.decode_jpeg(data, "RGB", fast, fast, least, least)
    except ValueError as error:
        return str(error)
    return np.asarray(pixels, np.uint8)


def find_warning(data: bytes) -> str:
    """Return the warning of libjpeg on a CMYK file, one line; "" if it has none."""
    try:
        simplejpeg.decode_jpeg(data, "CMYK", True, True, 1, 1)
    except ValueError as error:
        return str(error)
    return ""


def read_header(data: bytes) -> Header:
    """Read the segments before the first scan.

    Raises:
        Unreadable: a long run of fill bytes, over which Pillow loops in Python.
    """
    plain, profile, progressive = True, False, True
    try:
        for marker, start in _segments(data):
            if marker == _START_OF_SCAN:
                return Header(plain, profile, progressive)
            is_app2 = marker == _APP2
            if marker == _EXIF_OR_XMP or (is_app2 and data.startswith(b"MPF\0", start)):
                plain = False
            profile |= is_app2 and data.startswith(b"ICC_PROFILE\0", start)
            progressive &= marker not in _SEQUENTIAL
    except IndexError:
        pass
    return Header(plain=False)


def measure_movie(data: bytes) -> int:
    """Return the bytes from the start of the movie that follows the picture; 0 for none.

    A motion photo is a JPEG with an MP4 behind its end (Android Motion Photo format 1.0).
    """
    if data.endswith(_END_OF_IMAGE):
        return 0
    at = data.find(b"ftyp") - 4
    while at >= 0:
        size = int.from_bytes(data[at : at + 4], "big")
        if 16 <= size <= _LARGEST_FTYP and size % 4 == 0:
            return len(data) - at
        at = data.find(b"ftyp", at + 8) - 4
    return 0


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield marker and first byte of each segment (ITU-T T.81, B.1.1.4), the scan's the last."""
    position = 2
    while data[position] == _FILL:
        found = _NOT_FILL.search(data, position)  # any number of fill bytes may precede a marker
        if found is None or found.start() - position > _LONGEST_FILL:
            raise Unreadable("truncated or broken", "a long run of fill bytes")
        position = found.start() - 1
        yield data[position + 1], position + 4
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
