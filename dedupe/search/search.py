"""Find the pairs of embeddings that lie close. Pure: no files, no clock, no chance.

Up to some hundred thousand rows each is compared with all others, which is exact. Beyond, each
looks into the cells nearest to it, as many as a sample of rows needs to find its neighbours, and
the share of pairs so found is measured on another sample.

A row lists its nearest neighbours only, and a crowd of rows that are nearly the same picture is
represented by one of them, so that memory is bounded by the number of rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import joblib
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dedupe.search.exact import Limits, Lists, NearestRows, Rows, Vectors
from dedupe.search.ivf import Cells, weigh_rows
from dedupe.search.representatives import choose_representatives
from dedupe.types import Embeddings, Pairs

MOST = 64
"""Neighbours of a row up to which none is left out."""

EXACT_UP_TO = 100_000
"""Contents up to which each is compared with all others: see docs/performance.md."""

RECALL = 0.995
"""Share of a row's pairs that a search in cells shall find, on average over the rows that have any:
a row with one copy counts as much as one among hundreds that look alike."""

_SAMPLE = 4096  # rows whose neighbours are found exactly, once to choose and once to measure
_VISITS = 1 << 20  # looks into cells that are planned at a time
_MERGED = 1 << 22  # neighbours sorted at a time

_NONE = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class Searched:
    """How pairs were found, and how many of those that an exact search finds."""

    contents: int  # rows compared; files of one content count once
    cells: int = 0  # that the rows were parted into; 0 where each was compared with all others
    probes: int = 0  # cells that each row looked into
    recall: float = 1.0  # share of a row's pairs that was found, on average over a sample of rows
    sampled: int = 0  # how many pairs the sampled rows have in an exact search
    full: int = 0  # rows that have more neighbours than are listed
    represented: int = 0  # rows of crowds for which another one stands


def find_pairs(
    embeddings: Embeddings,
    *,
    threshold: float,
    alike: float | None = None,
    order: Sequence[int] | None = None,
    among: Rows | None = None,
    most: int = MOST,
    exact_up_to: int = EXACT_UP_TO,
    block: int = 2048,
    workers: int | None = None,
    on_rows: Callable[[int], None] = lambda _: None,
    on_searched: Callable[[Searched], None] = lambda _: None,
) -> Pairs:
    """Find every pair of different contents closer than or at `threshold`, but for crowds.

    All pairs of a row with up to `most` neighbours are found. A row with more has a pair with each
    of the nearest `most`. If more than half of `most` of its neighbours lie within `alike`, a crowd
    holds it: in `order`, each row of a crowd that none stands for yet stands for those rows of it
    within `alike`. Such a row is left with two kinds of pairs, the one with the row that stands for
    it and those with rows that have few neighbours; and the other rows with many neighbours do
    not see it. So there are at most (most + 1) * N pairs, however many rows are nearly the same.

    The result does not depend on `block` or `workers`, nor, up to `exact_up_to` contents, on the
    order of the rows where `order` is given.

    Args:
        embeddings: of N files; files of one content are represented by the first of them.
        threshold: largest Euclidean distance to report, in [0, 2].
        alike: distance within which pairs count as copies unseen, up to `threshold`; None for that.
        order: the N rows from most to least worth keeping; None for ascending.
        among: only pairs of which one row at least is one of these, compared exactly; of a row that
            has more than `most` neighbours the nearest. None for all.
        most: neighbours of a row up to which none is left out.
        exact_up_to: contents beyond which rows look into the nearest cells only.
        block: rows compared at a time; memory is O(block * most) for each worker, and the pairs.
        workers: threads; None for one per core.
        on_rows: called with the number of rows just compared; adds up to N.
        on_searched: called once, with how the pairs were found.

    Returns:
        Pairs sorted by (left, right), left < right. An image is never its own pair.
    """
    rows = np.array([*embeddings.first_rows().values()], np.int64)
    asked = np.arange(len(rows)) if among is None else np.flatnonzero(np.isin(rows, among))
    search = _Search(
        embeddings.vectors if len(rows) == len(embeddings.photos) else embeddings.vectors[rows],
        Limits(threshold, threshold if alike is None else min(alike, threshold), most),
        _rank(embeddings, rows, order),
        block,
        workers,
    )
    on_rows(len(embeddings.photos) - len(asked))
    if among is None and len(rows) > exact_up_to:
        search.look_into_cells()
    lists = search.gather(asked, on_rows=on_rows)
    searched = Searched(len(rows), full=sum(len(part.full) for part in lists))
    if among is None:
        lists = search.represent_crowds(lists)
    pairs = _merge(lists, rows)
    on_searched(search.measure(pairs, rows, searched))
    return pairs


def _rank(
    embeddings: Embeddings, rows: NDArray[np.int64], order: Sequence[int] | None
) -> NDArray[np.int64]:
    """Return (U,) the rank of each content in the order: that of the best of its files."""
    if order is None:
        return np.arange(len(rows))
    place = np.empty(len(order), np.int64)  # of each file
    place[np.asarray(order, np.int64)] = np.arange(len(order))
    if len(rows) == len(order):
        return place
    content = {embeddings.photos[row].digest: number for number, row in enumerate(rows.tolist())}
    rank = place[rows]
    np.minimum.at(rank, [content[photo.digest] for photo in embeddings.photos], place)
    return rank


class _Search:
    """Who is compared with whom: everybody, or those in the nearest cells."""

    def __init__(
        self, vectors: Vectors, limits: Limits, rank: Rows, block: int, workers: int | None
    ) -> None:
        self._vectors, self._limits, self._rank = vectors, limits, rank
        self._block, self._workers = block, workers or joblib.cpu_count()
        self._gone = np.zeros(len(vectors), bool)  # rows that others represent
        self._cells: Cells | None = None
        self._probes = 0

    def look_into_cells(self) -> None:
        """Compare with the rows in the nearest cells only: as many as a sample of rows needs."""
        row, other = self._exact_pairs(turn=0)
        with threadpool_limits(1, user_api="blas"):  # as in `gather`: the same cells everywhere
            cells = Cells(self._vectors)
            self._probes = cells.choose_probes(row, other, RECALL)
        self._cells = cells

    def _exact_pairs(self, turn: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The neighbours of rows at even spaces, found exactly; two turns share no rows."""
        step = max(2, len(self._vectors) // _SAMPLE)
        rows = np.arange(turn * step // 2, len(self._vectors), step)
        lists = self.gather(rows[~self._gone[rows]], crowds=False)
        row, other = ([getattr(part, end) for part in lists] for end in ("row", "other"))
        return np.concatenate([_NONE, *row]), np.concatenate([_NONE, *other])

    def gather(
        self, rows: Rows, *, crowds: bool = True, on_rows: Callable[[int], None] = lambda _: None
    ) -> list[Lists]:
        """List the neighbours of some rows, block by block, in threads."""
        size = self._block
        if self._cells:  # the more rows look into a cell at a time the better, but for memory
            size = max(size, min(_VISITS // self._probes, 1 << 15))
        blocks = [rows[at : at + size] for at in range(0, len(rows), size)]
        parallel = joblib.Parallel(self._workers, backend="threading", return_as="generator")
        found: list[Lists] = []
        with threadpool_limits(1, user_api="blas"):  # the same products in any number of threads
            for lists in parallel(joblib.delayed(self._gather)(some, crowds) for some in blocks):
                on_rows(len(blocks[len(found)]))
                found.append(lists)
        return found

    def _gather(self, rows: Rows, crowds: bool) -> Lists:
        nearest = NearestRows(self._vectors, rows, self._limits, crowds=crowds)
        for positions, others in self._visits(rows):
            nearest.compare(positions, others[~self._gone[others]])
        return nearest.finish(self._rank)

    def _visits(self, rows: Rows) -> Iterable[tuple[Rows, Rows]]:
        """Positions of rows, and the rows to compare them with."""
        if self._cells is None:
            return [(np.arange(len(rows)), np.arange(len(self._vectors)))]
        return self._cells.visits(rows, self._probes)

    def represent_crowds(self, lists: list[Lists]) -> list[Lists]:
        """Leave one pair to the rows of crowds that another represents; the rest lists others."""
        crowded = np.concatenate([_NONE, *(part.crowded for part in lists)])
        if not len(crowded):
            return lists
        crowd = choose_representatives(self._vectors, crowded, self._rank, self._limits.alike)
        self._gone[crowd.other] = True
        full = np.zeros(len(self._gone), bool)
        full[np.concatenate([part.full for part in lists])] = True
        again = self.gather(np.flatnonzero(full & ~self._gone), crowds=False)
        return [*(part.without(full) for part in lists), *again, crowd]

    def measure(self, pairs: Pairs, rows: NDArray[np.int64], searched: Searched) -> Searched:
        """Add to what is known of a search what share of the pairs it found."""
        searched = replace(searched, represented=int(np.count_nonzero(self._gone)))
        if self._cells is None:
            return searched
        cells, self._cells = self._cells, None
        row, other = self._exact_pairs(turn=1)
        first, last = rows[np.minimum(row, other)], rows[np.maximum(row, other)]
        near = np.zeros(int(rows[-1]) + 1, bool)
        near[first] = True
        some = near[pairs.left]
        found = np.isin(_codes(first, last), _codes(pairs.left[some], pairs.right[some]))
        return replace(
            searched,
            cells=cells.count,
            probes=self._probes,
            recall=float(np.average(found, weights=weigh_rows(row))) if len(row) else 1.0,
            sampled=len(row),
        )


def _codes(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for each pair."""
    return np.asarray((left << 32) | right)


def _merge(lists: Sequence[Lists], rows: NDArray[np.int64]) -> Pairs:
    """Join lists to pairs, each once and in order, a part of the rows at a time.

    Args:
        lists: of numbers of contents.
        rows: (U,) the row of each content, ascending.
    """
    room = sum(len(part.row) for part in lists)
    left, right = np.empty(room, np.int64), np.empty(room, np.int64)
    distance = np.empty(room, np.float32)  # memory that is never written to is never taken
    bounds = np.linspace(0, len(rows), room // _MERGED + 2).astype(np.int64)
    end = 0
    for low, high in itertools.pairwise(bounds.tolist()):
        codes, measured = _pairs_from(lists, low, high)
        span = slice(end, end := end + len(codes))
        left[span], right[span] = rows[codes >> 32], rows[codes & 0xFFFFFFFF]
        distance[span] = measured
    return Pairs(left[:end], right[:end], distance[:end])


def _pairs_from(
    lists: Sequence[Lists], low: int, high: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return codes, ascending, and distances of the pairs whose first row is in a range."""
    codes, distances = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for part in lists:
        first = np.minimum(part.row, part.other)
        some = np.flatnonzero((first >= low) & (first < high))
        last = np.maximum(part.row[some], part.other[some])
        codes.append((first[some].astype(np.int64) << 32) | last)
        distances.append(part.distance[some])
    unique, where = np.unique(np.concatenate(codes), return_index=True)
    return unique, np.concatenate(distances)[where]
