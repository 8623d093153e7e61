"""Read all frames or pages of a file: their digest, and how an animation moves."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

from PIL import Image, ImageOps, ImageSequence

from dedupe.decode.formats import sniff
from dedupe.decode.memory import PIXELS
from dedupe.motion import (
    COARSE_SIDE,
    FRAME_SIDE,
    choose_coarse,
    choose_small,
    format_motion,
)

MOST_PIXELS = 1 << 27
"""Pixels of all frames that are decoded, some seconds of work. A longer film has no digest."""

_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")  # their frames follow each other in time
_BYTES_A_PIXEL = 20  # a frame, the one before, its RGBA copy and the bytes of that

_ANY_MODE = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX")  # compared as RGBA of 8 bits


@dataclass(frozen=True, slots=True)
class Frames:
    """All frames of a file."""

    digest: str = ""  # of every pixel; "" if a frame cannot be read, or there are too many
    motion: str = ""  # how an animation moves, see `dedupe.motion`; "" for pages


def digest_frames(data: bytes) -> str:
    """Return the digest of the frames of an image, see `read_frames`."""
    return read_frames(data).digest


def read_frames(data: bytes) -> Frames:
    """Read the frames of an image that `decode` can read.

    Two files with one digest show the same, whatever their formats: the same RGBA values, upright,
    for the same times. Deep, CMYK and other pictures are compared in their own mode.

    Args:
        data: content of a file.
    """
    digest, total, duration = hashlib.blake2b(digest_size=16), 0, 0
    small: list[bytes] = []
    coarse: list[bytes] = []
    try:
        container = sniff(data)
        with (
            Image.open(io.BytesIO(data), formats=(container,)) as image,
            PIXELS.reserve(image.width * image.height * _BYTES_A_PIXEL, "a frame"),
        ):
            count = int(getattr(image, "n_frames", 1))
            if container not in _ANIMATED:
                count = 1
            for number, frame in enumerate(ImageSequence.Iterator(image)):
                total += frame.width * frame.height
                if total > MOST_PIXELS:
                    return Frames()
                frame.load()  # only then the duration of a WebP frame is known
                shown = round(frame.info.get("duration", 0))
                duration += shown
                digest.update(f"{frame.size} {frame.info.get('duration', 0)} ".encode())
                _add_pixels(digest, frame)
                if count > 1 and number in choose_small(count):
                    small.append(_shrink(frame, FRAME_SIDE))
                if count > 1 and number in choose_coarse(count):
                    coarse.append(_shrink(frame, COARSE_SIDE))
    except Exception:  # noqa: BLE001 - a frame may be broken in any way: then it equals no other
        return Frames()
    motion = format_motion(duration, b"".join(small), b"".join(coarse)) if small else ""
    return Frames(digest.hexdigest(), motion)


def _shrink(frame: Image.Image, side: int) -> bytes:
    """Return a frame as small grey, row by row, transparency laid on middle grey."""
    picture = frame.convert("RGBA")
    flat = Image.new("RGBA", picture.size, (128, 128, 128, 255))
    flat.alpha_composite(picture)
    return flat.convert("L").resize((side, side), Image.Resampling.BOX).tobytes()


def _add_pixels(digest: hashlib.blake2b, frame: Image.Image) -> None:
    upright = ImageOps.exif_transpose(frame)
    picture = upright.convert("RGBA") if upright.mode in _ANY_MODE else upright
    digest.update(picture.mode.encode())
    digest.update(picture.tobytes())
