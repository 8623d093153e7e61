"""Compute the digest of every pixel of a file: all frames or pages, in full size and depth."""

from __future__ import annotations

import hashlib
import io

from PIL import Image, ImageOps, ImageSequence

from dedupe.decode.formats import sniff
from dedupe.decode.memory import PIXELS

MOST_PIXELS = 1 << 27
"""Pixels of all frames that are decoded, some seconds of work. A longer film has no digest."""

_BYTES_A_PIXEL = 20  # a frame, the one before, its RGBA copy and the bytes of that

_ANY_MODE = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX")  # compared as RGBA of 8 bits


def digest_frames(data: bytes) -> str:
    """Return the digest of the frames of an image that `decode` can read, "" if it has none.

    Two files with one digest show the same, whatever their formats: the same RGBA values, upright,
    for the same times. Deep, CMYK and other pictures are compared in their own mode.

    Args:
        data: content of a file.
    """
    digest, total = hashlib.blake2b(digest_size=16), 0
    try:
        with (
            Image.open(io.BytesIO(data), formats=(sniff(data),)) as image,
            PIXELS.reserve(image.width * image.height * _BYTES_A_PIXEL, "a frame"),
        ):
            for frame in ImageSequence.Iterator(image):
                total += frame.width * frame.height
                if total > MOST_PIXELS:
                    return ""
                digest.update(f"{frame.size} {frame.info.get('duration', 0)} ".encode())
                _add_pixels(digest, frame)
    except Exception:  # noqa: BLE001 - a frame may be broken in any way: then it equals no other
        return ""
    return digest.hexdigest()


def _add_pixels(digest: hashlib.blake2b, frame: Image.Image) -> None:
    upright = ImageOps.exif_transpose(frame)
    picture = upright.convert("RGBA") if upright.mode in _ANY_MODE else upright
    digest.update(picture.mode.encode())
    digest.update(picture.tobytes())
