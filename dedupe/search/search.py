"""Find the pairs of vectors that lie close. Pure: no files, no clock, no random source.

Up to some hundred thousand rows, each row is compared with all others, which is exact. Larger
numbers of rows are compared within the nearest cells of an inverted file, with measured recall.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dedupe.search.bounds import choose_axes, shorten
from dedupe.search.exact import NearestRows, Neighbours, Rows, Vectors
from dedupe.search.ivf import InvertedFile, weigh_rows
from dedupe.search.limits import SearchLimits
from dedupe.search.representatives import choose_representatives
from dedupe.threads import count_workers, map_threads
from dedupe.types import Pairs, Progress, SearchStats, no_progress

RECALL = 0.995
"""Share of a row's pairs that a search in cells must find, on average over the rows that have any:
a row with one copy counts as much as a row with hundreds of look-alikes."""

_SAMPLE = 4096  # rows searched exactly, once to choose the probes and once to measure the recall
_BOUNDED = 20_000  # rows from which bounds are worth their preparation
_BLOCK = 2048  # rows searched at a time by a thread: memory is O(block * max_neighbours)
_VISITS = 1 << 20  # comparisons of a row with a cell that are planned at a time, 12 MB
_LARGEST_BLOCK = 1 << 15  # rows searched at a time in cells
_MERGED = 1 << 22  # neighbours sorted at a time, 64 MB

_NO_ROWS = np.empty(0, np.int32)

MakeSpace = Callable[[Vectors, SearchLimits, Rows], "Space"]
"""Returns what compares the rows of (N, D) vectors, given the (N,) rank of each."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The pairs of a search, and how they were found."""

    pairs: Pairs
    stats: SearchStats


def find_pairs(
    vectors: Vectors,
    *,
    limits: SearchLimits,
    rank: Rows | None = None,
    rows: Rows | None = None,
    block: int = _BLOCK,
    workers: int | None = None,
    make_space: MakeSpace | None = None,
    on_progress: Progress = no_progress,
) -> Found:
    """Find every pair of rows within the threshold, except in dense neighbourhoods.

    All pairs of a row with up to `max_neighbours` neighbours are found. A row with more has a pair
    with each of its nearest `max_neighbours`. If more than half of `max_neighbours` of its
    neighbours lie within the copy radius, the row is in a dense neighbourhood. Such rows are
    visited in the order of `rank`, and each row that is not yet represented represents all rows of
    the neighbourhood within the copy radius. A represented row has two kinds of pairs: the pair
    with its representative, and those with rows that have few neighbours. Other rows with many
    neighbours have no pair with it. So there are at most (max_neighbours + 1) * N pairs.

    The result does not depend on `block` or `workers`. Up to `exact_up_to` rows, it does not depend
    on the order of the rows either, if `rank` is given.

    Args:
        vectors: (N, D) float32, each of Euclidean norm 1.
        limits: which pairs count, how many are listed, and when cells are used.
        rank: (N,) the row of lower rank is more worth keeping; None for the order of the rows.
        rows: (Q,) only pairs with at least one of these rows, compared exactly, the nearest of a
            row that has more than `max_neighbours`; None for all.
        block: rows searched at a time by a thread.
        workers: threads; None for one per core.
        make_space: returns what compares rows; None for threads of this process.
        on_progress: called as ("search", rows just searched, N).
    """
    count = len(vectors)
    rank = np.arange(count) if rank is None else rank
    space = (
        make_space(vectors, limits, rank)
        if make_space
        else Space(vectors, limits, rank, block, count_workers(workers))
    )
    queries = np.arange(count) if rows is None else np.unique(rows)
    on_progress("search", count - len(queries), count)
    cells = space.train_cells() if rows is None and count > limits.exact_up_to else None
    neighbours = space.search(queries, cells, on_progress=on_progress)
    truncated = sum(len(part.truncated) for part in neighbours)
    represented = np.zeros(count, bool)
    if rows is None:
        neighbours, represented = space.represent_dense(neighbours, cells)
    pairs = _merge(neighbours, count)
    stats = SearchStats(count, truncated=truncated, represented=int(np.count_nonzero(represented)))
    return Found(pairs, space.measure_recall(pairs, cells, represented, stats) if cells else stats)


