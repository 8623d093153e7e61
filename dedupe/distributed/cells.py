"""Search a part of an inverted file: the rows of some cells among those of the nearest cells.

Runs in a task, which fetches only the cells that its rows probe. Knows no cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dedupe.search.exact import NearestRows, Neighbours, Rows, Vectors
from dedupe.search.ivf import group_by_cell, measure_gaps, smallest, train
from dedupe.search.limits import SearchLimits

_OVERSIZE = 8  # times the mean: a larger cell is split
_FEW = 64  # cells that need no order
_MIN_SPLIT = 4096  # rows; smaller cells are cheap as they are


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """The rows of one cell."""

    rows: NDArray[np.int32]  # (M,) ascending
    vectors: Vectors  # (M, D)
    rank: Rows  # (M,)


@dataclass(frozen=True, slots=True, eq=False)
class CellSearch:
    """What each task of a search in cells needs; cells themselves are fetched."""

    fetch: Callable[[Sequence[int]], list[Cell]]
    centroids: Vectors  # (C, D)
    probes: int  # cells that a row is compared with
    limits: SearchLimits
    drop_dense: bool
    wanted: Rows | None = None  # (W,) ascending, the only rows to search; None for all
    skip: Rows | None = None  # (S,) ascending, rows that are not compared with


def search_cells(search: CellSearch, part: CellPart) -> Neighbours:
    """Return the neighbours of the rows of one part, as the search on one machine finds them.

    Memory: the vectors of all cells that the rows probe, and their candidates.
    """
    own = search.fetch(part.cells)
    rows = np.concatenate([cell.rows for cell in own])
    vectors = np.concatenate([cell.vectors for cell in own])
    chosen = np.arange(len(rows))[part.share :: part.shares]
    if search.wanted is not None:
        chosen = chosen[_contains(search.wanted, rows[chosen])]
    if not len(chosen):
        none = np.empty(0, np.int32)
        return Neighbours(none, none, np.empty(0, np.float32))
    with threadpool_limits(1, user_api="blas"):
        tiles = measure_gaps(vectors[chosen], search.centroids)
        near = np.concatenate([smallest(gaps, search.probes) for gaps in tiles])  # (Q, P)
        return _search(search, rows[chosen], near)


@dataclass(frozen=True, slots=True)
class CellPart:
    """Rows that one task searches: those of some cells, or every n-th of them."""

    cells: tuple[int, ...]
    share: int = 0  # which of the shares, from 0
    shares: int = 1  # tasks that share these cells


def _search(search: CellSearch, queries: Rows, near: NDArray[np.int32]) -> Neighbours:
    """Compare (Q,) rows with those of their (Q, P) cells, numbered anew among these cells."""
    needed = np.unique(near)
    cells = search.fetch(needed.tolist())
    rows = np.concatenate([cell.rows for cell in cells])
    order = np.argsort(rows)
    bounds = np.cumsum([0, *(len(cell.rows) for cell in cells)])
    place = np.empty(len(rows), np.int32)
    place[order] = np.arange(len(rows), dtype=np.int32)  # of each row among the ascending ones
    vectors = np.concatenate([cell.vectors for cell in cells])[order]
    rank = np.concatenate([cell.rank for cell in cells])[order]
    rows = rows[order]
    nearest = NearestRows(
        vectors, np.searchsorted(rows, queries), search.limits, drop_dense=search.drop_dense
    )
    for at, (_, positions) in enumerate(group_by_cell(near)):
        others = place[bounds[at] : bounds[at + 1]]
        if search.skip is not None:
            others = others[~_contains(search.skip, rows[others])]
        nearest.compare(positions, others)
    found = nearest.finish(rank)
    return Neighbours(
        rows[found.row], rows[found.other], found.distance, rows[found.truncated], rows[found.dense]
    )


def _contains(ascending: Rows, rows: Rows) -> NDArray[np.bool_]:
    """Return (R,) whether rows are among (A,) ascending ones."""
    at = np.searchsorted(ascending, rows)
    at[at == len(ascending)] = 0
    return np.asarray(ascending[at] == rows) if len(ascending) else np.zeros(len(rows), bool)


def split_cells(vectors: Vectors, centroids: Vectors, own: Rows) -> tuple[Vectors, Rows]:
    """Split the cells with far more rows than the mean around centroids of their own.

    Args:
        vectors: (N, D) float32, each of norm 1.
        centroids: (C, D).
        own: (N,) the cell of each vector.

    Returns:
        (C', D) centroids, of which some replace those of split cells, and (N,) cells. Rows of
        equal vectors stay in one cell, however many they are.
    """
    sizes = np.bincount(own, minlength=len(centroids))
    mean = max(1, len(vectors) // len(centroids))
    largest = max(_MIN_SPLIT, _OVERSIZE * mean)
    own, added, count = own.copy(), [], len(centroids)
    centroids = centroids.copy()
    for cell in np.flatnonzero(sizes > largest).tolist():
        members = np.flatnonzero(own == cell)
        inner = train(vectors[members], max(2, len(members) // mean))
        gaps = measure_gaps(vectors[members], inner)
        nearest = np.concatenate([tile.argmin(axis=1) for tile in gaps])
        centroids[cell] = inner[0]
        own[members[nearest > 0]] = count + nearest[nearest > 0] - 1
        added.append(inner[1:])
        count += len(inner) - 1
    return np.concatenate([centroids, *added]), own


def plan_parts(centroids: Vectors, sizes: Rows, largest: int) -> list[CellPart]:
    """Return parts of neighbouring cells with up to `largest` rows; larger cells are shared.

    Args:
        centroids: (C, D).
        sizes: (C,) rows of each cell.
        largest: rows of a part.
    """
    parts: list[CellPart] = []
    waiting: list[int] = []
    for cell in _order_cells(centroids).tolist():
        if sizes[waiting].sum() + sizes[cell] > largest and waiting:
            parts.append(CellPart(tuple(waiting)))
            waiting = []
        if sizes[cell] > largest:
            shares = -(-int(sizes[cell]) // largest)
            parts += [CellPart((cell,), share, shares) for share in range(shares)]
        elif sizes[cell]:
            waiting.append(cell)
    return [*parts, *([CellPart(tuple(waiting))] if waiting else [])]


def _order_cells(centroids: Vectors) -> Rows:
    """Return (C,) cells so that near ones follow each other: their parts probe the same cells."""
    if len(centroids) < _FEW:
        return np.arange(len(centroids))
    leaders = train(centroids, round(len(centroids) ** 0.5))
    label = np.concatenate([tile.argmin(axis=1) for tile in measure_gaps(centroids, leaders)])
    return np.argsort(label, kind="stable")
