"""Group contents around keepers. Pure: reads no file, no clock, no random source.

Distance is not transitive, so a group is a star, not a chain: every duplicate lies within the
threshold of its own keeper, and no keeper is ever a duplicate. The keeper of a star is close to
most of its contents, because those are usually its copies. Keep rules choose among equals, or the
content that lies closest to the others.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dedupe.group.replacement import Replacements
from dedupe.types import Contents, Pairs, Star

MUCH_LARGER = 2
"""A file with more than this many times the pixels of its keeper is never a duplicate. Below 2, a
keeper would lose copies that were enlarged by a viewer or scanner."""

_LARGEST_DISTANCE = 2.0  # of two unit vectors

Rows = NDArray[np.int64]


def cluster(
    pairs: Pairs,
    contents: Contents,
    order: Rows,
    *,
    pixels: Rows | None = None,
    centres: Sequence[int] = (),
    closest: bool = False,
) -> list[Star]:
    """Group contents around keepers: greedily, the keeper with the most duplicate files first.

    Files that are protected are never duplicates. Each of their contents becomes a keeper before
    any other content.

    Args:
        pairs: contents that are copies of each other.
        contents: U contents. A keeper replaces no content that contains more, see
            `dedupe.group.replacement`.
        order: (R,) the rows to group, from most to least worth keeping: at least every row of a
            pair and every row with several files, of some connected components.
        pixels: (U,) sizes: a content with more than `MUCH_LARGER` times the keeper's is never its
            duplicate; None for no limit.
        centres: rows of `order` that become keepers before all others but the protected ones, in
            this order.
        closest: the keeper of a star is the content that covers most of it and lies closest to
            what it covers; otherwise the best by the rules that covers all of it.

    Returns:
        Stars, ascending by keeper. Each file is in at most one of them.
    """
    if pixels is None:
        pixels = np.ones(len(contents), np.int64)
    stars = _Cover(pairs, contents, order, pixels, closest=closest).form(centres)
    return sorted(stars, key=lambda star: star.keeper)


class _Cover:
    """A greedy cover by stars. Contents are numbered by their rank in the order, 0 is the best."""

    def __init__(
        self, pairs: Pairs, contents: Contents, order: Rows, pixels: Rows, *, closest: bool
    ) -> None:
        self._choose = self._choose_closest if closest else self._choose_best
        self._row = order  # (R,) row of each number
        self._pixels = pixels[order]  # (R,)
        protected = contents.protected[order]
        photos = [contents.photos[row] for row in order.tolist()]
        self._protected = np.flatnonzero(protected)
        self._free = np.array(list(map(len, photos)), np.int64) - protected
        """(R,) files that can still become duplicates."""
        self._inside = np.zeros(len(order), bool)  # (R,) scratch: all False between calls
        self._weight = np.zeros(len(order))  # (R,) likewise, all 0
        starts, others, distance = _adjacency(pairs, order, len(contents))
        ends = np.repeat(np.arange(len(order)), np.diff(starts))
        fits = self._pixels[others] <= MUCH_LARGER * self._pixels[ends]
        replacements = Replacements([files[0].facts for files in photos])
        fits &= replacements.find_replaceable(ends, others)
        self._ends, self._others, self._distance = ends[fits], others[fits], distance[fits]
        """(E,) contents, each with those that could be its duplicates, free or not."""
        self._starts = np.searchsorted(self._ends, np.arange(len(order) + 1))

    def form(self, centres: Sequence[int]) -> list[Star]:
        """Return stars that share no file, each with at least one duplicate."""
        stars = [self._take(number, is_free=False) for number in self._protected.tolist()]
        number_of = {int(row): number for number, row in enumerate(self._row)} if centres else {}
        for number in (number_of[row] for row in centres):
            if self._free[number]:
                stars.append(self._take(number, is_free=True))
        heap = self._list_entries()
        heapq.heapify(heap)
        while heap:
            entry = heapq.heappop(heap)
            number = entry[1]
            if not self._free[number]:
                continue
            if entry != (entry := self._entry(number)):
                heapq.heappush(heap, entry)  # some of its neighbours were taken since
                continue
            if entry[0] == 0:
                break
            stars.append(self._take(self._choose(number), is_free=True))
            if self._free[number]:  # much larger than the keeper that the rules chose
                heapq.heappush(heap, self._entry(number))
        return [star for star in stars if star.duplicates]

    def _list_entries(self) -> list[tuple[int, int]]:
        """Return the heap entries of all contents with a free file."""
        taken = np.bincount(self._ends, self._free[self._others], len(self._free)).astype(np.int64)
        open_ = np.flatnonzero(self._free)
        return list(zip((1 - self._free - taken)[open_].tolist(), open_.tolist(), strict=True))

    def _entry(self, number: int) -> tuple[int, int]:
        """Return a heap entry: the largest coverage comes first, then the best rank."""
        return (-self._coverage(number), number)

    def _neighbours(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return (K,) contents that could be its duplicates, free or not, and (K,) distances."""
        span = slice(self._starts[number], self._starts[number + 1])
        return self._others[span], self._distance[span]

    def _coverage(self, number: int, within: NDArray[np.bool_] | None = None) -> int:
        """Return how many free files, of all contents or of some, a star around it would take.

        Args:
            number: a content with a free file.
            within: (R,) marks of contents; None for all.
        """
        others, _ = self._neighbours(number)
        if within is not None:
            others = others[within[others]]
        return int(self._free[number]) + int(self._free[others].sum()) - 1

    def _choose_best(self, middle: int) -> int:
        """Return the best content by the keep rules that covers the whole star of another."""
        others, _ = self._neighbours(middle)
        star = np.append(others, middle)
        whole = self._coverage(middle)
        members = np.sort(star[self._free[star] > 0]).tolist()
        self._inside[star] = True
        good = (m for m in members if self._coverage(m, within=self._inside) >= whole)
        best = int(next(good))
        self._inside[star] = False
        return best

    def _choose_closest(self, middle: int) -> int:
        """Return the content of a star with the largest sum of 2 - distance to what it covers.

        A copy that is left out lowers the sum by 2 - its distance. Copies of one picture are
        changed in different ways, so the original lies closer to all of them than they do.
        """
        others, _ = self._neighbours(middle)
        star = np.append(others, middle)
        members = np.sort(star[self._free[star] > 0])
        self._weight[members] = self._free[members]
        near = [self._sum_closeness(member) for member in members.tolist()]
        self._weight[members] = 0
        return int(members[int(np.argmax(near))])

    def _sum_closeness(self, number: int) -> float:
        """Return the sum of 2 - distance to the files, in `_weight`, that a content covers."""
        others, distance = self._neighbours(number)
        total = self._weight[others] @ (_LARGEST_DISTANCE - distance)
        return round(float(total + _LARGEST_DISTANCE * self._weight[number]), 6)

    def _take(self, keeper: int, *, is_free: bool) -> Star:
        """Form the star around a keeper; its best file is either free or protected."""
        others, distance = self._neighbours(keeper)
        members = [(int(self._row[keeper]), 0.0)] if self._free[keeper] > is_free else []
        open_ = self._free[others] > 0
        members += zip(
            self._row[others[open_]].tolist(), distance[open_].round(6).tolist(), strict=True
        )
        self._free[others] = 0
        self._free[keeper] = 0
        return Star(int(self._row[keeper]), tuple(sorted(members)))


def _adjacency(
    pairs: Pairs, order: Rows, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the symmetric graph of the pairs, its rows compressed.

    Args:
        pairs: of contents in `order`.
        order: (R,) rows of contents.
        count: U, the number of contents.

    Returns:
        (R + 1,) where the neighbours of each content start, (2P,) neighbours by their position in
        the order, and (2P,) distances.
    """
    number = np.full(count, -1)
    number[order] = np.arange(len(order))
    left, right = number[pairs.left], number[pairs.right]
    ends, others = np.concatenate([left, right]), np.concatenate([right, left])
    by_end = np.argsort(ends, kind="stable")
    starts = np.searchsorted(ends[by_end], np.arange(len(order) + 1))
    distance = np.tile(pairs.distance.astype(np.float64), 2)
    return starts, others[by_end], distance[by_end]
