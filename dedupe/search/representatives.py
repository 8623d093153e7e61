"""Choose one representative for each dense neighbourhood of near-identical rows. Pure."""

from __future__ import annotations

import numpy as np

from dedupe.search.exact import Neighbours, Rows, Vectors, find_within

_BATCH = 32  # rows compared with all remaining ones at a time


def choose_representatives(
    vectors: Vectors, dense: Rows, rank: Rows, copy_radius: float
) -> Neighbours:
    """Choose rows that represent all others of dense neighbourhoods (leader clustering).

    The row of the lowest rank that is not yet represented represents all remaining rows within the
    copy radius, and so on.

    Args:
        vectors: (N, D) float32, each of norm 1.
        dense: (C,) rows in dense neighbourhoods, at least one.
        rank: (N,) order in which rows become representatives, the lowest first.
        copy_radius: largest distance of a row to its representative, in [0, 2].

    Returns:
        Representatives with the rows that they represent; no row is both.
    """
    waiting = dense[np.argsort(rank[dense], kind="stable")].astype(np.int32)
    parts: list[tuple[Rows, Rows, Vectors]] = []
    while len(waiting):
        free = np.ones(len(waiting), bool)
        products = vectors[waiting[:_BATCH]] @ vectors[waiting].T  # (b, W)
        for position, row in enumerate(waiting[:_BATCH].tolist()):
            if free[position]:
                free[position] = False
                near, distance = find_within(vectors, row, waiting, products[position], copy_radius)
                near, distance = near[free[near]], distance[free[near]]
                free[near] = False
                parts.append((np.full(len(near), row), waiting[near], distance.astype(np.float32)))
        waiting = waiting[free]
    row, other, measured = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Neighbours(row.astype(np.int32), other.astype(np.int32), measured)