@dataclass(frozen=True, eq=False)
class Space:
    """Vectors, and how rows of them are compared: in threads of this process."""

    vectors: Vectors  # (N, D)
    limits: SearchLimits
    rank: Rows  # (N,)
    block: int
    workers: int

    @cached_property
    def axes(self) -> Vectors | None:
        """Return the (D, K) axes of bounds; None to compute every product in full."""
        if len(self.vectors) < _BOUNDED:
            return None
        return choose_axes(self.vectors, self.limits.threshold)

    @cached_property
    def short(self) -> Vectors | None:
        """Return the (N, K + 1) shortened vectors; None without axes."""
        return None if self.axes is None else shorten(self.vectors, self.axes)

    def train_cells(self) -> InvertedFile:
        """Train an inverted file with as many probes as a sample of rows needs."""
        row, other = self.sample_pairs(turn=0, skip=np.zeros(len(self.vectors), bool))
        with threadpool_limits(1, user_api="blas"):  # as in `search`: the same cells everywhere
            cells = self.make_cells()
            cells.probes = cells.choose_probes(row, other, RECALL)
        return cells

    def make_cells(self) -> InvertedFile:
        """Train cells and assign each row to one."""
        return InvertedFile(self.vectors if self.short is None else self.short)

    def search(
        self,
        rows: Rows,
        cells: InvertedFile | None = None,
        *,
        skip: NDArray[np.bool_] | None = None,
        drop_dense: bool = True,
        on_progress: Progress = no_progress,
    ) -> list[Neighbours]:
        """Return the neighbours of some rows, block by block.

        Args:
            rows: (Q,) the rows.
            cells: compares within the nearest cells only; None for all rows.
            skip: (N,) rows that are not compared with; None for none.
            drop_dense: list no neighbours of rows in dense neighbourhoods.
            on_progress: called as ("search", rows of a finished block, N).
        """
        parts: list[Neighbours] = []
        # Products do not depend on the number of threads; all threads end with this call:
        with (
            threadpool_limits(1, user_api="blas"),
            closing(self.find_parts(rows, cells, skip, drop_dense)) as found,
        ):
            for count, part in found:
                on_progress("search", count, len(self.vectors))
                parts.append(part)
        return parts

    def find_parts(
        self,
        rows: Rows,
        cells: InvertedFile | None,
        skip: NDArray[np.bool_] | None,
        drop_dense: bool,
    ) -> Generator[tuple[int, Neighbours]]:
        """Yield how many of the rows a part has, and their neighbours; see `search`."""
        size = self.block
        if cells:  # a cell is best compared with many rows at a time, as far as memory allows
            size = max(size, min(_VISITS // cells.probes, _LARGEST_BLOCK))
        blocks = [rows[at : at + size] for at in range(0, len(rows), size)]

        order = np.arange(len(self.vectors)) if cells is None else cells.order
        short = self._arrange_short(cells)

        def search_block(some: Rows) -> Neighbours:  # (B,)
            mine = None if self.short is None else self.short[some]
            nearest = NearestRows(
                self.vectors, some, self.limits, drop_dense=drop_dense, short=mine
            )
            for positions, span in self._visits(some, cells):
                others, theirs = order[span], None if short is None else short[span]
                if skip is not None:
                    free = ~skip[others]
                    others, theirs = others[free], None if theirs is None else theirs[free]
                nearest.compare(positions, others, theirs)
            return nearest.finish(self.rank)

        with closing(map_threads(search_block, blocks, workers=self.workers)) as found:
            yield from zip(map(len, blocks), found, strict=True)

    def _arrange_short(self, cells: InvertedFile | None) -> Vectors | None:
        """Return the (N, K + 1) shortened vectors in the order of the cells; None for none."""
        return self.short if cells is None or self.short is None else cells.arranged

    def _visits(self, rows: Rows, cells: InvertedFile | None) -> Iterable[tuple[Rows, slice]]:
        """Yield (P,) positions in `rows`, and which rows of the order to compare them with."""
        if cells is None:
            return [(np.arange(len(rows)), slice(None))]
        return cells.visits(rows)

    def represent_dense(
        self, neighbours: list[Neighbours], cells: InvertedFile | None
    ) -> tuple[list[Neighbours], NDArray[np.bool_]]:
        """Replace the neighbours of represented rows by one pair with their representative.

        Returns:
            The neighbours, searched again for the other truncated rows, and (N,) the rows that
            another row represents.
        """
        represented = np.zeros(len(self.vectors), bool)
        dense = np.concatenate([_NO_ROWS, *(part.dense for part in neighbours)])
        if not len(dense):
            return neighbours, represented
        stars = choose_representatives(self.vectors, dense, self.rank, self.limits.copy_radius)
        represented[stars.other] = True
        truncated = np.zeros(len(self.vectors), bool)
        truncated[np.concatenate([part.truncated for part in neighbours])] = True
        again = self.search(
            np.flatnonzero(truncated & ~represented), cells, skip=represented, drop_dense=False
        )
        return [*(part.without(truncated) for part in neighbours), *again, stars], represented

    def measure_recall(
        self,
        pairs: Pairs,
        cells: InvertedFile,
        represented: NDArray[np.bool_],
        stats: SearchStats,
    ) -> SearchStats:
        """Add to the statistics which share of the pairs of a sample of rows was found.

        Args:
            pairs: found in `cells`.
            represented: (N,) bool, rows without their pairs.
        """
        row, other = self.sample_pairs(turn=1, skip=represented)
        left, right = np.minimum(row, other), np.maximum(row, other)
        sampled = np.zeros(len(self.vectors), bool)
        sampled[left] = True
        some = pairs.select(sampled[pairs.left])
        found = np.isin(_key(left, right), _key(some.left, some.right))
        recall = float(np.average(found, weights=weigh_rows(row))) if len(row) else 1.0
        return replace(
            stats, cells=cells.count, probes=cells.probes, recall=recall, sampled=len(row)
        )

    def sample_pairs(
        self, turn: int, skip: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return all (P,) pairs of evenly spaced rows, searched exactly; two turns share no rows.

        Args:
            turn: 0 or 1.
            skip: (N,) rows to leave out.
        """
        step = max(2, len(self.vectors) // _SAMPLE)
        rows = np.arange(turn * step // 2, len(self.vectors), step)
        parts = self.search(rows[~skip[rows]], skip=skip, drop_dense=False)
        row = np.concatenate([_NO_ROWS, *(part.row for part in parts)])
        return row, np.concatenate([_NO_ROWS, *(part.other for part in parts)])


def _key(left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return (P,) one number for each pair of rows."""
    return (left.astype(np.int64) << 32) | right


def _merge(neighbours: Sequence[Neighbours], count: int) -> Pairs:
    """Join neighbours to pairs, each once and in order, a part of the rows at a time.

    Args:
        neighbours: of N rows.
        count: N.
    """
    room = sum(len(part.row) for part in neighbours)
    left, right = np.empty(room, np.int64), np.empty(room, np.int64)
    distance = np.empty(room, np.float32)  # pages that are never written take no memory
    bounds = np.linspace(0, count, room // _MERGED + 2).astype(np.int64)
    end = 0
    for low, high in itertools.pairwise(bounds.tolist()):
        keys, measured = _pairs_from(neighbours, low, high)
        span = slice(end, end := end + len(keys))
        left[span], right[span], distance[span] = keys >> 32, keys & 0xFFFFFFFF, measured
    return Pairs(left[:end], right[:end], distance[:end])


def _pairs_from(
    neighbours: Sequence[Neighbours], low: int, high: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return (P,) keys, ascending, and distances of the pairs with a left row in [low, high)."""
    keys, distances = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for part in neighbours:
        left = np.minimum(part.row, part.other)
        some = np.flatnonzero((left >= low) & (left < high))
        keys.append(_key(left[some], np.maximum(part.row[some], part.other[some])))
        distances.append(part.distance[some])
    unique, first = np.unique(np.concatenate(keys), return_index=True)
    return unique, np.concatenate(distances)[first]
