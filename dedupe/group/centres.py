"""Choose the contents that stay keepers while stars are formed again. Pure.

A keeper stays if most of its pairs are verified copies. Another content has fewer rejections only
because fewer of its pairs are verified. The rows that such a keeper lost are verified
against two of its duplicates, which replace it if they have more copies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dedupe.types import Pairs, Star, Verdict

RowPair = tuple[int, int]
Verdicts = Mapping[RowPair, Verdict]  # by (left, right), left < right

FIRM = 3  # copies of a keeper for each of its rejections from which it stays a keeper
RIVALS = 2  # nearest duplicates of such a keeper that are verified against what it lost
MAX_LOST = 12  # rows that a keeper lost, at most, that a rival is verified against


class Centres:
    """The keepers that stay, and what the verdicts so far say of each."""

    def __init__(self, pairs: Pairs, count: int) -> None:
        """Start without one.

        Args:
            pairs: candidates, as rows of contents.
            count: U, the number of contents.
        """
        self._candidates = np.sort((pairs.left << 32) | pairs.right)
        self._open = np.bincount(np.concatenate([pairs.left, pairs.right]), minlength=count)
        """(U,) candidates of a row that are not rejected."""
        self._copies = np.zeros(count, np.int64)  # (U,)
        self._lost: dict[int, list[int]] = {}  # by row: those rejected beside it, as they came
        self._counted = 0
        self._chosen: set[int] = set()
        self._challenged: dict[int, list[int]] = {}  # by keeper: its rivals

    def open_pairs(self, stars: Sequence[Star], verdicts: Verdicts) -> list[RowPair]:
        """Return the pairs of rivals to verify next, for keepers with nothing left to verify.

        Args:
            stars: with pairs that are verified, or will be.
            verdicts: so far.
        """
        found: list[RowPair] = []
        for star in stars:
            keeper = star.keeper
            if keeper in self._challenged or not self._is_firm(keeper):
                continue
            others = [d for d in star.duplicates if d[0] != keeper]
            if any(sort_rows(keeper, row) not in verdicts for row, _ in others):
                continue
            lost = self._lost.get(keeper, [])[:MAX_LOST]
            nearest = sorted(others, key=lambda d: (d[1], d[0]))[:RIVALS]
            self._challenged[keeper] = [row for row, _ in nearest]
            pairs = [(rival, row) for rival, _ in nearest for row in lost]
            found += [p for p in pairs if self._is_candidate(*p) and sort_rows(*p) not in verdicts]
        return found

    def update(self, stars: Sequence[Star], verdicts: Verdicts) -> list[int]:
        """Count new verdicts; return the rivals that became keepers.

        Args:
            stars: of which pairs were verified.
            verdicts: so far, in the order in which they came.
        """
        for pair in list(verdicts)[self._counted :]:
            self._count(pair, is_copy=verdicts[pair].is_copy)
        self._counted = len(verdicts)
        keepers = [star.keeper for star in stars if self._is_firm(star.keeper)]
        self._chosen.update(keepers)
        fresh = []
        for keeper in keepers:
            rivals = [row for row in self._challenged.get(keeper, ()) if row not in self._chosen]
            gains = [self._count_gain(row, keeper, verdicts) for row in rivals]
            if max(gains, default=0):
                fresh.append(rivals[int(np.argmax(gains))])
        self._chosen.update(fresh)
        return fresh

    def list_first(self, rows: NDArray[np.bool_]) -> list[int]:
        """Return the keepers among the marked rows (U,), those with most candidates left first."""
        chosen = [row for row in self._chosen if rows[row]]
        return sorted(chosen, key=lambda row: (-int(self._open[row]), row))

    def _count(self, pair: RowPair, *, is_copy: bool) -> None:
        """Count a verdict for both of its rows."""
        ends = list(pair)
        self._copies[ends] += is_copy
        if not is_copy:
            self._open[ends] -= self._is_candidate(*pair)
            for row, other in (pair, pair[::-1]):
                self._lost.setdefault(row, []).append(other)

    def _is_firm(self, row: int) -> bool:
        copies, lost = int(self._copies[row]), len(self._lost.get(row, ()))
        return copies > 0 and copies >= FIRM * lost

    def _is_candidate(self, one: int, other: int) -> bool:
        left, right = sort_rows(one, other)
        key = (left << 32) | right
        at = int(np.searchsorted(self._candidates, key))
        return at < len(self._candidates) and int(self._candidates[at]) == key

    def _count_gain(self, rival: int, keeper: int, verdicts: Verdicts) -> int:
        """Return how many of the rows that a keeper lost are copies of a rival."""
        found = (verdicts.get(sort_rows(rival, row)) for row in self._lost.get(keeper, ()))
        return sum(verdict.is_copy for verdict in found if verdict is not None)


def sort_rows(one: int, other: int) -> RowPair:
    """Return two rows, the lower one first."""
    return (one, other) if one < other else (other, one)
