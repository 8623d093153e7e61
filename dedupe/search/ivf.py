"""An inverted file: cells of nearby vectors, so that a row is compared with few others. Pure.

Trains k-means (FAISS) and chooses the number of probes. The same vectors give the same cells: the
training sample is evenly spaced, the seed is fixed, and one thread trains.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dedupe.search.exact import Rows, Vectors

_PER_CELL = 32  # training vectors of each cell; FAISS warns below 39, with no loss seen here
_ROUNDS = 8  # of k-means: from then on, less than 1 % of the vectors change their cell
_TILE = 256  # rows compared with all centroids at a time: 7 MB at 7,000 cells
_MIN_PROBES = 4  # even if the pairs of the sample need fewer: it may contain few pairs
_MARGIN = 0.6  # of the pairs that may be missed; found in addition, as the sample is not the whole


class InvertedFile:
    """A partition of vectors into cells around centroids (IVF, as in FAISS)."""

    def __init__(
        self, vectors: Vectors, centroids: Vectors | None = None, own: Rows | None = None
    ) -> None:
        """Partition vectors, each into the cell of the nearest centroid.

        Args:
            vectors: (N, D) float32, each of norm 1, or shortened ones; at least 2.
            centroids: (C, D) float32; None to train `count_cells(N)` on a sample.
            own: (N,) the nearest centroid of each vector; None to find it.
        """
        self._vectors = vectors
        if centroids is None:
            centroids = train(vectors, count_cells(len(vectors)))
        self.centroids = centroids
        self.count = len(centroids)  # C
        self.probes = self.count  # cells that a row is compared with
        if own is None:
            own = np.concatenate([gaps.argmin(axis=1) for gaps in measure_gaps(vectors, centroids)])
        self._own = own.astype(np.int32)  # (N,)
        self.order: NDArray[np.int32] = np.argsort(self._own, kind="stable").astype(
            np.int32
        )  # (N,) by cell
        self._starts = np.searchsorted(self._own[self.order], np.arange(self.count + 1))

    def members(self, cell: int) -> NDArray[np.int32]:
        """Return the (M,) rows in a cell, ascending."""
        return self.order[self._starts[cell] : self._starts[cell + 1]]

    @cached_property
    def arranged(self) -> Vectors:
        """Return the (N, D) vectors, those of each cell together."""
        return self._vectors[self.order]

    def visits(self, rows: Rows) -> Iterator[tuple[Rows, slice]]:
        """Yield, cell by cell, which rows to compare with the rows of the cell.

        Args:
            rows: (Q,) rows to compare with those of their nearest `probes` cells.

        Yields:
            (P,) positions in `rows`, and where the cell is in `arranged` and in `order`.
        """
        for cell, positions in group_by_cell(*find_nearest(self._gaps(rows), self.probes)):
            yield positions, slice(self._starts[cell], self._starts[cell + 1])

    def choose_probes(self, row: Rows, other: Rows, share: float) -> int:
        """Return how many cells to probe, so that rows find a share of their pairs on average.

        A pair is found if one of its rows probes the cell of the other. The sampled pairs must be
        found with a margin, so that the share also holds for the other pairs.

        Args:
            row, other: (P,) all pairs of a sample of rows.
            share: of the pairs of a row, in [0, 1].
        """
        if not len(row):
            return min(self.count, _MIN_PROBES)
        needed = self._count_needed(row, other)
        weight = weigh_rows(row)
        error = math.sqrt(share * (1 - share) / weight.sum())
        order = np.argsort(needed)
        reached = np.cumsum(weight[order]) / weight.sum()
        safe = min(1 - 1e-9, share + _MARGIN * (1 - share) + error)
        return max(_MIN_PROBES, int(needed[order][np.searchsorted(reached, safe)]))

    def is_found(self, row: Rows, other: Rows) -> NDArray[np.bool_]:
        """Return (P,) whether one of two rows probes the cell of the other."""
        return self._count_needed(row, other) <= self.probes

    def _count_needed(self, row: Rows, other: Rows) -> NDArray[np.int64]:
        """Return (P,) how many cells must be probed to find each pair."""
        return np.minimum(self._rank(row, other), self._rank(other, row)) + 1

    def _rank(self, row: Rows, other: Rows) -> NDArray[np.int64]:
        """Return (P,) how many cells are nearer to each row than the cell of the other row.

        Args:
            row, other: (P,) rows.
        """
        ranks = [np.empty(0, np.int64)]
        for start, gaps in enumerate(self._gaps(row)):
            some = other[start * _TILE : (start + 1) * _TILE]
            own = gaps[np.arange(len(some)), self._own[some]]
            ranks.append(np.count_nonzero(gaps < own[:, None], axis=1))
        return np.concatenate(ranks)

    def _gaps(self, rows: Rows) -> Iterator[Vectors]:
        """Yield (tile, C) squared distances of (Q,) rows to the centroids, less 1, tile by tile."""
        return measure_gaps(self._vectors, self.centroids, rows)


def count_cells(vectors: int) -> int:
    """Return the number of cells for a number of vectors."""
    return max(1, min(round(4 * math.sqrt(vectors)), vectors // 2))


def measure_gaps(
    vectors: Vectors, centroids: Vectors, rows: Rows | None = None
) -> Iterator[Vectors]:
    """Yield squared distances of vectors to centroids, less 1, a tile of vectors at a time.

    Args:
        vectors: (N, D) float32, each of norm 1.
        centroids: (C, D).
        rows: (Q,) the vectors to measure; None for all.

    Yields:
        (tile, C).
    """
    norms = np.sum(centroids**2, axis=1)  # (C,)
    for start in range(0, len(vectors if rows is None else rows), _TILE):
        tile = slice(start, start + _TILE)
        some = vectors[tile] if rows is None else vectors[rows[tile]]
        gaps = some @ centroids.T
        gaps *= -2
        gaps += norms
        yield gaps


def find_nearest(gaps: Iterator[Vectors], count: int) -> tuple[Rows, Rows]:
    """Return the nearest cells of each row, also those as near as the last of them.

    Args:
        gaps: (tile, C) distances of the rows to the centroids, tile by tile.
        count: cells of a row.

    Returns:
        (V,) positions of rows, ascending, and (V,) cells.
    """
    positions, cells, start = [np.empty(0, np.intp)], [np.empty(0, np.intp)], 0
    for tile in gaps:
        width = tile.shape[1]
        last = min(count, width) - 1
        # the values alone: a partition of their columns takes five times as long
        limit = np.partition(tile, last, axis=1)[:, last, None]
        row, cell = np.divmod(np.flatnonzero(tile <= limit), width)
        positions.append(row + start)
        cells.append(cell)
        start += len(tile)
    return np.concatenate(positions), np.concatenate(cells)


def group_by_cell(positions: Rows, cells: Rows) -> Iterator[tuple[int, Rows]]:
    """Yield each of (V,) cells, ascending, and its (P,) positions of the (V,) ones."""
    if not len(cells):
        return
    narrow = cells.astype(np.uint16) if cells.max() < 1 << 16 else cells  # sorted by its digits
    order = np.argsort(narrow, kind="stable")
    found, starts = np.unique(cells[order], return_index=True)
    yield from zip(found.tolist(), np.split(positions[order], starts[1:]), strict=True)


def weigh_rows(row: Rows) -> NDArray[np.float64]:
    """Return (P,) float64 weights of pairs; those of each row add up to 1.

    Args:
        row: (P,) the row of each pair.
    """
    return np.asarray(1 / np.bincount(row)[row])


def train(vectors: Vectors, count: int) -> Vectors:
    """Return (C, D) float32 centroids of an evenly spaced sample of the (N, D) vectors."""
    import faiss  # loaded late: that takes longer than a small search

    step = max(1, len(vectors) // (count * _PER_CELL))
    sample = np.ascontiguousarray(vectors[::step])
    with threadpool_limits(1):  # the order of summation depends on the number of threads
        trainer = faiss.Kmeans(
            vectors.shape[1],
            count,
            niter=_ROUNDS,
            seed=1,
            min_points_per_centroid=1,
            max_points_per_centroid=len(sample),
        )
        trainer.train(sample)
    return np.asarray(trainer.centroids, np.float32)
