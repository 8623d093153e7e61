"""Candidate pairs: from this search, from the last scan's index, and low-detail images.

A scan of unchanged contents searches nothing, and a scan with a few new ones compares only those.
The pairs are the same as without the index.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dedupe.files.digest import digest_bytes
from dedupe.index.embedding_index import EmbeddingIndex, StoredPairs
from dedupe.low_detail import find_same_pixels
from dedupe.search.incremental import extend_pairs
from dedupe.search.limits import SearchLimits
from dedupe.search.search import Found, MakeSpace, find_pairs
from dedupe.types import Contents, Pairs, Progress, SearchStats, no_progress

Rows = NDArray[np.int64]

_NO_ROWS = np.empty(0, np.int32)
_NO_SEARCH = StoredPairs(2.0, "", (), _NO_ROWS, _NO_ROWS, np.empty(0, np.float32))


def find_candidates(
    contents: Contents,
    *,
    limits: SearchLimits,
    choose_order: Callable[[], Rows],
    index: EmbeddingIndex | None = None,
    roots: bytes = b"",
    workers: int | None = None,
    make_space: MakeSpace | None = None,
    on_progress: Progress = no_progress,
) -> Found:
    """Find the pairs of contents within the threshold, as `search.find_pairs` does.

    Low-detail pictures are paired only with those of equal size and equal vector.

    Args:
        contents: U contents.
        limits: see `find_pairs`.
        choose_order: returns the (U,) rows from most to least worth keeping; called at most once,
            and only if something is searched or the last search was not complete.
        index: contains the pairs of the last scan and receives those of this one; None for none.
        roots: names what is scanned; the index keeps one search for each.
        workers: threads; None for one per core.
        make_space: as in `find_pairs`.
        on_progress: called as ("search", contents just searched, U).

    Raises:
        IndexFileError: the index cannot be read or written.
    """
    search = _DetailedSearch(contents, limits, choose_order, make_space)
    stored = (index.find_pairs(roots) if index else None) or _NO_SEARCH
    if not search.is_valid(stored):
        stored = _NO_SEARCH
    found = search.recall(stored)
    fresh = search.find_fresh(stored)

    def report(stage: str, done: int, _total: int) -> None:
        on_progress(stage, done, len(contents))

    report("search", int(np.count_nonzero(contents.low_detail)), 0)
    if not len(fresh):
        report("search", len(search.rows), 0)
    else:
        found = search.run(found.pairs, fresh, workers, report)
        if index:
            index.remember_pairs(roots, search.to_stored(found))
    return Found(search.join(found.pairs, find_same_pixels(contents)), found.stats)


class _DetailedSearch:
    """The search among the contents that are not low-detail: M of U rows, numbered anew."""

    def __init__(
        self,
        contents: Contents,
        limits: SearchLimits,
        choose_order: Callable[[], Rows],
        make_space: MakeSpace | None = None,
    ) -> None:
        self.rows: Rows = np.flatnonzero(~contents.low_detail)  # (M,) rows of all contents
        self._limits, self._make_space = limits, make_space
        self._choose_order = cache(choose_order)
        self._vectors, self._digests = contents.vectors, contents.digests
        if len(self.rows) < len(contents):
            self._vectors = contents.vectors[self.rows]
            self._digests = tuple(contents.digests[row] for row in self.rows.tolist())

    def is_valid(self, stored: StoredPairs) -> bool:
        """Return whether a search of all rows would find exactly the stored pairs.

        If all pairs are stored, those among some of the contents are too. If not, as in dense
        neighbourhoods, the stored pairs depend on everything, and nothing may have changed.
        """
        if stored.valid_for:
            return stored.valid_for == self._name()
        return stored.threshold >= self._limits.threshold

    def find_fresh(self, stored: StoredPairs) -> Rows:
        """Return the (F,) rows, ascending, of the contents that are not in a stored search."""
        if self._digests == stored.digests:
            return np.empty(0, np.int64)
        old = {*stored.digests}
        fresh = [row for row, digest in enumerate(self._digests) if digest not in old]
        return np.array(fresh, np.int64)

    def recall(self, stored: StoredPairs) -> Found:
        """Return the stored pairs between contents that are still there."""
        row_of = {digest: row for row, digest in enumerate(self._digests)}
        row = np.array([row_of.get(digest, -1) for digest in stored.digests], np.int64)
        one, other = row[stored.left], row[stored.right]
        keep = (one >= 0) & (other >= 0) & (stored.distance <= self._limits.threshold)
        left, right = np.minimum(one, other)[keep], np.maximum(one, other)[keep]
        order = np.lexsort((right, left))
        pairs = Pairs(left[order], right[order], stored.distance[keep][order])
        return Found(pairs, SearchStats(len(self.rows)))

    def run(self, known: Pairs, fresh: Rows, workers: int | None, on_progress: Progress) -> Found:
        """Search, using the known pairs if less than half of the rows are the (F,) fresh ones."""
        if 2 * len(fresh) < len(self.rows):
            return extend_pairs(
                known,
                self._vectors,
                rows=fresh,
                limits=self._limits,
                choose_rank=self._rank,
                workers=workers,
                on_progress=on_progress,
            )
        return find_pairs(
            self._vectors,
            limits=self._limits,
            rank=self._rank(),
            workers=workers,
            make_space=self._make_space,
            on_progress=on_progress,
        )

    def to_stored(self, found: Found) -> StoredPairs:
        """Return a search as the index stores it."""
        incomplete = found.stats.truncated or found.stats.cells
        pairs = found.pairs
        return StoredPairs(
            self._limits.threshold,
            self._name() if incomplete else "",
            self._digests,
            pairs.left.astype(np.int32),
            pairs.right.astype(np.int32),
            pairs.distance,
        )

    def join(self, pairs: Pairs, same: Pairs) -> Pairs:
        """Join pairs of the M rows with pairs of low-detail rows, as rows of all contents."""
        left = np.concatenate([self.rows[pairs.left], same.left])
        right = np.concatenate([self.rows[pairs.right], same.right])
        order = np.lexsort((right, left))
        distance = np.concatenate([pairs.distance, same.distance])
        return Pairs(left[order], right[order], distance[order])

    def _rank(self) -> Rows:
        """Return (M,) the rank of each row: the lowest is the most worth keeping."""
        order = self._choose_order()
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return rank[self.rows]

    def _name(self) -> str:
        """Name everything that the pairs of an incomplete search depend on."""
        limits, digests = self._limits, " ".join(self._digests)
        inputs = f"{limits} {digests}".encode()
        return digest_bytes(inputs + np.argsort(self._rank()).tobytes())
