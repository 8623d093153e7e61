"""Pictures of a report as re-encoded previews; the bytes of a photo never leave as they are."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict

import cv2
import numpy as np
from PIL import Image

from dedupe.decode.image import decode
from dedupe.decode.read import read
from dedupe.types import Photo

SIDES = (320, 1600, 4096)
"""The longest sides, in pixels, at which a preview can be asked for."""

_BUDGET = 128 * 2**20  # bytes of previews held in memory
_QUALITY = 82  # of the JPEG previews: no visible loss on a screen


class Previews:
    """Previews of photos, held up to a fixed number of bytes. Safe to call from many threads."""

    def __init__(self, *, max_pixels: int, budget: int = _BUDGET) -> None:
        """Prepare an empty cache.

        Args:
            max_pixels: larger images are rejected; 0 for no limit.
            budget: bytes of encoded previews that are held.
        """
        self._max_pixels = max_pixels
        self._budget = budget
        self._held: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, photo: Photo, side: int) -> bytes:
        """Return a JPEG of a photo, upright, its longer side `side` pixels or the photo's own.

        Raises:
            Unreadable: the file is gone or is not an image.
        """
        key = (photo.path, side)
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        preview = encode_preview(photo, side, max_pixels=self._max_pixels)
        with self._lock:
            if key not in self._held:
                self._held[key] = preview
                self._size += len(preview)
            while self._size > self._budget and len(self._held) > 1:
                self._size -= len(self._held.popitem(last=False)[1])
        return preview


def encode_preview(
    photo: Photo,
    side: int,
    *,
    max_pixels: int,
    format: str = "JPEG",  # noqa: A002
) -> bytes:
    """Decode a photo and encode it anew, without metadata.

    Args:
        side: longest side of the result in pixels; a smaller photo keeps its size.
        format: `JPEG` or `WEBP`.

    Raises:
        Unreadable: the file is gone or is not an image.
    """
    longest = max(photo.width, photo.height)
    scale = min(1.0, side / longest)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    data = read(photo.path)
    reduced = decode(data, side=max(size), max_pixels=max_pixels) if scale < 0.5 else None
    pixels = (reduced or decode(data, max_pixels=max_pixels)).pixels  # (H, W, 3) uint8
    if (pixels.shape[1], pixels.shape[0]) != size:
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, quality=_QUALITY)
    return buffer.getvalue()
