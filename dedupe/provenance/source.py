"""One file of a group, decoded: its pixels and how they were coded."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from dedupe.decode.formats import DEFAULT_MAX_PIXELS
from dedupe.decode.image import decode
from dedupe.provenance.jpeg_history import JpegTables, read_tables

_LOSSLESS = frozenset({"PNG", "BMP", "TIFF"})


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The decoded pixels of one file and its way of coding."""

    pixels: NDArray[np.uint8]  # (H, W, 3) RGB, upright
    size: int  # bytes of the file
    lossless: bool  # PNG, BMP, TIFF: pixels are stored as they are
    tables: JpegTables | None  # of a JPEG, in the frame of the upright image; else None

    @property
    def width(self) -> int:
        """Return the width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        return int(self.pixels.shape[0])


def read_source(data: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Source:
    """Decode the bytes of a file.

    Raises:
        Unreadable: the bytes are not an image that can be decoded.
    """
    picture = decode(data, max_pixels=max_pixels)
    tables = None
    if picture.format in ("JPEG", "MPO"):
        tables = read_tables(data, picture.width, picture.height, _read_orientation(data))
    return Source(picture.pixels, len(data), picture.format in _LOSSLESS, tables)


def _read_orientation(data: bytes) -> int:
    if b"Exif\0" not in data[:65536]:
        return 1
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - broken EXIF raises anything, and the pixels are still good
        return 1
