"""Low-detail images: blank pages, lens caps, clear sky.

All of them have nearly the same embedding, so their vectors are not compared. Two of them are near
duplicates if all their pixels are equal, in full size.
"""

from __future__ import annotations

import os
from collections.abc import Collection

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.types import Contents, Pairs, Skipped

MIN_DETAIL = 2.0
"""Detail of a picture that is just not low-detail. Blank paper has 0.1 to 1, fog on a lake 5."""

REASON = "low-detail"


def measure_detail(pixels: NDArray[np.uint8]) -> float:
    """Return the standard deviation of the brightness, in levels of 255.

    Args:
        pixels: (side, side, 3) RGB, squashed, so that noise and grain are averaged out.
    """
    _, deviation = cv2.meanStdDev(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    return float(deviation[0, 0])


def find_same_pixels(contents: Contents) -> Pairs:
    """Pair the low-detail pictures with equal full-size pixels, at distance 0.

    Returns:
        Pairs (first, other) for every group of equal pictures, sorted.
    """
    first: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    for row in np.flatnonzero(contents.low_detail).tolist():
        pixels = contents.photos[row][0].facts.pixels
        seen = first.setdefault(pixels, row)
        if pixels and seen != row:
            pairs.append((seen, row))
    left, right = np.array(sorted(pairs), np.int64).reshape(-1, 2).T
    return Pairs(left, right, np.zeros(len(left), np.float32))


def list_low_detail(contents: Contents, grouped: Collection[str]) -> tuple[Skipped, ...]:
    """List the low-detail files that are in no group, in the order of their paths.

    Args:
        contents: of the scan.
        grouped: paths of the files in groups.
    """
    paths = (
        photo.path
        for row in np.flatnonzero(contents.low_detail).tolist()
        for photo in contents.photos[row]
        if photo.path not in grouped
    )
    return tuple(
        Skipped(path, REASON, "too plain to be compared with others")
        for path in sorted(paths, key=os.fsencode)
    )
