"""Find the contents that a panel of another content may show. Pure: no files, no clock."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dedupe.types import Contents

Shown = tuple[int, int, float]
"""A panel, the row of a content that it may show, and their distance, in [0, 2]."""

MOST_SHOWN = 4  # contents that are verified for each panel, the nearest
_BLOCK = 256  # panels compared at a time: memory is O(block * U)


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
    with threadpool_limits(1, user_api="blas"):  # the same products on any number of cores
        for start in range(0, len(panels), _BLOCK):
            some = slice(start, start + _BLOCK)
            alike = panels.vectors[some] @ contents.vectors.T  # (B, U) cosines
            alike[:, contents.low_detail] = -1
            alike[np.arange(len(alike)), panels.rows[some]] = -1
            most = min(MOST_SHOWN, alike.shape[1])
            nearest = np.argpartition(-alike, most - 1, axis=1)[:, :most]
            for at, rows in enumerate(nearest):
                distances = [(measure(contents, start + at, row), row) for row in rows.tolist()]
                for distance, row in sorted(distances):
                    if distance <= threshold and alike[at, row] > -1:
                        yield start + at, row, distance


def measure(contents: Contents, panel: int, row: int) -> float:
    """Return the distance of a panel to a content in double precision, rounded as in a report."""
    assert contents.panels is not None
    gap: NDArray[np.float64] = (
        contents.panels.vectors[panel].astype(np.float64) - contents.vectors[row]
    )
    return round(float(np.sqrt(gap @ gap)), 6)
