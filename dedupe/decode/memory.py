"""Bound the memory of all threads that read and decode."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from PIL import Image

from dedupe.decode.read import MAX_BYTES, Unreadable

_JPEG = ("JPEG", "MPO")
_BYTES_A_PIXEL = {"WEBP": 12, "AVIF": 8, "HEIF": 6, "GIF": 6}
"""Peak of a decode to a square, in bytes for each pixel of the image, if its decoder keeps buffers
of its own. Measured with 24 megapixels."""
_WEBP_ALPHA = 6  # more bytes for each pixel
_OWN_COPY = {
    "1": 5,
    "L": 1,
    "P": 5,
    "LA": 9,
    "PA": 9,
    "RGBA": 9,
    "RGBa": 9,
}  # others: 4, and 5 deep
_ALL_PIXELS = 6  # more bytes for each pixel if they are not squashed


class Budget:
    """A number of bytes that threads share. A thread waits until its part is free."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._used = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def reserve(self, size: int, what: str) -> Iterator[None]:
        """Reserve bytes while the block runs. A thread must not reserve one budget twice.

        Args:
            size: bytes.
            what: names the use, for the error.

        Raises:
            Unreadable: "too many pixels", if the budget is smaller.
        """
        if size > self.total:
            detail = f"{what} needs {size >> 20} MB, the limit is {self.total >> 20} MB"
            raise Unreadable("too many pixels", detail)
        with self._changed:
            self._changed.wait_for(lambda: self._used + size <= self.total)
            self._used += size
        try:
            yield
        finally:
            with self._changed:
                self._used -= size
                self._changed.notify_all()


FILES = Budget(MAX_BYTES)
"""Bytes of the files that all threads have read. Reserve it before `PIXELS`, never after."""

PIXELS = Budget(480 << 20)
"""Decoded pixels of all threads. With `FILES`, the encoder, OpenCV and embeddings a scan stays
below 1 GB."""


def estimate_bytes(image: Image.Image, *, is_squashed: bool) -> int:
    """Return the peak of memory that loading an opened image takes.

    Args:
        image: opened by Pillow, not loaded.
        is_squashed: whether only a small square is kept.
    """
    form = image.format or ""
    if form in _JPEG and is_squashed:
        per_pixel = 6  # coefficients of a progressive file
    else:
        own = _OWN_COPY.get(image.mode, 4 if len(image.mode) >= 3 else 5)
        per_pixel = max(_BYTES_A_PIXEL.get(form, 0), own)
        per_pixel += _WEBP_ALPHA if form == "WEBP" and image.mode == "RGBA" else 0
    if not is_squashed:
        per_pixel += _ALL_PIXELS
    return image.width * image.height * per_pixel


def measure_webp(data: bytes) -> tuple[int, int]:
    """Return the size of a WebP canvas in pixels; (0, 0) if the header is broken.

    Pillow allocates the canvas when it opens a file, before it can be asked for the size.
    """
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8X":
        width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7))
    elif kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (int.from_bytes(body[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    else:
        return 0, 0
    return width, height
