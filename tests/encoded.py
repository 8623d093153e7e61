"""One photo in every format, and PNG files built by hand."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import skimage
from numpy.typing import NDArray
from PIL import Image

pillow_heif.register_heif_opener()  # the tests write HEIF; `decode` registers it by itself


@cache
def cat() -> Image.Image:
    """Return a photo of 225 x 150 pixels that comes with scikit-image."""
    path = Path(skimage.__file__).parent / "data" / "chelsea.png"
    photo = Image.open(path).convert("RGB").resize((225, 150))
    photo.info.clear()  # its ICC profile
    return photo


def encode(image: Image.Image, container: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, container, **options)
    return file.getvalue()


def from_array(pixels: NDArray[Any]) -> Image.Image:
    return Image.fromarray(pixels)


@cache
def samples() -> dict[str, bytes]:
    """Return the photo in every format that can be written here."""
    photo = cat()
    return {
        "JPEG": encode(photo, "JPEG"),
        "progressive": encode(photo, "JPEG", progressive=True),
        "PNG": encode(photo, "PNG"),
        "WEBP": encode(photo, "WEBP"),
        "BMP": encode(photo, "BMP"),
        "GIF": encode(photo, "GIF"),
        "TIFF": encode(photo, "TIFF"),
        "AVIF": encode(photo, "AVIF", quality=90),
        "HEIF": encode(photo, "HEIF", quality=90),
        "PPM": encode(photo, "PPM"),
        "TGA": encode(photo, "TGA"),
        "JPEG2000": encode(photo, "JPEG2000"),
        "MPO": encode(photo, "MPO", save_all=True, append_images=[photo.rotate(180)]),
    }


def png(width: int, height: int, *, bits: int = 8, colour: int = 0, rows: bytes = b"") -> bytes:
    """Build a PNG by hand, to claim what no encoder would write."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def mean_error(left: NDArray[Any], right: NDArray[Any]) -> float:
    """Return the mean absolute difference of two arrays of one shape."""
    return float(np.abs(left.astype(np.float64) - right.astype(np.float64)).mean())
