"""One file of a group, decoded: its pixels, how they were coded, and what is computed once."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from dedupe.decode.formats import DEFAULT_MAX_PIXELS
from dedupe.decode.image import decode
from dedupe.provenance.earlier import find_earlier
from dedupe.provenance.jpeg_history import JpegTables, read_tables
from dedupe.provenance.metadata import read_metadata
from dedupe.provenance.single import measure_file

LOSSLESS = frozenset({"PNG", "BMP", "TIFF"})
"""Formats that store pixels as they are, as Pillow names them."""


@dataclass(frozen=True, eq=False)
class Source:
    """The decoded pixels of one file and its way of coding."""

    pixels: NDArray[np.uint8]  # (H, W, 3) RGB, upright
    size: int  # bytes of the file
    lossless: bool  # PNG, BMP, TIFF: pixels are stored as they are
    tables: JpegTables | None  # of a JPEG, in the frame of the upright image; else None
    metadata: Mapping[str, float]  # 0 or 1 for each name: see `dedupe.provenance.metadata`

    @property
    def width(self) -> int:
        """Return the width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        return int(self.pixels.shape[0])

    @cached_property
    def alone(self) -> dict[str, float]:
        """Return the numbers of the file alone: see `single`, `earlier`, `metadata`."""
        numbers = measure_file(self.pixels, self.size, self.tables, lossless=self.lossless)
        return {**numbers, **find_earlier(self.luma[..., 0], self.tables), **self.metadata}

    @cached_property
    def luma(self) -> NDArray[np.uint8]:
        """Return the luma, (H, W, 1)."""
        return np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY), np.uint8)[..., None]

    @cached_property
    def pyramid(self) -> list[NDArray[np.uint8]]:
        """Return the picture at 1, 1/2, 1/4 ... of its size, each (h, w, 3)."""
        levels = [self.pixels]
        while min(levels[-1].shape[:2]) >= 64:
            height, width = levels[-1].shape[:2]
            half = (width // 2 + width % 2, height // 2 + height % 2)
            levels.append(np.asarray(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA)))
        return levels

    def resize(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return the picture at a smaller size, (height, width, 3), by the mean over areas."""
        level = next(
            p for p in reversed(self.pyramid) if p.shape[1] >= width and p.shape[0] >= height
        )
        return np.asarray(cv2.resize(level, (width, height), interpolation=cv2.INTER_AREA))


def read_source(data: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Source:
    """Decode the bytes of a file.

    Raises:
        Unreadable: the bytes are not an image that can be decoded.
    """
    picture = decode(data, max_pixels=max_pixels)
    tables = None
    if picture.format in ("JPEG", "MPO"):
        tables = read_tables(data, picture.width, picture.height, _read_orientation(data))
    metadata = read_metadata(data, picture.pixels)
    return Source(picture.pixels, len(data), picture.format in LOSSLESS, tables, metadata)


def _read_orientation(data: bytes) -> int:
    if b"Exif\0" not in data[:65536]:
        return 1
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - broken EXIF raises anything, and the pixels are still good
        return 1
