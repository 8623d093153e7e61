"""Decode JPEG files small and fast: libjpeg-turbo, through simplejpeg.

libjpeg-turbo decodes at any eighth of the size, where Pillow has halves alone, and costs half as
much. Owns that way and knows when it does not lead there: CMYK, damage, and whatever else libjpeg
warns of give None, and Pillow has the last word.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import simplejpeg
from numpy.typing import NDArray

_START_OF_SCAN, _FILL = 0xDA, 0xFF
_EXIF_OR_XMP, _SEVERAL_PICTURES = 0xE1, 0xE2  # APP1 and APP2


def measure(data: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels as the header has them; None where it is not plain."""
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    return None if space in ("CMYK", "YCCK") else (width, height)


def decode_jpeg(data: bytes, least: int | None = None) -> NDArray[np.uint8] | None:
    """Decode at the smallest eighth of the size that has `least` pixels on both sides.

    Args:
        data: the content of a file.
        least: pixels; None for all of them, exactly as Pillow decodes them.

    Returns:
        (H, W, 3) uint8 RGB as stored, not upright; the whole size where that is smaller than
        `least`. None if libjpeg has anything to remark.
    """
    fast = least is not None
    least = least or 0
    try:
        pixels = simplejpeg.decode_jpeg(data, "RGB", fast, fast, least, least)
    except ValueError:
        return None
    return np.asarray(pixels, np.uint8)


def is_bare(data: bytes) -> bool:
    """Tell whether nothing before the picture could turn it or name another format.

    False for a file with EXIF or XMP, or with an index of several pictures (MPO), also for a file
    whose segments cannot be followed.
    """
    try:
        for marker, start in _segments(data):
            if marker == _START_OF_SCAN:
                return True
            if marker == _EXIF_OR_XMP or (
                marker == _SEVERAL_PICTURES and data.startswith(b"MPF\0", start)
            ):
                return False
    except IndexError:
        pass
    return False


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield marker and first byte of each segment (ITU-T T.81, B.1.1.4), the scan's the last."""
    position = 2
    while data[position] == _FILL:
        marker = data[position + 1]
        if marker == _FILL:  # any number of fill bytes may stand before a marker
            position += 1
            continue
        yield marker, position + 4
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
