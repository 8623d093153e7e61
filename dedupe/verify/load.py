"""Read photos at the sizes that verification works at; a file must still have its content."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.decode.formats import DEFAULT_MAX_PIXELS
from dedupe.decode.image import decode
from dedupe.decode.read import read_photo
from dedupe.decode.thumbnail import make_thumbnail
from dedupe.types import Photo
from dedupe.verify.features import SIDE

_BYTES = 256 << 20  # pixels of photos that were read with every pixel


def load_pixels(photo: Photo, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a photo at the size that `dedupe.verify.align` works at, its shape kept.

    Returns:
        (H, W, 3) RGB, the longer side `SIDE` pixels, or at most twice that, and every pixel.

    Raises:
        Unreadable: the file is gone, is no picture, or no longer has the photo's digest.
    """
    return decode_small(read_photo(photo), photo.width, photo.height, max_pixels=max_pixels)


def load_thumbnail(photo: Photo, *, side: int, max_pixels: int = DEFAULT_MAX_PIXELS) -> bytes:
    """Make the thumbnail of a photo from the square of `side` pixels that the encoder gets.

    Raises:
        Unreadable: the file is gone, is no picture, or no longer has the photo's digest.
    """
    pixels = decode(read_photo(photo), side=side, max_pixels=max_pixels).pixels
    return make_thumbnail(pixels)


def decode_small(
    data: bytes, width: int, height: int, *, max_pixels: int = DEFAULT_MAX_PIXELS
) -> NDArray[np.uint8]:
    """Decode a picture of `width` x `height` as `load_pixels` does a photo, (H, W, 3) RGB."""
    if max(width, height) <= 2 * SIDE:
        return decode(data, max_pixels=max_pixels).pixels
    picture = decode(data, side=SIDE, max_pixels=max_pixels)
    scale = SIDE / max(picture.width, picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return np.asarray(cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def load_every_pixel(photo: Photo, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a photo as (H, W, 3) RGB with every pixel.

    Raises:
        Unreadable: as `load_pixels` does.
    """
    return decode(read_photo(photo), max_pixels=max_pixels).pixels


class FineCache:
    """The photos read last with every pixel, `_BYTES` at most. Safe to use from threads."""

    def __init__(self, load: Callable[[Photo], NDArray[np.uint8]]) -> None:
        """Start empty; `load` returns (H, W, 3) RGB with every pixel."""
        self._load = load
        self._lock = threading.Lock()
        self._pixels: OrderedDict[str, NDArray[np.uint8]] = OrderedDict()  # by digest
        self._bytes = 0

    def load(self, photo: Photo) -> NDArray[np.uint8]:
        """Return the pixels of a photo, (H, W, 3) RGB; raise Unreadable."""
        with self._lock:
            if photo.digest in self._pixels:
                self._pixels.move_to_end(photo.digest)
                return self._pixels[photo.digest]
        pixels = self._load(photo)
        with self._lock:
            if photo.digest not in self._pixels:
                self._pixels[photo.digest] = pixels
                self._bytes += pixels.nbytes
            while self._bytes > _BYTES and len(self._pixels) > 1:
                self._bytes -= self._pixels.popitem(last=False)[1].nbytes
        return pixels
