"""Who stands for whom in a crowd of rows that are nearly the same picture. Pure."""

from __future__ import annotations

import numpy as np

from dedupe.search.exact import Lists, Rows, Vectors, find_within

_BATCH = 32  # rows that are compared with all that are left at a time


def choose_representatives(vectors: Vectors, crowded: Rows, rank: Rows, alike: float) -> Lists:
    """Let the rows of crowds be represented, the lowest rank first, each by one within a distance.

    Args:
        vectors: (N, D), each of norm 1.
        crowded: rows that crowds hold.
        rank: (N,) the lowest represents first.
        alike: largest distance between a row and the one that represents it, in [0, 2].

    Returns:
        Each row that represents others, and those others; none is both.
    """
    waiting = crowded[np.argsort(rank[crowded], kind="stable")].astype(np.int32)
    found: list[tuple[Rows, Rows, Vectors]] = []
    while len(waiting):
        free = np.ones(len(waiting), bool)
        products = vectors[waiting[:_BATCH]] @ vectors[waiting].T  # (b, W)
        for position, row in enumerate(waiting[:_BATCH].tolist()):
            if free[position]:
                free[position] = False
                near, distance = find_within(vectors, row, waiting, products[position], alike)
                near, distance = near[free[near]], distance[free[near]]
                free[near] = False
                found.append((np.full(len(near), row), waiting[near], distance.astype(np.float32)))
        waiting = waiting[free]
    row, other, measured = (np.concatenate(part) for part in zip(*found, strict=True))
    return Lists(row.astype(np.int32), other.astype(np.int32), measured)
