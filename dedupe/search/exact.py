"""The nearest few of each row, gathered tile by tile in bounded memory. Pure.

Owns the arithmetic of distances: products of tiles in single precision name the candidates, which
are measured again in double precision, so that a distance depends on its two vectors alone, not on
the machine's way to multiply matrices. Knows nothing of photos, or of who is compared with whom.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.integer]
Vectors = NDArray[np.float32]

SLACK = 2e-5  # of a squared distance, far more than single precision errs by
_SPARE = 32  # candidates held beyond the bound, so that SLACK cannot push a nearer one out
_TILE = (512, 1024)  # queries, others: products that stay in the cache
_HELD = 1 << 19  # candidates held before the farthest are dropped, or twice what is left then


def _nothing() -> NDArray[np.int32]:
    return np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class Limits:
    """Which neighbours of a row count, and how many at most."""

    threshold: float  # distance of the farthest, in [0, 2]
    alike: float  # distance within which the rows of a crowd are one picture, up to `threshold`
    most: int  # neighbours listed

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ValueError("a row needs room for one neighbour at least")

    def is_crowded(self, within: Rows, alike: Rows) -> NDArray[np.bool_]:
        """Tell of rows with so many neighbours, and so many alike, whether crowds hold them."""
        return np.asarray((within > self.most) & (alike > self.most // 2))


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """The nearest neighbours of some rows, row by row, the nearest first."""

    row: NDArray[np.int32]  # (L,)
    other: NDArray[np.int32]  # (L,), never the row itself
    distance: NDArray[np.float32]  # (L,) Euclidean, six decimals
    full: NDArray[np.int32] = field(
        default_factory=_nothing
    )  # rows that have more neighbours than are listed
    crowded: NDArray[np.int32] = field(default_factory=_nothing)  # of a crowd: lists left out

    def without(self, gone: NDArray[np.bool_]) -> Lists:
        """Leave out the lists of the rows that are marked in (N,) `gone`."""
        stays = ~gone[self.row]
        return Lists(self.row[stays], self.other[stays], self.distance[stays])


class NearestRows:
    """Gathers the neighbours of some rows, whichever tiles they are shown."""

    def __init__(
        self, vectors: Vectors, queries: Rows, limits: Limits, *, crowds: bool = True
    ) -> None:
        """Begin with nothing.

        Args:
            vectors: (N, D), each of norm 1.
            queries: (Q,) rows whose neighbours are wanted.
            limits: which neighbours count.
            crowds: let rows go as soon as it is known that a crowd holds them.
        """
        self._vectors, self._queries, self._limits, self._crowds = vectors, queries, limits, crowds
        self._room = limits.most + _SPARE
        self._cut = np.full(len(queries), _product(limits.threshold**2 + SLACK), np.float32)
        self._open = np.ones(len(queries), bool)
        self._parts: list[tuple[NDArray[np.int32], NDArray[np.int32], Vectors]] = []
        self._held, self._allowed = 0, _HELD

    def compare(self, positions: Rows, others: Rows) -> None:
        """Take the neighbours of the queries at `positions` among the rows `others`.

        No query may meet a row twice.
        """
        for start in range(0, len(positions), _TILE[0]):
            self._compare_few(positions[start : start + _TILE[0]], others)

    def _compare_few(self, positions: Rows, others: Rows) -> None:
        some = positions[self._open[positions]]
        queries = self._vectors[self._queries[some]]  # (q, D)
        for start in range(0, len(others), _TILE[1]):
            if not len(some):
                return
            tile = others[start : start + _TILE[1]]
            products = queries @ self._vectors[tile].T  # (q, t)
            self._add(some, tile, products)
            if self._held > self._allowed:
                self._drop_farthest()
            if not self._open[some].all():
                some = some[self._open[some]]
                queries = self._vectors[self._queries[some]]

    def _add(self, positions: Rows, others: Rows, products: Vectors) -> None:
        """Hold the candidates among (q, t) products, of no query more than there is room for."""
        near = products >= self._cut[positions][:, None]
        which, where = np.divmod(np.flatnonzero(near), len(others))
        dense = len(which) > self._room * len(positions)
        if dense:
            most = np.argpartition(products, -self._room, axis=1)[:, -self._room :]  # (q, room)
            which, place = np.nonzero(np.take_along_axis(near, most, axis=1))
            where = most[which, place]
        apart = others[where] != self._queries[positions[which]]
        which, where = which[apart], where[apart]
        position, product = positions[which].astype(np.int32), products[which, where]
        self._parts.append((position, others[where].astype(np.int32), product))
        self._held += len(product)
        if dense:
            self._close(position, product)

    def _gathered(self) -> tuple[NDArray[np.int32], NDArray[np.int32], Vectors]:
        """All candidates, by query, the nearest first."""
        if not self._parts:
            return _nothing(), _nothing(), np.empty(0, np.float32)
        position, other, product = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        order = np.lexsort((-product, position))
        return position[order], other[order], product[order]

    def _drop_farthest(self) -> None:
        """Keep as many candidates of each query as there is room for, and raise its bar."""
        position, other, product = self._gathered()
        seat = _seats(position)
        last = seat == self._room - 1
        self._cut[position[last]] = product[last]
        self._close(position, product)
        keep = (seat < self._room) & self._open[position]
        self._parts = [(position[keep], other[keep], product[keep])]
        self._held = int(np.count_nonzero(keep))
        self._allowed = max(_HELD, 2 * self._held)

    def _close(self, position: Rows, product: Vectors) -> None:
        """Let the queries go that crowds hold beyond doubt, whatever else is near them."""
        if not self._crowds:
            return
        limits = self._limits
        surely = [_product(distance**2 - SLACK) for distance in (limits.threshold, limits.alike)]
        within, alike = (
            np.bincount(position[product >= bar], minlength=len(self._open)) for bar in surely
        )
        self._open &= ~limits.is_crowded(within, alike)

    def finish(self, rank: Rows) -> Lists:
        """Measure the candidates and list the nearest.

        Args:
            rank: (N,) which of two rows at one distance comes first: the one of lower rank.
        """
        limits, queries = self._limits, self._queries
        self._drop_farthest()
        [(position, other, _)] = self._parts
        distance = measure(self._vectors, queries[position], other)
        near = distance <= limits.threshold
        position, other, distance = position[near], other[near], distance[near]
        order = np.lexsort((rank[other], distance, position))
        position, other, distance = position[order], other[order], distance[order]
        count = np.bincount(position, minlength=len(queries))
        alike = np.bincount(position[distance <= limits.alike], minlength=len(queries))
        crowded = ~self._open | (limits.is_crowded(count, alike) & self._crowds)
        keep = (_seats(position) < limits.most) & ~crowded[position]
        return Lists(
            row=queries[position[keep]].astype(np.int32),
            other=other[keep],
            distance=distance[keep].astype(np.float32),
            full=queries[(count > limits.most) | crowded].astype(np.int32),
            crowded=queries[crowded].astype(np.int32),
        )


def find_within(
    vectors: Vectors, row: int, others: Rows, products: Vectors, distance: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find which of some rows lie within a distance of one.

    Args:
        vectors: (N, D), each of norm 1.
        row: the one.
        others: (O,) rows.
        products: (O,) scalar products of the one with the others, in single precision.
        distance: the largest, in [0, 2].

    Returns:
        Positions in `others`, ascending, and the distances there.
    """
    near = np.flatnonzero(products >= _product(distance**2 + SLACK))
    measured = measure(vectors, np.full(len(near), row), others[near])
    return near[measured <= distance], measured[measured <= distance]


def measure(vectors: Vectors, left: Rows, right: Rows) -> NDArray[np.float64]:
    """Return the distances of pairs, a slice at a time: (P,) float64, rounded to 6 decimals."""
    distance = np.empty(len(left), np.float64)
    for start in range(0, len(left), 1 << 14):
        part = slice(start, start + (1 << 14))
        difference = vectors[left[part]].astype(np.float64) - vectors[right[part]]
        distance[part] = np.sqrt(np.sum(difference * difference, axis=1)).round(6)
    return distance


def _product(squared: float) -> float:
    """The scalar product of two unit vectors at a squared distance."""
    return 1 - squared / 2


def _seats(position: Rows) -> NDArray[np.int64]:
    """Number the entries of each run of equal values from 0; equal values stand together."""
    begins = np.flatnonzero(np.diff(position, prepend=-1))
    lengths = np.diff(begins, append=len(position))
    return np.arange(len(position)) - np.repeat(begins, lengths)
