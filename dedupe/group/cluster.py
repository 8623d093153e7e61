"""From pairs to groups round a keeper. Pure: no files, no clock, no chance.

Distance is not transitive, so a group is a star, not a chain: every duplicate lies within the
threshold of its own keeper, and no keeper is ever taken away.

The middle of a star is the file that stands closest to most of the others, because that is what the
copies were made from: an enlarged or framed copy may have more pixels, but less in common with the
rest. Of those that stand for all of a star, the keep rules choose.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dedupe.group.replacement import Replacements
from dedupe.types import INTACT, Facts, Pairs, Star

MUCH_LARGER = 2  # a file with more than this many times the keeper's pixels is never taken away


def cluster(
    pairs: Pairs,
    digests: Sequence[str],
    order: Sequence[int],
    *,
    protected: frozenset[int] = frozenset(),
    pixels: NDArray[np.int64] | None = None,
    facts: Sequence[Facts] | None = None,
) -> list[Star]:
    """Group rows round keepers, greedily, the keeper that stands for most rows first.

    Args:
        pairs: rows that count as copies; rows of one digest are represented by the first of them.
        digests: content digest of each of the N rows; rows of one digest are always copies.
        order: the rows to group, from most to least worth keeping: `find_involved` rows at least,
            or all of those that some of them are linked with.
        protected: rows that are never duplicates; each is a keeper before any other row.
        pixels: (N,) sizes; where given, a row with more than twice the keeper's is left alone.
        facts: of each row; a keeper replaces no row that contains more, see
            `dedupe.group.replacement`. None if all rows have the same.

    Returns:
        Stars that share no row, ascending by keeper.
    """
    if pixels is None:
        pixels = np.ones(len(digests), np.int64)
    if facts is None:
        facts = [INTACT] * len(digests)
    stars = _Cover(pairs, digests, order, protected, pixels, facts).form()
    return sorted(stars, key=lambda star: star.keeper)


def find_involved(pairs: Pairs, digests: Sequence[str]) -> list[int]:
    """Return the rows that a star may hold, ascending: those of a pair, and those of one digest.

    Args:
        pairs: as for `cluster`.
        digests: content digest of each of the N rows.
    """
    counts = Counter(digests)
    paired = {digests[row] for row in np.union1d(pairs.left, pairs.right).tolist()}
    return [row for row, digest in enumerate(digests) if counts[digest] > 1 or digest in paired]


class _Cover:
    """Which rows are still free, and who stands for whom, content by content."""

    def __init__(
        self,
        pairs: Pairs,
        digests: Sequence[str],
        order: Sequence[int],
        protected: frozenset[int],
        pixels: NDArray[np.int64],
        facts: Sequence[Facts],
    ) -> None:
        self._protected = protected
        self._rank = {row: rank for rank, row in enumerate(order)}
        contents: dict[str, int] = {}
        numbers = [contents.setdefault(digests[row], len(contents)) for row in order]
        self._content = dict(zip(order, numbers, strict=True))  # by row
        self._free: list[list[int]] = [[] for _ in contents]  # takeable rows, best first
        self._pixels = np.zeros(len(contents), np.int64)
        for row in order:
            self._pixels[self._content[row]] = pixels[row]
            if row not in protected:
                self._free[self._content[row]].append(row)
        self._weight = np.array([len(rows) for rows in self._free], np.int64)
        content = np.zeros(len(digests), np.int64)
        content[order] = numbers
        first = {number: row for row, number in reversed(self._content.items())}
        self._replacements = Replacements([facts[first[number]] for number in range(len(first))])
        self._near = _adjacency(pairs, content, len(contents))

    def form(self) -> list[Star]:
        first = sorted(self._protected & self._rank.keys(), key=self._rank.__getitem__)
        stars = [self._take(row) for row in first]
        heap = [self._entry(content) for content in range(len(self._free)) if self._free[content]]
        heapq.heapify(heap)
        while heap:
            entry = heapq.heappop(heap)
            content = entry[2]
            if not self._free[content]:
                continue
            if entry != (entry := self._entry(content)):
                heapq.heappush(heap, entry)  # some of what it stood for is gone
                continue
            if entry[0] == 0:
                break
            stars.append(self._take(self._choose(content)))
            if self._free[content]:  # much larger than the keeper that the rules chose
                heapq.heappush(heap, self._entry(content))
        return [star for star in stars if star.duplicates]

    def _entry(self, content: int) -> tuple[int, int, int]:
        """Heap order: who stands for most comes first, then who is most worth keeping."""
        best = self._free[content][0]
        return (-self._coverage(content), self._rank[best], content)

    def _neighbours(self, content: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Other contents that this one could stand for, taken or not, and their distances."""
        span = slice(self._near.indptr[content], self._near.indptr[content + 1])
        others, distance = self._near.indices[span], self._near.data[span] - 1
        fits = self._pixels[others] <= MUCH_LARGER * self._pixels[content]
        fits &= self._replacements.find_replaceable(content, others)
        return others[fits], distance[fits]

    def _coverage(self, content: int, within: NDArray[np.integer] | None = None) -> int:
        """How many free rows, of all contents or of some, a row of this one would take away."""
        others, _ = self._neighbours(content)
        if within is not None:
            others = others[np.isin(others, within)]
        return int(self._weight[content]) + int(self._weight[others].sum()) - 1

    def _choose(self, middle: int) -> int:
        """Return the row best by the rules among those that stand for the whole star."""
        others, _ = self._neighbours(middle)
        star = np.append(others, middle)
        whole = self._coverage(middle)
        members: list[int] = [c for c in star.tolist() if self._free[c]]
        members.sort(key=lambda content: self._rank[self._free[content][0]])
        good = (c for c in members if self._coverage(c, within=star) >= whole)
        return self._free[next(good)][0]

    def _take(self, keeper: int) -> Star:
        content = self._content[keeper]
        if keeper not in self._protected:
            self._free[content].remove(keeper)
        taken = [(row, 0.0) for row in self._empty(content)]
        for other, distance in zip(*self._neighbours(content), strict=True):
            taken += [(row, round(float(distance), 6)) for row in self._empty(int(other))]
        return Star(keeper, tuple(sorted(taken)))

    def _empty(self, content: int) -> list[int]:
        rows, self._free[content] = self._free[content], []
        self._weight[content] = 0
        return rows


def _adjacency(pairs: Pairs, content: NDArray[np.int64], count: int) -> sparse.csr_array:
    """Return the symmetric (U, U) matrix of distances + 1: a sparse matrix forgets zeros."""
    left, right = content[pairs.left], content[pairs.right]
    data = np.tile(pairs.distance.astype(np.float64) + 1, 2)
    rows, columns = np.concatenate([left, right]), np.concatenate([right, left])
    return sparse.csr_array((data, (rows, columns)), shape=(count, count))
