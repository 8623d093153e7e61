"""The nearest neighbours of rows of vectors, compared tile by tile in bounded memory. Pure.

Products of tiles in single precision select the candidates; their distances are computed again in
double precision, so that a distance depends on its two vectors only, not on the matrix library.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dedupe.search.limits import SearchLimits

Rows = NDArray[np.integer]
Vectors = NDArray[np.float32]

SLACK = 2e-5
"""Allowance on a squared distance for the error of single precision, which is below 2e-6 for unit
vectors of 2048 dimensions."""

_SPARE = 32  # candidates kept beyond max_neighbours, so that SLACK cannot push a nearer one out
_TILE = (512, 1024)  # queries, others: 2 MB of products, which stay in the cache of a core
_MAX_CANDIDATES = 1 << 19  # candidates kept before the farthest are dropped, 6 MB
_AT_A_TIME = 1 << 14  # pairs measured at a time: 2 x 16 MB in double precision at 128 dimensions

MEASURED = 50
"""Products of a tile that cost as much as the product of one pair, for which two rows are gathered:
3.2 ns and 150 ns at 128 dimensions."""


class RowSource(Protocol):
    """Vectors that are fetched by their rows, as those of an array are."""

    def __getitem__(self, rows: Rows, /) -> Vectors:
        """Return the (R, D) vectors of (R,) rows."""
        ...


def _no_rows() -> NDArray[np.int32]:  # (0,)
    return np.empty(0, np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The nearest neighbours of some rows: row by row, nearest first."""

    row: NDArray[np.int32]  # (L,)
    other: NDArray[np.int32]  # (L,), never the row itself
    distance: NDArray[np.float32]  # (L,) Euclidean, six decimals
    truncated: NDArray[np.int32] = field(default_factory=_no_rows)
    """Rows that have more neighbours than are listed."""
    dense: NDArray[np.int32] = field(default_factory=_no_rows)
    """Rows in dense neighbourhoods: none of their neighbours are listed."""

    def without(self, rows: NDArray[np.bool_]) -> Neighbours:
        """Return the neighbours of the rows that are not marked in (N,) `rows`."""
        keep = ~rows[self.row]
        return Neighbours(self.row[keep], self.other[keep], self.distance[keep])


