"""Connected components of many pairs: union-find over blocks of pairs, merged in rounds.

A block is reduced to a forest, of at most one edge for each row, so that what remains halves in
each round. Knows no cluster but a function that maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedupe.group.refine import find_clusters
from dedupe.types import Pairs

Edges = tuple[NDArray[np.int64], NDArray[np.int64]]  # (E,) rows, (E,) rows that they belong with
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]

BLOCK = 1 << 22  # pairs of a block, 64 MB


def find_components(pairs: Pairs, count: int, spread: Map, block: int = BLOCK) -> NDArray[np.int64]:
    """Return the (count,) component of each row: its lowest row.

    Args:
        pairs: of the rows.
        count: rows.
        spread: applies a function to items, in any place.
        block: pairs of a block; a smaller number of pairs is done here.
    """
    if len(pairs) <= block:
        return find_clusters(pairs, count)
    starts = range(0, len(pairs), block)
    blocks = ((pairs.left[at : at + block], pairs.right[at : at + block]) for at in starts)
    forests = list(spread(reduce_edges, blocks))
    while len(forests) > 1:
        merged = (
            tuple(np.concatenate(ends) for ends in zip(*forests[at : at + 2], strict=True))
            for at in range(0, len(forests), 2)
        )
        forests = list(spread(reduce_edges, merged))
    label = np.arange(count)
    row, lowest = forests[0]
    label[row] = lowest
    return label


def reduce_edges(edges: Edges) -> Edges:
    """Return a forest with the components of some edges: each row with the lowest of its own."""
    rows, numbered = np.unique(np.concatenate(edges), return_inverse=True)
    one, other = numbered.reshape(2, -1)
    apart = one != other
    left, right = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
    lowest = find_clusters(Pairs(left, right, np.zeros(len(left), np.float32)), len(rows))
    leaves = np.flatnonzero(lowest != np.arange(len(rows)))
    return rows[leaves], rows[lowest[leaves]]
