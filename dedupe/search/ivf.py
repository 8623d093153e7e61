"""Cells of vectors that lie together, so that a row need not be compared with all others. Pure.

Owns k-means (FAISS), who is in which cell, and how many cells a row must look into. The same
vectors give the same cells: the sample is evenly spaced, the seed is fixed, one thread trains.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dedupe.search.exact import Rows, Vectors

_PER_CELL = 32  # vectors that k-means sees for each cell
_ROUNDS = 8  # of k-means; more move hardly a vector
_TILE = 1024  # rows compared with all centroids at a time
_FEWEST = 4  # cells looked into, however near the sampled neighbours are


class Cells:
    """A partition of vectors into cells, each round a centroid."""

    def __init__(self, vectors: Vectors) -> None:
        """Train about 4 * sqrt(N) cells on a sample and put each of the (N, D) vectors into one."""
        self._vectors = vectors
        self.count = max(1, min(round(4 * math.sqrt(len(vectors))), len(vectors) // 2))
        self._centroids = _train(vectors, self.count)
        self._norms = np.sum(self._centroids**2, axis=1)  # (C,)
        own = [gaps.argmin(axis=1) for gaps in self._gaps(np.arange(len(vectors)))]
        self._own = np.concatenate(own).astype(np.int32)  # (N,)
        self._members = np.argsort(self._own, kind="stable").astype(np.int32)
        self._starts = np.searchsorted(self._own[self._members], np.arange(self.count + 1))

    def members(self, cell: int) -> NDArray[np.int32]:
        """Return the rows in a cell, ascending."""
        return self._members[self._starts[cell] : self._starts[cell + 1]]

    def visits(self, rows: Rows, probes: int) -> Iterator[tuple[Rows, NDArray[np.int32]]]:
        """Yield which of some rows look into a cell, as positions, and who is in it.

        Args:
            rows: (Q,) rows that look for neighbours.
            probes: how many cells each looks into, the nearest ones.
        """
        near = np.concatenate([_smallest(gaps, probes) for gaps in self._gaps(rows)])
        cells, width = near.ravel(), near.shape[1]  # (Q * P,)
        order = np.argsort(cells, kind="stable")
        positions = order // width
        bounds = np.searchsorted(cells[order], np.arange(self.count + 1))
        for cell in np.flatnonzero(np.diff(bounds)).tolist():
            yield positions[bounds[cell] : bounds[cell + 1]], self.members(cell)

    def choose_probes(self, row: Rows, other: Rows, share: float) -> int:
        """Return how many cells to look into, so that rows find a share of their pairs on average.

        A pair is found if either of its rows looks into the cell of the other. Of the pairs that
        are known a larger share has to be found, so that it holds for the others as well.

        Args:
            row, other: (P,) all pairs of some rows, a sample.
            share: of the pairs of a row, in [0, 1].
        """
        if not len(row):
            return min(self.count, _FEWEST)
        needed = np.minimum(self._rank(row, other), self._rank(other, row)) + 1
        weight = weigh_rows(row)
        error = math.sqrt(share * (1 - share) / weight.sum())
        order = np.argsort(needed)
        reached = np.cumsum(weight[order]) / weight.sum()
        safe = min(1 - 1e-9, share + 0.6 * (1 - share) + error)
        return max(_FEWEST, int(needed[order][np.searchsorted(reached, safe)]))

    def _rank(self, row: Rows, other: Rows) -> NDArray[np.int64]:
        """How many cells lie nearer to each row than the cell of the other one."""
        ranks = [np.empty(0, np.int64)]
        for start, gaps in enumerate(self._gaps(row)):
            some = other[start * _TILE : (start + 1) * _TILE]
            own = gaps[np.arange(len(some)), self._own[some]]
            ranks.append(np.count_nonzero(gaps < own[:, None], axis=1))
        return np.concatenate(ranks)

    def _gaps(self, rows: Rows) -> Iterator[Vectors]:
        """Yield (tile, C): squared distances to the centroids, less 1, a tile of rows at a time."""
        for start in range(0, len(rows), _TILE):
            some = self._vectors[rows[start : start + _TILE]]
            yield self._norms - 2 * (some @ self._centroids.T)


def weigh_rows(row: Rows) -> NDArray[np.float64]:
    """Return (P,) weights for pairs by which each of their rows counts as one."""
    return np.asarray(1 / np.bincount(row)[row])


def _train(vectors: Vectors, count: int) -> Vectors:
    import faiss  # not before it is needed: it takes longer to load than a small search lasts

    step = max(1, len(vectors) // (count * _PER_CELL))
    sample = np.ascontiguousarray(vectors[::step])
    with threadpool_limits(1):  # sums depend on how the work is shared out
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


def _smallest(gaps: Vectors, count: int) -> NDArray[np.int32]:
    """Return the columns of the smallest values of each row, in no order: (Q, count)."""
    if count >= gaps.shape[1]:
        return np.tile(np.arange(gaps.shape[1], dtype=np.int32), (len(gaps), 1))
    return np.argpartition(gaps, count - 1, axis=1)[:, :count].astype(np.int32)
