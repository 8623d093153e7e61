"""Pairs known from an earlier search, and those of what is new since. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dedupe.search.exact import Rows
from dedupe.search.search import EXACT_UP_TO, MOST, Searched, find_pairs
from dedupe.types import Embeddings, Pairs


def extend_pairs(
    known: Pairs,
    embeddings: Embeddings,
    *,
    among: Rows,
    threshold: float,
    alike: float | None = None,
    order: Sequence[int] | None = None,
    most: int = MOST,
    exact_up_to: int = EXACT_UP_TO,
    workers: int | None = None,
    on_rows: Callable[[int], None] = lambda _: None,
    on_searched: Callable[[Searched], None] = lambda _: None,
) -> Pairs:
    """Find the pairs that `find_pairs` finds, where those between all rows but some are known.

    Only the new rows are compared with all. Where a row turns out to have more neighbours than are
    listed, or there are too many rows for an exact search, all are searched again, so that the
    result never depends on what was known.

    Args:
        known: rows of `embeddings`, every pair within `threshold` between the first files of two
            contents of which neither is in `among`; pairs with a row that is are passed over. Only
            a search that told of no full rows and no cells found them all, see `Searched`.
        embeddings: of N files, the old ones and the new.
        among: the new rows.
        threshold, alike, order, most, exact_up_to, workers, on_rows, on_searched: as in
            `find_pairs`.

    Returns:
        Pairs sorted by (left, right), left < right.
    """
    told: list[Searched] = []
    old = ~(np.isin(known.left, among) | np.isin(known.right, among))
    size = len(embeddings.photos)
    if size <= exact_up_to:
        fresh = find_pairs(
            embeddings,
            threshold=threshold,
            among=among,
            most=most,
            workers=workers,
            on_searched=told.append,
        )
        left = np.concatenate([known.left[old], fresh.left])
        right = np.concatenate([known.right[old], fresh.right])
        distance = np.concatenate([known.distance[old], fresh.distance])
        count = np.bincount(left, minlength=size) + np.bincount(right, minlength=size)
        if not told[0].full and count.max(initial=0) <= most:
            by_row = np.lexsort((right, left))
            on_rows(size)
            on_searched(told[0])
            return Pairs(left[by_row], right[by_row], distance[by_row])
    return find_pairs(
        embeddings,
        threshold=threshold,
        alike=alike,
        order=order,
        most=most,
        exact_up_to=exact_up_to,
        workers=workers,
        on_rows=on_rows,
        on_searched=on_searched,
    )