class NearestRows:
    """Collects the nearest neighbours of some rows over any number of comparisons."""

    def __init__(
        self,
        vectors: RowSource,
        queries: Rows,
        limits: SearchLimits,
        *,
        drop_dense: bool = True,
        short: Vectors | None = None,
    ) -> None:
        """Start without neighbours.

        Args:
            vectors: N rows of D float32, each of norm 1.
            queries: (Q,) rows, the neighbours of each are collected.
            limits: which neighbours count.
            drop_dense: list no neighbours of rows in dense neighbourhoods, and stop collecting
                for a row as soon as it is certain to be in one.
            short: (Q, K + 1) shortened vectors of the queries, see `dedupe.search.bounds`; None
                to compute every product in full.
        """
        self._vectors, self._queries, self._short = vectors, queries, short
        self._limits, self._drop_dense = limits, drop_dense
        self._room = limits.max_neighbours + _SPARE
        lowest = _product(limits.threshold**2 + SLACK)
        self._lowest = np.full(len(queries), lowest, np.float32)  # (Q,) product of a candidate
        self._active = np.ones(len(queries), bool)  # (Q,) not yet certain to be dense
        self._parts: list[tuple[NDArray[np.int32], NDArray[np.int32], Vectors]] = []
        self._count, self._allowed = 0, _MAX_CANDIDATES

    def compare(self, positions: Rows, others: Rows, short: Vectors | None = None) -> None:
        """Add the neighbours of some queries among some rows.

        A query may meet each row once only.

        Args:
            positions: (P,) positions in `queries`.
            others: (O,) rows.
            short: (O, K + 1) shortened vectors of the others, if those of the queries are given.
        """
        for start in range(0, len(positions), _TILE[0]):
            some = positions[start : start + _TILE[0]]
            for at in range(0, len(others), _TILE[1]):
                some = some[self._active[some]]
                if not len(some):
                    break
                tile = others[at : at + _TILE[1]]
                if short is None or not self._add_bounded(some, tile, short[at : at + _TILE[1]]):
                    products = self._vectors[self._queries[some]] @ self._vectors[tile].T  # (q, t)
                    self._add(some, tile, products)
                if self._count > self._allowed:
                    self._drop_farthest()

    def _add_bounded(self, positions: Rows, others: Rows, short: Vectors) -> bool:
        """Keep the candidates among the pairs that their bounds let pass.

        Args:
            positions: (q,) positions of the queries.
            others: (t,) rows.
            short: (t, K + 1) shortened vectors of the others.

        Returns:
            Whether that was done; False if so many pairs pass that full products cost less.
        """
        assert self._short is not None
        bound = self._short[positions] @ short.T  # (q, t)
        passing = np.flatnonzero(bound >= self._lowest[positions][:, None])
        if len(passing) * MEASURED > bound.size:
            return False
        query, column = np.divmod(passing, len(others))
        position, other = positions[query], others[column]
        left, right = self._vectors[self._queries[position]], self._vectors[other]
        product = np.einsum("ij,ij->i", left, right)
        near = product >= self._lowest[position]
        self._keep(position[near], other[near], product[near])
        return True

    def _add(self, positions: Rows, others: Rows, products: Vectors) -> None:
        """Keep the candidates among the products, at most `_room` for each query.

        Args:
            positions: (q,) positions of the queries.
            others: (t,) rows.
            products: (q, t) scalar products.
        """
        near = products >= self._lowest[positions][:, None]  # (q, t)
        query, column = np.divmod(np.flatnonzero(near), len(others))
        crowded = len(query) > self._room * len(positions)
        if crowded:
            nearest = np.argpartition(products, -self._room, axis=1)[:, -self._room :]  # (q, room)
            query, place = np.nonzero(np.take_along_axis(near, nearest, axis=1))
            column = nearest[query, place]
        position, product = self._keep(positions[query], others[column], products[query, column])
        if crowded:
            self._deactivate(position, product)

    def _keep(
        self, position: Rows, other: Rows, product: Vectors
    ) -> tuple[NDArray[np.int32], Vectors]:
        """Keep (C,) candidates but a row with itself; return their positions and products."""
        apart = other != self._queries[position]
        kept, product = position[apart].astype(np.int32), product[apart]
        self._parts.append((kept, other[apart].astype(np.int32), product))
        self._count += len(product)
        return kept, product

    def _candidates(self) -> tuple[NDArray[np.int32], NDArray[np.int32], Vectors]:
        """Return (C,) positions of queries, ascending, rows, and products, the largest first."""
        if not self._parts:
            return _no_rows(), _no_rows(), np.empty(0, np.float32)
        position, other, product = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        order = np.lexsort((-product, position))
        return position[order], other[order], product[order]

    def _drop_farthest(self) -> None:
        """Keep at most `_room` candidates for each query; later ones must lie nearer."""
        position, other, product = self._candidates()
        place = number_runs(position)
        last = place == self._room - 1
        self._lowest[position[last]] = product[last]
        self._deactivate(position, product)
        keep = (place < self._room) & self._active[position]
        self._parts = [(position[keep], other[keep], product[keep])]
        self._count = int(np.count_nonzero(keep))
        self._allowed = max(_MAX_CANDIDATES, 2 * self._count)

    def _deactivate(self, position: Rows, product: Vectors) -> None:
        """Stop collecting for the queries that are certain to be in a dense neighbourhood.

        Args:
            position: (C,) positions of queries.
            product: (C,) their products with candidates.
        """
        if not self._drop_dense:
            return
        limits = self._limits
        near, copies = (
            np.bincount(
                position[product >= _product(distance**2 - SLACK)], minlength=len(self._active)
            )
            for distance in (limits.threshold, limits.copy_radius)
        )
        self._active &= ~limits.is_dense(near, copies)

    def finish(self, rank: Rows) -> Neighbours:
        """Measure the candidates and return the nearest of each query.

        Args:
            rank: (N,) the row of lower rank comes first among rows at one distance.
        """
        limits, queries = self._limits, self._queries
        self._drop_farthest()
        [(position, other, _)] = self._parts
        distance = measure_distances(self._vectors, queries[position], other)
        near = distance <= limits.threshold
        position, other, distance = position[near], other[near], distance[near]
        order = np.lexsort((rank[other], distance, position))
        position, other, distance = position[order], other[order], distance[order]
        count = np.bincount(position, minlength=len(queries))
        copies = np.bincount(position[distance <= limits.copy_radius], minlength=len(queries))
        dense = ~self._active | (limits.is_dense(count, copies) & self._drop_dense)
        keep = (number_runs(position) < limits.max_neighbours) & ~dense[position]
        return Neighbours(
            row=queries[position[keep]].astype(np.int32),
            other=other[keep],
            distance=distance[keep].astype(np.float32),
            truncated=queries[(count > limits.max_neighbours) | dense].astype(np.int32),
            dense=queries[dense].astype(np.int32),
        )


def find_within(
    vectors: Vectors, row: int, others: Rows, products: Vectors, distance: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find which of some rows lie within a distance of a row.

    Args:
        vectors: (N, D) float32, each of norm 1.
        row: the row.
        others: (O,) rows to choose from.
        products: (O,) scalar products of the row with the others, in single precision.
        distance: the largest Euclidean distance, in [0, 2].

    Returns:
        (W,) positions in `others`, ascending, and (W,) their distances.
    """
    near = np.flatnonzero(products >= _product(distance**2 + SLACK))
    measured = measure_distances(vectors, np.full(len(near), row), others[near])
    return near[measured <= distance], measured[measured <= distance]


def measure_distances(vectors: RowSource, left: Rows, right: Rows) -> NDArray[np.float64]:
    """Return the Euclidean distances of pairs of rows: (P,) float64, rounded to 6 decimals.

    Args:
        vectors: (N, D) float32.
        left, right: (P,) rows.
    """
    distance = np.empty(len(left), np.float64)
    for start in range(0, len(left), _AT_A_TIME):
        part = slice(start, start + _AT_A_TIME)
        difference = vectors[left[part]].astype(np.float64) - vectors[right[part]]
        distance[part] = np.sqrt(np.sum(difference * difference, axis=1)).round(6)
    return distance


def _product(squared: float) -> float:
    """Return the scalar product of two unit vectors at a squared distance."""
    return 1 - squared / 2


def number_runs(values: Rows) -> NDArray[np.int64]:
    """Number the (L,) entries of each run of equal values from 0."""
    begins = np.flatnonzero(np.diff(values, prepend=-1))
    lengths = np.diff(begins, append=len(values))
    return np.arange(len(values)) - np.repeat(begins, lengths)
