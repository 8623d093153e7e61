"""Pairs of new rows, joined to the known pairs of an earlier search. Pure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dedupe.search.exact import Rows, Vectors
from dedupe.search.limits import SearchLimits
from dedupe.search.search import Found, find_pairs
from dedupe.types import Pairs, Progress, no_progress


def extend_pairs(
    known: Pairs,
    vectors: Vectors,
    *,
    rows: Rows,
    limits: SearchLimits,
    choose_rank: Callable[[], Rows] | None = None,
    workers: int | None = None,
    on_progress: Progress = no_progress,
) -> Found:
    """Find the pairs that `find_pairs` finds, given those between all rows but the new ones.

    Compares the new rows with all rows. Searches all rows again if a row has more neighbours than
    are listed, or if there are too many rows for an exact search. So the result never depends on
    `known`.

    Args:
        known: every pair within the threshold between two rows that are not new; other pairs are
            ignored. Complete only if the earlier search had no truncated rows and no cells.
        vectors: (N, D) float32, each of norm 1, the old rows and the new ones.
        rows: (Q,) the new rows.
        choose_rank: returns the rank of `find_pairs`; called only if all rows are searched again.
        limits, workers, on_progress: as in `find_pairs`.
    """
    if len(vectors) <= limits.exact_up_to:
        fresh = find_pairs(vectors, rows=rows, limits=limits, workers=workers)
        pairs = _join(known, fresh.pairs, rows)
        ends = np.concatenate([pairs.left, pairs.right])
        fullest = np.bincount(ends, minlength=len(vectors)).max(initial=0)
        if not fresh.stats.truncated and fullest <= limits.max_neighbours:
            on_progress("search", len(vectors), len(vectors))
            return Found(pairs, fresh.stats)
    rank = choose_rank() if choose_rank else None
    return find_pairs(vectors, limits=limits, rank=rank, workers=workers, on_progress=on_progress)


def _join(known: Pairs, fresh: Pairs, rows: Rows) -> Pairs:
    """Add the pairs of the (Q,) new rows to those of the old ones."""
    old = known.select(~(np.isin(known.left, rows) | np.isin(known.right, rows)))
    left = np.concatenate([old.left, fresh.left])
    right = np.concatenate([old.right, fresh.right])
    distance = np.concatenate([old.distance, fresh.distance])
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], distance[order])
