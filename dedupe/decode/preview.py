"""Encode a photo anew, small and without metadata, for pages that show it."""

from __future__ import annotations

import io
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from dedupe.decode.image import decode
from dedupe.decode.read import read
from dedupe.types import Photo

_QUALITY = 82  # of a preview: no visible loss on a screen


def encode_preview(
    photo: Photo,
    side: int,
    *,
    max_pixels: int,
    format: Literal["JPEG", "WEBP"] = "JPEG",  # noqa: A002
) -> bytes:
    """Decode a photo and encode it anew, upright.

    Args:
        photo: its size is that of the scan, after EXIF orientation.
        side: longest side of the result in pixels; a smaller photo keeps its size.
        max_pixels: larger images are rejected; 0 for no limit.

    Raises:
        Unreadable: the file is gone or is not an image.
    """
    scale = min(1.0, side / max(photo.width, photo.height))
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    data = read(photo.path)
    small = scale < 0.5
    pixels = decode(data, side=max(size) if small else None, max_pixels=max_pixels).pixels
    if (pixels.shape[1], pixels.shape[0]) != size:
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, quality=_QUALITY)
    return buffer.getvalue()
