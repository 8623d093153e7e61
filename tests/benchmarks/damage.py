"""Damage photos in every format and count which damage is found.

    python tests/benchmarks/damage.py FOLDER [EACH]

Takes photos of FOLDER in a fixed random order, at most 900 pixels long, encodes each in one of 16
ways, and damages it at 5 to 95 % of its bytes in one of six ways, EACH times (5). Prints for each
format, and for each kind of damage, how many files are rejected, found damaged, equal to the intact
picture within 24 levels, or silently different. Also counts intact files that are found damaged.
"""

from __future__ import annotations

import io
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable

FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("JPEG", {"quality": 88}),
    "jpeg, optimised": ("JPEG", {"quality": 75, "optimize": True}),
    "jpeg, progressive": ("JPEG", {"quality": 85, "progressive": True}),
    "jpeg, restarts": ("JPEG", {"quality": 85, "restart_marker_rows": 1}),
    "jpeg, cmyk": ("JPEG", {"quality": 85}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {"quality": 80}),
    "webp, lossless": ("WEBP", {"lossless": True}),
    "bmp": ("BMP", {}),
    "gif": ("GIF", {}),
    "tiff": ("TIFF", {}),
    "tiff, lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "tiff, deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "tiff, jpeg": ("TIFF", {"compression": "jpeg"}),
    "heif": ("HEIF", {"quality": 80}),
    "avif": ("AVIF", {"quality": 80, "speed": 9}),
}
SECTOR = 4096


def cut(data: bytes, at: int, _: random.Random) -> bytes:
    return data[:at]


def zero_tail(data: bytes, at: int, _: random.Random) -> bytes:
    return data[:at] + bytes(len(data) - at)


def zero_block(data: bytes, at: int, _: random.Random) -> bytes:
    size = min(len(data) - at, max(512, len(data) // 20))
    return data[:at] + bytes(size) + data[at + size :]


def zero_sector(data: bytes, at: int, _: random.Random) -> bytes:
    start = at // 512 * 512
    size = min(len(data) - start, SECTOR)
    return data[:start] + bytes(size) + data[start + size :]


def flip_bits(data: bytes, at: int, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(3):
        place = min(len(data) - 1, at + rng.randrange(max(1, len(data) // 50)))
        changed[place] ^= 1 << rng.randrange(8)
    return bytes(changed)


def add_noise(data: bytes, at: int, rng: random.Random) -> bytes:
    start = at // 512 * 512
    size = min(len(data) - start, SECTOR)
    return data[:start] + rng.randbytes(size) + data[start + size :]


DAMAGES: tuple[Callable[[bytes, int, random.Random], bytes], ...] = (
    *(cut, zero_tail, zero_block, zero_sector, flip_bits, add_noise),
)


def encode(path: Path, name: str) -> bytes:
    container, options = FORMATS[name]
    file = io.BytesIO()
    with Image.open(path) as image:
        photo = image.convert("CMYK" if "cmyk" in name else "RGB")
    photo.thumbnail((900, 900))
    photo.save(file, container, **options)
    return file.getvalue()


def judge(intact: bytes, damaged: bytes) -> str:
    """Return what a scan makes of a damaged file."""
    try:
        picture = decode(damaged, side=128)
    except Unreadable:
        return "rejected"
    if picture.facts.damage:
        return "found damaged"
    difference = np.abs(picture.pixels.astype(int) - decode(intact, side=128).pixels)
    return "silently different" if difference.max() > 24 else "equal"


def main() -> None:
    pillow_heif.register_heif_opener()
    each = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    rng = random.Random(1)
    photos = sorted(Path(sys.argv[1]).glob("*.jpg"))
    rng.shuffle(photos)
    by_format: dict[str, Counter[str]] = defaultdict(Counter)
    by_damage: dict[str, Counter[str]] = defaultdict(Counter)
    number = false = 0
    for name in FORMATS:
        for damage in DAMAGES:
            for _ in range(each):
                data = encode(photos[number % len(photos)], name)
                number += 1
                false += decode(data, side=128).facts.damage != ""
                result = judge(data, damage(data, int(len(data) * rng.uniform(0.05, 0.95)), rng))
                by_format[name][result] += 1
                by_damage[damage.__name__][result] += 1
    print(f"{number} files, {false} of their originals found damaged")
    for table in (by_format, by_damage, {"all": sum(by_format.values(), Counter())}):
        for name, counts in table.items():
            print(f"{name:18}", ", ".join(f"{n} {result}" for result, n in sorted(counts.items())))


if __name__ == "__main__":
    main()
