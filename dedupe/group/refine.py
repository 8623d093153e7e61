"""Cluster, verify the keeper-duplicate pairs, drop the rejected ones, and repeat.

Selects the pairs to verify: keeper-duplicate pairs, nearest first. After `MAX_REJECTIONS`
rejections, only the `FINAL_PAIRS` nearest pairs of a content are verified. So the work grows with
the number of contents, also among thousands of look-alikes. Pure: the judge reads the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dedupe.group.centres import Centres, sort_rows
from dedupe.group.centres import RowPair as RowPair  # also of callers
from dedupe.types import Pairs, Progress, Star, Verdict, no_progress

FormStars = Callable[[Pairs, NDArray[np.bool_], Sequence[int]], list[Star]]
Judge = Callable[[Sequence[RowPair]], list[Verdict]]
OpenJudge = Callable[[Mapping[RowPair, Verdict]], Judge]
"""Returns a judge for the rows of known verdicts alone, which it may compose."""
Rows: TypeAlias = NDArray[np.int64]

NEAREST = 64  # uncertain pairs of a content that may be verified: see docs/verification.md
MAX_REJECTIONS = 12  # by reading files, without a copy, after which only final pairs are verified
FINAL_PAIRS = 4  # nearest pairs of such a content: if they are rejected too, it has no copy
_BATCH = 128  # pairs judged at a time


def refine_groups(
    pairs: Pairs,
    count: int,
    *,
    form_stars: FormStars,
    judge: Judge,
    same_radius: float,
    on_progress: Progress = no_progress,
) -> tuple[list[Star], dict[RowPair, Verdict]]:
    """Form stars in which every duplicate is a verified copy of its own keeper.

    Verifies keeper-duplicate pairs only. Drops the rejected pairs, forms the stars that lost a
    pair again, and repeats until all pairs of all stars are verified. `Centres` has the keepers
    that stay when stars are formed again.

    Args:
        pairs: candidates, as rows of contents.
        count: U, the number of contents.
        form_stars: groups the pairs that it is given and the (U,) marked rows, first around the
            given rows.
        judge: returns the verdicts on some hundred pairs (keeper, duplicate), in order.
        same_radius: pairs at this distance or closer are copies without verification, in [0, 2];
            below 0 for none.
        on_progress: called as ("verify", pairs just verified, pairs known to need verification).

    Returns:
        The stars, ascending by keeper, and the verdict on each pair (keeper, duplicate) that was
        verified.
    """
    evidence = _Evidence(count, same_radius)
    pairs = evidence.choose(pairs)
    centres = Centres(pairs, count)
    cluster_of = find_clusters(pairs, count)
    stars = unsettled = form_stars(pairs, np.ones(count, bool), ())
    while fresh := _unite(
        evidence.open_pairs(unsettled), centres.open_pairs(unsettled, evidence.verdicts)
    ):
        total = len(evidence.verdicts) + len(fresh)
        for batch in split_batches(fresh, cluster_of):
            evidence.add(batch, judge(batch))
            on_progress("verify", len(batch), total)
        keep = evidence.find_kept(pairs)
        lost = cluster_of[pairs.left[~keep]]
        pairs = pairs.select(keep)
        broken = np.union1d(lost, cluster_of[centres.update(stars, evidence.verdicts)])
        again = np.isin(cluster_of, broken)
        formed = form_stars(pairs.select(again[pairs.left]), again, centres.list_first(again))
        stars = [star for star in stars if not again[star.keeper]] + formed
        stars.sort(key=lambda star: star.keeper)
        judged = np.union1d(broken, cluster_of[[row for row, _ in fresh]])
        is_open = np.isin(cluster_of, judged)
        unsettled = [star for star in stars if is_open[star.keeper]]
    return stars, evidence.list_verdicts(stars)


def _unite(first: Sequence[RowPair], second: Sequence[RowPair]) -> list[RowPair]:
    """Return the pairs of both lists, each pair of rows once."""
    found: dict[RowPair, RowPair] = {}
    for pair in (*first, *second):
        found.setdefault(sort_rows(*pair), pair)
    return list(found.values())


def split_batches(pairs: Sequence[RowPair], cluster_of: Rows) -> Iterator[list[RowPair]]:
    """Yield batches of pairs; which pairs of a component share a batch depends on it alone.

    A verdict can be composed from those of earlier batches. So the verdicts of a component stay
    the same, whatever other components are judged with it.

    Args:
        pairs: to judge; those of a component keep their order.
        cluster_of: (U,) the component of each row.
    """
    components: dict[int, list[RowPair]] = {}
    for pair in pairs:
        components.setdefault(int(cluster_of[pair[0]]), []).append(pair)
    batch: list[RowPair] = []
    for some in components.values():
        if batch and len(batch) + len(some) > _BATCH:
            yield batch
            batch = []
        whole = len(some) // _BATCH * _BATCH
        for start in range(0, whole, _BATCH):
            yield some[start : start + _BATCH]
        batch += some[whole:]
    if batch:
        yield batch


def find_clusters(pairs: Pairs, count: int) -> Rows:
    """Return the (U,) connected component of each row: its lowest row.

    Every row takes the lowest number that it is linked to, until no number changes. SciPy has the
    same function, but takes longer to load than this takes to run.
    """
    left, right = pairs.left, pairs.right
    lowest = np.arange(count)
    while (lowest[left] != lowest[right]).any():
        low = np.minimum(lowest[left], lowest[right])
        np.minimum.at(lowest, lowest[left], low)
        np.minimum.at(lowest, lowest[right], low)
        lowest = lowest[lowest]
    return lowest


class _Evidence:
    """The verdicts so far, and what follows from them for each content."""

    def __init__(self, count: int, same_radius: float) -> None:
        self._same_radius = same_radius
        self._rejections = np.zeros(count, np.int64)  # (U,) pairs that were read and are no copies
        self._has_copy = np.zeros(count, bool)  # (U,)
        self._exhausted = np.zeros(count, bool)  # (U,) its final pairs were selected
        self._ends = self._others = np.empty(0, np.int64)
        """(2P,) the uncertain pairs from both ends: by end, nearest first."""
        self.verdicts: dict[RowPair, Verdict] = {}  # (left, right), left < right

    def choose(self, pairs: Pairs) -> Pairs:
        """Return the certain pairs, and the uncertain ones among the nearest of one of the ends."""
        uncertain = np.flatnonzero(self._is_uncertain(pairs))
        left, right = pairs.left[uncertain], pairs.right[uncertain]
        ends, others = np.concatenate([left, right]), np.concatenate([right, left])
        order = np.lexsort((others, np.tile(pairs.distance[uncertain], 2), ends))
        first = np.searchsorted(ends[order], ends[order])  # where the run of each end begins
        near = np.empty(len(ends), bool)
        near[order] = np.arange(len(ends)) - first < NEAREST
        self._ends, self._others = ends[order], others[order]
        keep = np.ones(len(pairs), bool)
        keep[uncertain] = near[: len(uncertain)] | near[len(uncertain) :]
        return pairs.select(keep)

    def open_pairs(self, stars: Sequence[Star]) -> list[RowPair]:
        """Return the pairs to verify next: the nearest of each star, and final pairs."""
        found: dict[RowPair, RowPair] = {}
        for star in stars:
            nearest = sorted(star.duplicates, key=lambda d: (d[1], d[0]))
            rows = [row for row, distance in nearest if distance > self._same_radius]
            found |= self._unverified(star.keeper, rows, MAX_REJECTIONS)
        for row in self._exhaust():
            span = slice(*np.searchsorted(self._ends, [row, row + 1]))
            found |= self._unverified(row, self._others[span].tolist(), FINAL_PAIRS)
        return list(found.values())

    def _unverified(self, row: int, others: Sequence[int], most: int) -> dict[RowPair, RowPair]:
        """Return the first few pairs of a row with others that have no verdict."""
        found: dict[RowPair, RowPair] = {}
        for other in others:
            key = sort_rows(row, other)
            if row != other and key not in self.verdicts:
                found.setdefault(key, (row, other))
            if len(found) == most:
                break
        return found

    def _exhaust(self) -> list[int]:
        """Mark and return the rows with too many rejections; each row is returned once."""
        rows = (self._rejections >= MAX_REJECTIONS) & ~self._has_copy & ~self._exhausted
        self._exhausted |= rows
        return [int(row) for row in np.flatnonzero(rows)]

    def add(self, pairs: Sequence[RowPair], verdicts: Sequence[Verdict]) -> None:
        """Record the verdicts on some pairs."""
        for pair, verdict in zip(pairs, verdicts, strict=True):
            ends = list(pair)
            self.verdicts[sort_rows(*pair)] = verdict if pair[0] < pair[1] else verdict.flip()
            self._has_copy[ends] |= verdict.is_copy
            self._rejections[ends] += not verdict.is_copy and not verdict.is_cheap

    def find_kept(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Return (P,) which pairs are not rejected, and have no exhausted end without a copy."""
        rejected = [pair for pair, verdict in self.verdicts.items() if not verdict.is_copy]
        left, right = np.array(rejected, np.int64).reshape(-1, 2).T
        lost = self._exhausted & ~self._has_copy
        dropped = (lost[pairs.left] | lost[pairs.right]) & self._is_uncertain(pairs)
        return np.asarray(
            ~dropped & ~np.isin((pairs.left << 32) | pairs.right, (left << 32) | right)
        )

    def list_verdicts(self, stars: Sequence[Star]) -> dict[RowPair, Verdict]:
        """Return the verdicts on keepers (first) and their duplicates (second)."""
        found: dict[RowPair, Verdict] = {}
        for star in stars:
            for row, _ in star.duplicates:
                verdict = self.verdicts.get(sort_rows(star.keeper, row))
                if verdict is not None:
                    found[star.keeper, row] = verdict if star.keeper < row else verdict.flip()
        return found

    def _is_uncertain(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Return (P,) which pairs need verification."""
        return np.asarray(pairs.distance > self._same_radius)
