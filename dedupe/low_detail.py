"""How much there is to see in a picture: next to nothing looks like next to nothing.

A blank scan, a lens cap and a clear sky have embeddings, but those say nothing: to the encoder all
blank pages are one picture. Such pictures are near duplicates where their pixels agree, and not
else; the same bytes count as always.
"""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.types import Embeddings, Pairs, Skipped

LEAST = 2.0
"""Detail below which a picture is plain. Scans of blank paper have 0.1 to 1, fog on a lake 5."""

REASON = "low-detail"


def measure_detail(pixels: NDArray[np.uint8]) -> float:
    """Return the standard deviation of the brightness, in levels of 255.

    Args:
        pixels: (side, side, 3) RGB, squashed, so that noise and grain have been averaged away.
    """
    _, deviation = cv2.meanStdDev(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    return float(deviation[0, 0])


def find_same_pixels(embeddings: Embeddings) -> Pairs:
    """Pair the plain pictures that have one size and one embedding, at distance 0.

    The encoder gives the same squares of pixels the same bits, and others hardly ever.

    Returns:
        Pairs (first, other) for every kind of plain picture, sorted.
    """
    first: dict[tuple[int, int, bytes], int] = {}
    pairs: list[tuple[int, int]] = []
    for row in sorted(embeddings.plain):
        photo = embeddings.photos[row]
        seen = first.setdefault((photo.width, photo.height, embeddings.vectors[row].tobytes()), row)
        if seen != row and embeddings.photos[seen].digest != photo.digest:
            pairs.append((seen, row))
    left, right = np.array(sorted(pairs), np.int64).reshape(-1, 2).T
    return Pairs(left, right, np.zeros(len(left), np.float32))


def list_plain(embeddings: Embeddings, grouped: Collection[int]) -> tuple[Skipped, ...]:
    """Say of the plain pictures that no group holds that they were not compared.

    Args:
        embeddings: of the scan.
        grouped: rows that groups hold.
    """
    return tuple(
        Skipped(embeddings.photos[row].path, REASON, "too plain to be compared with others")
        for row in sorted(embeddings.plain.difference(grouped))
    )
