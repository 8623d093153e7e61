from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from builders import a_photo, some_contents
from numpy.typing import NDArray

from dedupe.group.centres import MAX_LOST, RIVALS
from dedupe.group.cluster import cluster
from dedupe.group.refine import RowPair, refine_groups
from dedupe.types import Pairs, Star, Verdict


class Judge:
    """Calls every pair a copy, but for some."""

    def __init__(self, refused: set[RowPair]) -> None:
        self.refused = refused
        self.asked: list[RowPair] = []

    def __call__(self, pairs: Sequence[RowPair]) -> list[Verdict]:
        self.asked += pairs
        is_copy = [(min(pair), max(pair)) not in self.refused for pair in pairs]
        return [Verdict(copy, float(copy)) for copy in is_copy]


def near(middles: Mapping[int, float], count: int) -> Pairs:
    """All pairs of some contents; a middle lies at the given distance from all others."""
    left, right = np.triu_indices(count, 1)
    distance = np.full(len(left), 0.9, np.float32)
    for row, length in middles.items():
        distance[(left == row) | (right == row)] = length
    return Pairs(left.astype(np.int64), right.astype(np.int64), distance)


def refine(pairs: Pairs, count: int, judge: Judge) -> list[Star]:
    contents = some_contents([[a_photo(f"/{row:03}.jpg", b"%d" % row)] for row in range(count)])

    def form_stars(some: Pairs, rows: NDArray[np.bool_], centres: Sequence[int]) -> list[Star]:
        return cluster(some, contents, np.flatnonzero(rows), centres=centres, closest=True)

    return refine_groups(pairs, count, form_stars=form_stars, judge=judge, same_radius=-1)[0]


def test_a_keeper_that_loses_few_copies_stays_and_no_other_star_is_verified() -> None:
    judge = Judge({(7, 20), (7, 21), (7, 22)} | {(20, 21), (20, 22), (21, 22)})
    judge.refused |= {(row, lost) for row in range(20) for lost in (20, 21, 22)}
    [star] = refine(near({7: 0.3}, 23), 23, judge)
    assert (star.keeper, len(star.duplicates)) == (7, 19)
    assert len(judge.asked) == 22 + RIVALS * 3 + 3  # the star, its rivals, the rows that it lost


def test_a_duplicate_that_is_a_copy_of_what_its_keeper_lost_becomes_the_keeper() -> None:
    judge = Judge({(7, 20), (7, 21), (7, 22)})
    [star] = refine(near({7: 0.3}, 23), 23, judge)
    assert star.keeper == 0  # the first of the duplicates that lie nearest
    assert star.rows == set(range(23))


def test_a_duplicate_that_has_fewer_copies_in_all_does_not_become_the_keeper() -> None:
    judge = Judge({(7, 20), (7, 21)} | {(0, row) for row in (1, 2, 3, 21)})
    judge.refused |= {(row, 20) for row in range(20) if row != 0}
    judge.refused |= {(row, 21) for row in range(20) if row != 0}
    [star, *_] = sorted(refine(near({7: 0.3}, 22), 22, judge), key=lambda s: -len(s.rows))
    assert star.keeper == 7
    assert star.rows == set(range(20))


def test_rivals_are_verified_against_a_bounded_number_of_lost_rows() -> None:
    lost = range(80, 105)
    judge = Judge({(row, other) for row in range(80) for other in lost})
    judge.refused |= {(a, b) for a in lost for b in lost if a < b}
    stars = refine(near({7: 0.3}, 105), 105, judge)
    assert [star.rows for star in stars] == [set(range(80))]
    among_lost = [pair for pair in judge.asked if min(pair) >= 80]
    assert len(judge.asked) - len(among_lost) == 104 + RIVALS * MAX_LOST


def test_a_content_among_look_alikes_is_not_held_for_their_keeper() -> None:
    """Two pictures of ten copies each, all of them near each other."""
    judge = Judge({(a, b) for a in range(10) for b in range(10, 20)})
    stars = refine(near({}, 20), 20, judge)
    assert [star.rows for star in stars] == [set(range(10)), set(range(10, 20))]
