"""Form stars and have the pairs they rest on looked at again, until all of them hold.

Owns which pairs are worth a look: those between a keeper and its duplicates, the nearest first, and
of a picture that a dozen others were refused for, its very nearest and no more. So the work grows
with the number of pictures, also where thousands look alike to the encoder. Pure: the judge looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dedupe.types import Pairs, Photo, Star, Verdict

RowPair = tuple[int, int]
FormStars = Callable[[Pairs, NDArray[np.bool_]], list[Star]]
Judge = Callable[[Sequence[RowPair]], list[Verdict]]
Rows: TypeAlias = NDArray[np.int64]

NEAREST = 32  # uncertain pairs of a picture that may be looked at
PATIENCE = 12  # refusals, and no copy found, after which a picture gets a last look
LAST_LOOK = 4  # nearest pairs of such a picture: where they are refused too, it has no copy
_CHUNK = 128  # pairs judged between two reports of progress


def confirm_stars(
    pairs: Pairs,
    photos: Sequence[Photo],
    *,
    form_stars: FormStars,
    judge: Judge,
    sure: float,
    on_pairs: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[list[Star], dict[RowPair, Verdict]]:
    """Form stars whose every duplicate is a verified copy of its own keeper.

    Looks at the pairs that stars rest on, and at no others: drops those that are no copies, forms
    the stars again where one was dropped, and so on until all hold.

    Args:
        pairs: candidates, rows of `photos`.
        photos: what the rows are.
        form_stars: groups the pairs it is given and the rows (N,) that are marked.
        judge: gives the verdicts on some hundred pairs (keeper, duplicate).
        sure: pairs at this distance or closer are copies unseen, in [0, 2]; below 0 for none.
        on_pairs: called with the number of pairs just looked at, and how many are known to be
            looked at so far.

    Returns:
        The stars, and the verdict on each pair (keeper, duplicate) that was verified.
    """
    evidence = _Evidence(photos, sure)
    pairs = evidence.choose(pairs)
    cluster_of = evidence.find_clusters(pairs)
    stars = unsettled = form_stars(pairs, np.ones(len(photos), bool))
    while fresh := evidence.open_questions(unsettled):
        total = len(evidence.verdicts) + len(fresh)
        for start in range(0, len(fresh), _CHUNK):
            some = fresh[start : start + _CHUNK]
            evidence.take(some, judge(some))
            on_pairs(len(some), total)
        keep = evidence.find_kept(pairs)
        broken = np.unique(cluster_of[pairs.left[~keep]])
        pairs = _only(pairs, keep)
        again = np.isin(cluster_of, broken)
        formed = form_stars(_only(pairs, again[pairs.left]), again)
        stars = [star for star in stars if not again[star.keeper]] + formed
        stars.sort(key=lambda star: star.keeper)
        asked = np.union1d(broken, cluster_of[[row for row, _ in fresh]])
        is_open = np.isin(cluster_of, asked)
        unsettled = [star for star in stars if is_open[star.keeper]]
    return stars, evidence.list_verdicts(stars)


class _Evidence:
    """The verdicts so far, by content: the same bytes are looked at once."""

    def __init__(self, photos: Sequence[Photo], sure: float) -> None:
        numbers: dict[str, int] = {}
        self._content = np.array(
            [numbers.setdefault(photo.digest, len(numbers)) for photo in photos], np.int64
        )
        self._count = len(numbers)
        self._first_row = np.unique(self._content, return_index=True)[1]
        self._sure = sure
        self._refused = np.zeros(self._count, np.int64)
        self._has_copy = np.zeros(self._count, bool)
        self._given_up = np.zeros(self._count, bool)
        self._ends = self._others = np.empty(0, np.int64)  # doubtful pairs by end, nearest first
        self.verdicts: dict[int, Verdict] = {}  # by _code; the lower content is the first

    def choose(self, pairs: Pairs) -> Pairs:
        """Keep the sure pairs, and of the others those among the nearest of one of their ends."""
        doubtful = np.flatnonzero(self._is_doubtful(pairs))
        ends = np.concatenate([pairs.left[doubtful], pairs.right[doubtful]])
        distance = np.tile(pairs.distance[doubtful], 2)
        other = np.concatenate([pairs.right[doubtful], pairs.left[doubtful]])
        order = np.lexsort((other, distance, ends))
        first = np.searchsorted(ends[order], ends[order])  # where the run of each end begins
        near = np.empty(len(ends), bool)
        near[order] = np.arange(len(ends)) - first < NEAREST
        self._ends, self._others = ends[order], other[order]
        keep = np.ones(len(pairs), bool)
        keep[doubtful] = near[: len(doubtful)] | near[len(doubtful) :]
        return _only(pairs, keep)

    def open_questions(self, stars: Sequence[Star]) -> list[RowPair]:
        """The pairs to look at next: the nearest few of each star, and last looks."""
        found: dict[int, RowPair] = {}
        for star in stars:
            nearest = sorted(star.duplicates, key=lambda d: (d[1], d[0]))
            rows = [row for row, distance in nearest if distance > self._sure]
            found |= self._unanswered(star.keeper, rows, PATIENCE)
        for row in self._about_to_give_up():
            span = slice(*np.searchsorted(self._ends, [row, row + 1]))
            found |= self._unanswered(row, self._others[span].tolist(), LAST_LOOK)
        return list(found.values())

    def _unanswered(self, row: int, others: Sequence[int], most: int) -> dict[int, RowPair]:
        """The first few pairs of a row with others that nobody has judged."""
        found: dict[int, RowPair] = {}
        for other in others:
            code = self._code(row, other)
            if self._content[row] != self._content[other] and code not in self.verdicts:
                found.setdefault(code, (row, other))
            if len(found) == most:
                break
        return found

    def _about_to_give_up(self) -> list[int]:
        """Rows, one of each content, that were refused too often; each is named once."""
        tired = (self._refused >= PATIENCE) & ~self._has_copy & ~self._given_up
        self._given_up |= tired
        return [int(row) for row in self._first_row[tired]]

    def take(self, asked: Sequence[RowPair], verdicts: Sequence[Verdict]) -> None:
        for pair, verdict in zip(asked, verdicts, strict=True):
            ends = self._content[list(pair)]
            self.verdicts[self._code(*pair)] = verdict if ends[0] < ends[1] else verdict.flip()
            self._has_copy[ends] |= verdict.is_copy
            self._refused[ends] += not verdict.is_copy

    def find_kept(self, pairs: Pairs) -> NDArray[np.bool_]:
        """All pairs but those that are no copies, and those of pictures that have none."""
        wrong = [code for code, verdict in self.verdicts.items() if not verdict.is_copy]
        hopeless = self._given_up & ~self._has_copy
        either = hopeless[self._content[pairs.left]] | hopeless[self._content[pairs.right]]
        gone = np.isin(self._codes(pairs), wrong) | (either & self._is_doubtful(pairs))
        return np.asarray(~gone)

    def find_clusters(self, pairs: Pairs) -> Rows:
        """The connected component (N,) of every row: what happens in one leaves others alone.

        Every content takes the lowest number that it is linked to, until none changes. SciPy has
        the same, and takes longer to load than this takes to run.
        """
        left, right = self._content[pairs.left], self._content[pairs.right]
        lowest = np.arange(self._count)
        while (lowest[left] != lowest[right]).any():
            low = np.minimum(lowest[left], lowest[right])
            np.minimum.at(lowest, lowest[left], low)
            np.minimum.at(lowest, lowest[right], low)
            lowest = lowest[lowest]
        return lowest[self._content]

    def list_verdicts(self, stars: Sequence[Star]) -> dict[RowPair, Verdict]:
        """Return the verdicts on keepers (first) and their duplicates (second)."""
        found: dict[RowPair, Verdict] = {}
        for star in stars:
            for row, _ in star.duplicates:
                verdict = self.verdicts.get(self._code(star.keeper, row))
                if verdict is not None:
                    ascending = self._content[star.keeper] < self._content[row]
                    found[star.keeper, row] = verdict if ascending else verdict.flip()
        return found

    def _is_doubtful(self, pairs: Pairs) -> NDArray[np.bool_]:
        other = self._content[pairs.left] != self._content[pairs.right]
        return np.asarray((pairs.distance > self._sure) & other)

    def _code(self, one: int, other: int) -> int:
        low, high = sorted((int(self._content[one]), int(self._content[other])))
        return low * self._count + high

    def _codes(self, pairs: Pairs) -> Rows:
        """One number for each unordered pair of contents."""
        left, right = self._content[pairs.left], self._content[pairs.right]
        return np.minimum(left, right) * self._count + np.maximum(left, right)


def _only(pairs: Pairs, keep: NDArray[np.bool_]) -> Pairs:
    return Pairs(pairs.left[keep], pairs.right[keep], pairs.distance[keep])
