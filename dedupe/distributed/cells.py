"""Search a part of an inverted file: the rows of some cells among those of the nearest cells.

Runs in a task, which fetches only the cells that its rows probe. Knows no cluster.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dedupe.search.bounds import shorten
from dedupe.search.exact import NearestRows, Neighbours, Rows, Vectors, number_runs
from dedupe.search.ivf import find_nearest, group_by_cell, measure_gaps, train
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


class JoinedCells:
    """The rows of some cells, numbered in the order of the cells; copies no vectors of them."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._cells = cells
        self.starts = np.cumsum([0, *(len(cell.rows) for cell in cells)])  # (C + 1,)
        self.rows = np.concatenate([cell.rows for cell in cells])  # (N,)
        self.rank = np.concatenate([cell.rank for cell in cells])  # (N,)

    def __getitem__(self, rows: Rows, /) -> Vectors:
        """Return the (R, D) vectors of (R,) numbers."""
        if not len(rows):
            return self._cells[0].vectors[:0]
        low, high = np.searchsorted(self.starts, [rows.min(), rows.max()], side="right") - 1
        if low == high:
            one: Vectors = self._cells[low].vectors[rows - self.starts[low]]
            return one
        cell = np.searchsorted(self.starts, rows, side="right") - 1
        order = np.argsort(cell, kind="stable")
        found = np.empty((len(rows), self._cells[0].vectors.shape[1]), np.float32)
        present, begins = np.unique(cell[order], return_index=True)
        for at, some in zip(present.tolist(), np.split(order, begins[1:]), strict=True):
            found[some] = self._cells[at].vectors[rows[some] - self.starts[at]]
        return found


def join_cells(cells: Sequence[Cell]) -> Cell:
    """Return the rows of several cells as those of one, in the order of the cells."""
    return Cell(
        np.concatenate([cell.rows for cell in cells]),
        np.concatenate([cell.vectors for cell in cells]),
        np.concatenate([cell.rank for cell in cells]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class CellSearch:
    """What each task of a search in cells needs; cells themselves are fetched."""

    fetch: Callable[[Sequence[int]], list[Cell]]
    centroids: Vectors  # (C, D), or (C, K + 1) with axes
    sizes: Rows  # (C,) rows of each cell
    axes: Vectors | None  # (D, K) of bounds; None to compute every product in full
    probes: int  # cells that a row is compared with
    limits: SearchLimits
    drop_dense: bool
    wanted: Rows | None = None  # (W,) ascending, the only rows to search; None for all
    skip: Rows | None = None  # (S,) ascending, rows that are not compared with


@dataclass(frozen=True, slots=True)
class CellPart:
    """Rows that one task searches: those of some cells, or every n-th of them."""

    cells: tuple[int, ...]
    share: int = 0  # which of the shares, from 0
    shares: int = 1  # tasks that share these cells


def search_cells(search: CellSearch, part: CellPart) -> Neighbours:
    """Return the neighbours of the rows of one part, as the search on one machine finds them.

    Memory: the vectors of the part and the candidates. The vectors of other cells stay in the
    memory that the tasks of a node share.
    """
    cells = search.fetch(part.cells)
    own = join_cells(cells)
    chosen = np.arange(len(own.rows))[part.share :: part.shares]
    if search.wanted is not None:
        chosen = chosen[_contains(search.wanted, own.rows[chosen])]
    if not len(chosen):
        none = np.empty(0, np.int32)
        return Neighbours(none, none, np.empty(0, np.float32))
    with threadpool_limits(1, user_api="blas"):
        vectors = own.vectors[chosen]
        short = _shorten(vectors, search.axes)
        gaps = measure_gaps(vectors if short is None else short, search.centroids)
        near = find_nearest(gaps, search.probes)
        others = np.setdiff1d(near[1], part.cells).tolist()
        joined = JoinedCells([own, *search.fetch(others)])
        nearest = NearestRows(
            joined, chosen, search.limits, drop_dense=search.drop_dense, short=short
        )
        sizes = search.sizes[[*part.cells, *others]]
        ends = dict(zip([*part.cells, *others], np.cumsum(sizes).tolist(), strict=True))
        for cell, positions in group_by_cell(*near):
            numbers = np.arange(ends[cell] - search.sizes[cell], ends[cell])
            _compare(nearest, positions, joined, numbers, search.axes, search.skip)
        return _name_rows(nearest.finish(joined.rank), joined.rows)


def _compare(
    nearest: NearestRows,
    positions: Rows,
    joined: JoinedCells,
    numbers: Rows,
    axes: Vectors | None,
    skip: Rows | None,
) -> None:
    """Compare queries at (P,) positions with the rows of (O,) numbers but the skipped ones."""
    if skip is not None:
        numbers = numbers[~_contains(skip, joined.rows[numbers])]
    nearest.compare(positions, numbers, _shorten(joined[numbers], axes))


@dataclass(frozen=True, slots=True, eq=False)
class FewSearch:
    """Compares few rows with all rows of some cells, in a task."""

    fetch: Callable[[Sequence[int]], list[Cell]]
    queries: Cell
    axes: Vectors | None  # (D, K) of bounds; None to compute every product in full
    limits: SearchLimits
    skip: Rows | None = None  # (S,) ascending, rows that are not compared with

    def __call__(self, cells: Sequence[int]) -> Neighbours:
        """Return the nearest rows of the cells for each query."""
        joined = JoinedCells([self.queries, *self.fetch(cells)])
        count = len(self.queries.rows)
        with threadpool_limits(1, user_api="blas"):
            short = _shorten(self.queries.vectors, self.axes)
            nearest = NearestRows(
                joined, _find_again(joined, count), self.limits, drop_dense=False, short=short
            )
            for start, end in itertools.pairwise(joined.starts[1:].tolist()):
                numbers = np.arange(start, end)
                _compare(nearest, np.arange(count), joined, numbers, self.axes, self.skip)
            return _name_rows(nearest.finish(joined.rank), joined.rows)


def merge_nearest(parts: Sequence[Neighbours], limits: SearchLimits, rank: Rows) -> Neighbours:
    """Return the nearest of the neighbours that several tasks found for the same rows.

    Args:
        parts: disjoint neighbours of the rows.
        limits: how many neighbours of a row are listed.
        rank: (N,) the row of lower rank comes first among rows at one distance.
    """
    row, other, distance = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("row", "other", "distance")
    )
    order = np.lexsort((rank[other], distance, row))
    row, other, distance = row[order], other[order], distance[order]
    place = number_runs(row)
    listed = place < limits.max_neighbours
    truncated = np.concatenate([row[~listed], *(part.truncated for part in parts)])
    return Neighbours(row[listed], other[listed], distance[listed], np.unique(truncated))


def _find_again(joined: JoinedCells, count: int) -> Rows:
    """Return the numbers of the first `count` rows, or those of the same rows in later cells."""
    numbers = np.arange(count)
    rows = joined.rows[:count]
    order = np.argsort(rows)
    at = np.minimum(np.searchsorted(rows[order], joined.rows[count:]), count - 1)
    same = np.flatnonzero(rows[order][at] == joined.rows[count:])
    numbers[order[at[same]]] = count + same
    return numbers


def _name_rows(found: Neighbours, rows: NDArray[np.int32]) -> Neighbours:
    """Return neighbours by the (N,) rows of their numbers."""
    return Neighbours(
        rows[found.row], rows[found.other], found.distance, rows[found.truncated], rows[found.dense]
    )


def _shorten(vectors: Vectors, axes: Vectors | None) -> Vectors | None:
    return None if axes is None else shorten(vectors, axes)


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
