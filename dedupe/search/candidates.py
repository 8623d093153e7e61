"""Which pairs of a scan may be copies: found now, known from the last scan, or plain and the same.

A scan that meets the same contents again searches nothing, and one that meets a few new ones
compares those alone. The pairs are the same as without what was known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from dedupe.files.digest import digest_bytes
from dedupe.index.embedding_index import EmbeddingIndex, Search
from dedupe.low_detail import find_same_pixels
from dedupe.search.incremental import extend_pairs
from dedupe.search.search import EXACT_UP_TO, MOST, Searched, find_pairs
from dedupe.types import Embeddings, Pairs

Rows = NDArray[np.int64]

_NOBODY = np.empty(0, np.int32)
_NOTHING = Search(2.0, "", (), _NOBODY, _NOBODY, np.empty(0, np.float32))  # a search of no picture


def find_candidates(
    embeddings: Embeddings,
    *,
    threshold: float,
    alike: float,
    choose_order: Callable[[], Sequence[int]],
    index: EmbeddingIndex | None = None,
    roots: bytes = b"",
    workers: int | None = None,
    on_rows: Callable[[int], None] = lambda _: None,
    on_searched: Callable[[Searched], None] = lambda _: None,
) -> Pairs:
    """Find the pairs of different contents within `threshold`, as `search.find_pairs` does.

    Plain pictures are paired where their pixels agree, and with no others.

    Args:
        embeddings: of N files.
        threshold, alike, workers, on_rows, on_searched: as in `find_pairs`.
        choose_order: gives the N rows from most to least worth keeping; called once at most, and
            not at all where all pairs are known.
        index: where the pairs of the last scan are looked up and kept; None to do without.
        roots: names what is scanned; the index keeps one search for each.

    Raises:
        IndexFileError: the index cannot be read or written.
    """
    scene = _Detailed(embeddings)
    order = cache(lambda: scene.arrange(choose_order()))
    known = (index.find_search(roots) if index else None) or _NOTHING
    if not _holds(known, scene, threshold, alike, order):
        known = _NOTHING
    fresh = scene.find_fresh(known)
    told = [Searched(len(scene.first))]
    pairs = scene.recall(known, threshold)
    if len(fresh):
        mostly_old = 2 * len(fresh) < len(scene.first)
        search = partial(extend_pairs, pairs, among=fresh) if mostly_old else find_pairs
        pairs = search(
            scene.embeddings,
            threshold=threshold,
            alike=alike,
            order=order(),
            workers=workers,
            on_rows=on_rows,
            on_searched=told.append,
        )
        if index:
            part = told[-1].full or told[-1].cells
            only_for = scene.name(threshold, alike, order()) if part else ""
            index.remember_search(roots, scene.as_search(pairs, threshold, only_for))
    else:
        on_rows(len(scene.rows))
    on_rows(len(embeddings.plain))
    on_searched(told[-1])
    return scene.join(pairs, find_same_pixels(embeddings))


def _holds(
    known: Search,
    scene: _Detailed,
    threshold: float,
    alike: float,
    order: Callable[[], Sequence[int]],
) -> bool:
    """Whether a search from nothing would list just the pairs that are known.

    Where all pairs are listed, any part of the contents has its pairs among them. Where they are
    not, as in crowds, which are listed depends on everything: then nothing may have changed.
    """
    if known.only_for:
        return known.only_for == scene.name(threshold, alike, order())
    return known.threshold >= threshold


class _Detailed:
    """The pictures of a scan that are not plain, and how their rows relate to those of all."""

    def __init__(self, embeddings: Embeddings) -> None:
        every = np.arange(len(embeddings.photos))
        self.rows: Rows = np.setdiff1d(every, [*embeddings.plain])  # of all; position is the new
        self.embeddings = embeddings
        if embeddings.plain:
            photos = tuple(embeddings.photos[row] for row in self.rows.tolist())
            vectors = embeddings.vectors[self.rows]
            self.embeddings = replace(embeddings, photos=photos, vectors=vectors, plain=frozenset())
        self.first = self.embeddings.first_rows()

    def find_fresh(self, known: Search) -> Rows:
        """New rows, ascending, of the contents that a known search did not meet."""
        old = {*known.digests}
        return np.array([r for digest, r in self.first.items() if digest not in old], np.int64)

    def recall(self, known: Search, threshold: float) -> Pairs:
        """The pairs of a known search between contents that are still there, as new rows."""
        row = np.array([self.first.get(digest, -1) for digest in known.digests], np.int64)
        one, other = row[known.left], row[known.right]
        stays = (one >= 0) & (other >= 0) & (known.distance <= threshold)
        left, right = np.minimum(one, other)[stays], np.maximum(one, other)[stays]
        order = np.lexsort((right, left))
        return Pairs(left[order], right[order], known.distance[stays][order])

    def name(self, threshold: float, alike: float, order: Sequence[int]) -> str:
        """Name all that a search depends on."""
        digests = " ".join(photo.digest for photo in self.embeddings.photos)
        asked = f"{threshold} {alike} {EXACT_UP_TO} {MOST} {digests}".encode()
        return digest_bytes(asked + np.asarray(order, np.int64).tobytes())

    def as_search(self, pairs: Pairs, threshold: float, only_for: str) -> Search:
        number = np.zeros(len(self.rows), np.int32)
        number[[*self.first.values()]] = np.arange(len(self.first))
        left, right = number[pairs.left], number[pairs.right]
        return Search(threshold, only_for, tuple(self.first), left, right, pairs.distance)

    def arrange(self, order: Sequence[int]) -> list[int]:
        """An order of all rows as one of the new rows."""
        place = np.full(self.rows.max(initial=-1) + 1, -1)
        place[self.rows] = np.arange(len(self.rows))
        return [int(place[row]) for row in order if row < len(place) and place[row] >= 0]

    def join(self, pairs: Pairs, same: Pairs) -> Pairs:
        """Both kinds of pairs as rows of all; they share none."""
        left = np.concatenate([self.rows[pairs.left], same.left])
        right = np.concatenate([self.rows[pairs.right], same.right])
        order = np.lexsort((right, left))
        distance = np.concatenate([pairs.distance, same.distance])
        return Pairs(left[order], right[order], distance[order])
