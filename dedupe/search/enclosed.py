"""Find the contents that a panel of another content may show. Pure: no files, no clock."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dedupe.types import Contents

Shown = tuple[int, int, float]
"""A panel, the row of a content that it may show, and their distance, in [0, 2]."""

MOST_SHOWN = 4  # contents that are verified for each panel, the nearest
_CELLS = 4_000_000  # products held at a time: 16 MB
_ROUNDING = 1e-5  # of a product in single precision


def find_shown(contents: Contents, threshold: float) -> Iterator[Shown]:
    """Yield panel, row of the content that it may show, and their distance, in [0, 2].

    Compares each panel with all contents, which is exact. A content does not enclose itself.

    Args:
        contents: U contents.
        threshold: largest distance.

    Yields:
        By panel; for each, up to `MOST_SHOWN` rows, the nearest first.
    """
    panels = contents.panels
    if panels is None:
        return
    least = 1 - threshold**2 / 2 - _ROUNDING  # cosine of vectors at the threshold
    block = max(1, _CELLS // max(1, len(contents)))
    with threadpool_limits(1, user_api="blas"):  # the same products on any number of cores
        for start in range(0, len(panels), block):
            some = slice(start, start + block)
            alike = panels.vectors[some] @ contents.vectors.T  # (B, U) cosines
            alike[:, contents.low_detail] = -1
            alike[np.arange(len(alike)), panels.rows[some]] = -1
            at, row = np.nonzero(alike > max(least, -1))
            order = np.lexsort((row, -alike[at, row], at))
            at, row = at[order], row[order]
            near = np.arange(len(at)) - np.searchsorted(at, at) < MOST_SHOWN  # of their panel
            pairs = zip((start + at[near]).tolist(), row[near].tolist(), strict=True)
            for _, some_pairs in itertools.groupby(pairs, key=itemgetter(0)):
                found = sorted((measure(contents, *pair), *pair) for pair in some_pairs)
                for distance, panel, other in found:
                    if distance <= threshold:
                        yield panel, other, distance


def measure(contents: Contents, panel: int, row: int) -> float:
    """Return the distance of a panel to a content in double precision, rounded as in a report."""
    assert contents.panels is not None
    gap: NDArray[np.float64] = (
        contents.panels.vectors[panel].astype(np.float64) - contents.vectors[row]
    )
    return round(float(np.sqrt(gap @ gap)), 6)
