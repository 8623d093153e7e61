"""Damage photos in every format and count which damage is found.

    python tests/benchmarks/damage.py FOLDER [EACH]
    python tests/benchmarks/damage.py FOLDER [EACH] --scan [--held-out] [--other] [--seed 1]

Takes photos of FOLDER in a fixed random order, at most 900 pixels long, encodes each in one of 16
ways, and damages it at 5 to 95 % of its bytes in one of six ways, EACH times (5). Prints for each
format, and for each kind of damage, how many files are rejected, found damaged, equal to the intact
picture within 24 levels, or silently different. Also counts intact files that are found damaged.

With --scan each damaged file lies beside its intact one, under an earlier name and with the same
time, and all are scanned. Prints how many damaged files were kept while the intact one would go;
they count unless every pixel is equal. --held-out damages in ways that no bound was chosen on.
With --other the intact file is a JPEG, and the damaged one a copy of it in each encoding.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

import dedupe
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


def stick_bits(data: bytes, at: int, rng: random.Random) -> bytes:
    """Let a bit of each byte be 1, as a broken memory cell row does."""
    size, mask = 64, 1 << rng.randrange(8)
    return data[:at] + bytes(b | mask for b in data[at : at + size]) + data[at + size :]


def repeat_sector(data: bytes, at: int, _: random.Random) -> bytes:
    """Write a sector of the file a second time, in place of another."""
    start = at // 512 * 512
    sector = data[max(0, start - 2 * SECTOR) :][: min(SECTOR, len(data) - start)]
    return data[:start] + sector + data[start + len(sector) :]


def flip_one_bit(data: bytes, at: int, rng: random.Random) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def scatter_bits(data: bytes, at: int, rng: random.Random) -> bytes:
    """Flip bits all over the rest of the file."""
    changed = bytearray(data)
    for _ in range(12):
        changed[rng.randrange(at, len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


HELD_OUT = (stick_bits, repeat_sector, flip_one_bit, scatter_bits)


def encode(path: Path | io.BytesIO, name: str) -> bytes:
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


def save_pairs(folder: Path, photos: Sequence[Path], given: argparse.Namespace) -> dict[str, str]:
    """Write intact and damaged files beside each other; return the damage by name of the pair."""
    rng = random.Random(given.seed)
    damages = HELD_OUT if given.held_out else DAMAGES
    kinds = [(n, d) for n in FORMATS for d in damages for _ in range(given.each)]
    names: dict[str, str] = {}
    for number, (name, damage) in enumerate(kinds):
        photo = photos[number % len(photos)]
        intact = encode(photo, "jpeg") if given.other else None
        data = encode(io.BytesIO(intact) if intact else photo, name)
        pair = folder / f"{number // len(photos)}" / f"{number:04}"
        pair.mkdir(parents=True)
        suffix = FORMATS[name][0].lower()
        bad = damage(data, int(len(data) * rng.uniform(0.05, 0.95)), rng)
        ending = "jpeg" if intact else suffix
        for file, content in ((f"a.{suffix}", bad), (f"b.{ending}", intact or data)):
            (pair / file).write_bytes(content)
            os.utime(pair / file, ns=(10**18, 10**18))
        names[pair.name] = f"{name} {damage.__name__}"
    return names


def scan_pairs(photos: Sequence[Path], given: argparse.Namespace) -> None:
    """Scan damaged files beside intact ones, and print how many were kept wrongly."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place:
        names = save_pairs(Path(place), photos, given)
        for part in sorted(Path(place).iterdir()):  # each photo once in a scan
            report = dedupe.scan(part, index=None, ignored=None)
            listed = {skipped.path: skipped.reason for skipped in report.skipped}
            going = {d.photo.path: g.keeper.path for g in report.groups for d in g.duplicates}
            for pair in sorted(part.iterdir()):
                bad, intact = sorted(pair.iterdir())
                keeper = going.get(str(intact), "")
                if keeper and keeper != str(bad):
                    result = "the intact one goes for another photo of the set"
                elif keeper:
                    same = is_equal(bad.read_bytes(), intact.read_bytes())
                    result = "equal pixels, either stays" if same else "KEPT WRONGLY"
                    if not same:
                        print(f"  {names[pair.name]}: {keeper}", flush=True)
                elif str(bad) in going:
                    result = "the damaged one goes"
                elif listed.get(str(bad), "damaged") != "damaged":
                    result = "both stay, the damaged one is not read"
                else:
                    marked = [str(path) in listed for path in (bad, intact)]
                    result = f"both stay, {sum(marked)} of them marked as damaged"
                counts[result] += 1
    print(f"{sum(counts.values())} damaged files, {counts['KEPT WRONGLY']} kept wrongly")
    for result, count in sorted(counts.items()):
        print(f"  {count:4} {result}")


def is_equal(first: bytes, second: bytes) -> bool:
    """Return whether two files show the same pixels in full size."""
    return np.array_equal(decode(first).pixels, decode(second).pixels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("each", type=int, nargs="?", default=5)
    parser.add_argument("--scan", action="store_true", help="scan pairs of files")
    parser.add_argument("--held-out", action="store_true", help="other ways to damage")
    parser.add_argument("--other", action="store_true", help="the intact file is a JPEG")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    pillow_heif.register_heif_opener()
    photos = sorted(given.folder.glob("*.jpg"))
    random.Random(given.seed).shuffle(photos)
    if given.scan:
        scan_pairs(photos, given)
    else:
        count_found(photos, given.each)


def count_found(photos: Sequence[Path], each: int) -> None:
    """Print which damage a decoder or `dedupe.decode.damage` finds in a single file."""
    rng = random.Random(1)
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
