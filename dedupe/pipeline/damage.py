"""Find files that are damaged copies of another file of the scan, and keep them from its place.

A decoder accepts many damaged files without a warning. Beside the intact file they show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from dedupe.decode.formats import DEFAULT_MAX_PIXELS
from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable, read_photo
from dedupe.files.remote import is_object
from dedupe.provenance.damage import SHARED, Side, compare_bytes, compare_pixels
from dedupe.types import Contents, Pairs, Photo

_STORED = frozenset({"BMP", "TIFF", "PPM", "TGA", "PSD", "ICO"})  # rows of pixels as they are
_MOST_PAIRS = 8  # of one content: frames of a recording have one length as well
_SAMPLE = 4096  # bytes that decide whether files are read
_MOST_PIXELS = 64_000_000  # of a picture that is decoded again, beside a second one

RowPair = tuple[int, int]


def find_damage(
    contents: Contents, pairs: Pairs, *, max_pixels: int = DEFAULT_MAX_PIXELS
) -> tuple[Contents, Pairs]:
    """Mark contents that are damaged copies of other contents.

    Reads only the pairs of files of one format and one length.

    Args:
        contents: U contents.
        pairs: contents that may be copies.
        max_pixels: larger pictures are not decoded; 0 for no limit.

    Returns:
        The contents, with the damage that was found in their facts; and the pairs, without those
        of contents of which one is damaged and it is unknown which one. Both are then marked.
    """
    damaged, unsure = _compare_pairs(contents, pairs, max_pixels)
    for left, right in unsure:
        for row, other in ((left, right), (right, left)):
            path = contents.photos[other][0].path
            damaged.setdefault(row, f"this file or {path} is damaged")
    if not damaged:
        return contents, pairs
    alone = np.array(unsure, np.int64)
    keep = ~(np.isin(pairs.left, alone) | np.isin(pairs.right, alone))
    return mark_damage(contents, damaged), pairs.select(keep)


def mark_damage(contents: Contents, damaged: Mapping[int, str]) -> Contents:
    """Return the contents with the damage of some rows, in words, in their facts."""
    photos = list(contents.photos)
    for row, words in damaged.items():
        photos[row] = tuple(
            replace(photo, facts=replace(photo.facts, damage=words)) for photo in photos[row]
        )
    return replace(contents, photos=tuple(photos))


def _compare_pairs(
    contents: Contents, pairs: Pairs, max_pixels: int
) -> tuple[dict[int, str], list[RowPair]]:
    """Return the reason for each damaged row, and the pairs of which one is damaged."""
    damaged: dict[int, str] = {}
    unsure: list[RowPair] = []
    for left, right in _list_suspects(contents, pairs):
        first, second = contents.photos[left][0], contents.photos[right][0]
        side = _compare(first, second, max_pixels)
        if side == "unknown":
            unsure.append((left, right))
        elif side != "neither":
            row, other = (left, second) if side == "first" else (right, first)
            damaged.setdefault(row, f"a damaged copy of {other.path}")
    return damaged, [pair for pair in unsure if not damaged.keys() & set(pair)]


def _list_suspects(contents: Contents, pairs: Pairs) -> Iterator[RowPair]:
    """Yield the pairs of one format and length that were decoded without a warning."""
    photos = [files[0] for files in contents.photos]
    compared: Counter[int] = Counter()
    for left, right in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        a, b = photos[left], photos[right]
        alike = a.file.size == b.file.size and a.format == b.format
        intact = not (a.facts.damage or b.facts.damage)
        if alike and intact and max(compared[left], compared[right]) < _MOST_PAIRS:
            compared.update((left, right))
            yield left, right


def _compare(first: Photo, second: Photo, max_pixels: int) -> Side:
    try:
        if not _share_an_end(first, second):
            return "neither"
        data = [read_photo(photo) for photo in (first, second)]
        stored = first.facts.raw or (first.format in _STORED and len(data[0]) >= first.pixels)
        side = compare_bytes(*data, uncompressed=stored)
        if side == "neither":
            return side
        if first.pixels > _MOST_PIXELS:
            return "unknown"
        pixels = [decode(some, max_pixels=max_pixels).pixels for some in data]
    except (Unreadable, OSError):
        return "neither"  # gone or saved since: the check before an action finds it
    seen = compare_pixels(*pixels)
    return seen if side == "unknown" or seen == "neither" else side


def _share_an_end(first: Photo, second: Photo) -> bool:
    """Return whether two files of one length may share `SHARED` of their bytes, from samples."""
    if is_object(first.path) or is_object(second.path):
        return True  # read whole, without a request for the samples
    size = first.file.size
    reach = int(size * SHARED / 2)  # bytes before or behind the difference
    length = min(_SAMPLE, reach)
    with open(first.path, "rb") as one, open(second.path, "rb") as other:  # noqa: PTH123
        for start in (reach - length, size - reach):
            one.seek(start)
            other.seek(start)
            if one.read(length) == other.read(length):
                return True
    return False
