"""Which pairs are looked at again, with a judge who knows the truth and counts its work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from builders import a_photo, some_contents
from numpy.typing import NDArray

from dedupe.group.cluster import cluster
from dedupe.group.refine import (
    FINAL_PAIRS,
    MAX_REJECTIONS,
    NEAREST,
    RowPair,
    refine_groups,
    split_batches,
)
from dedupe.search.limits import MAX_NEIGHBOURS, SearchLimits
from dedupe.search.search import find_pairs
from dedupe.types import Contents, Pairs, Star, Verdict


class Judge:
    """Knows which picture each row shows."""

    def __init__(self, scenes: Sequence[int]) -> None:
        self.scenes = scenes
        self.asked: list[RowPair] = []

    def __call__(self, pairs: Sequence[RowPair]) -> list[Verdict]:
        self.asked += pairs
        alike = [self.scenes[a] == self.scenes[b] for a, b in pairs]
        return [Verdict(same, float(same), "seen" if same else "") for same in alike]


def contents_of(count: int) -> Contents:
    """Contents of one file each."""
    return some_contents([[a_photo(f"/{row:05}.jpg", b"%d" % row)] for row in range(count)])


def all_within(places: Sequence[float], threshold: float) -> Pairs:
    """Pairs of points on a line."""
    line = np.array(places)
    left, right = np.triu_indices(len(line), 1)
    distance = np.abs(line[left] - line[right]).astype(np.float32)
    near = distance < threshold
    return Pairs(left[near].astype(np.int64), right[near].astype(np.int64), distance[near])


def confirm(
    pairs: Pairs, judge: Judge, *, contents: Contents | None = None, same_radius: float = -1.0
) -> tuple[list[Star], dict[RowPair, Verdict]]:
    contents = contents or contents_of(len(judge.scenes))

    def form_stars(some: Pairs, rows: NDArray[np.bool_], centres: Sequence[int]) -> list[Star]:
        return cluster(some, contents, np.flatnonzero(rows), centres=centres)

    return refine_groups(
        pairs, len(contents), form_stars=form_stars, judge=judge, same_radius=same_radius
    )


def test_a_crowd_of_look_alikes_costs_a_few_looks_at_each() -> None:
    crowd = Judge(range(600))
    pairs = all_within(np.random.default_rng(0).random(600).tolist(), 2)
    assert confirm(pairs, crowd) == ([], {})
    assert len(pairs) == 179_700
    assert len(crowd.asked) <= 600 * (MAX_REJECTIONS + FINAL_PAIRS)


def test_copies_are_found_in_the_middle_of_a_crowd() -> None:
    scenes = [row // 2 for row in range(400)]  # pairs of copies, all of them near all others
    places = [scene + 0.1 * (row % 2) for row, scene in enumerate(scenes)]
    stars, verdicts = confirm(all_within(places, 500), Judge(scenes))
    assert [(star.keeper, star.duplicates[0][0]) for star in stars] == [
        (row, row + 1) for row in range(0, 400, 2)
    ]
    assert {verdict.how for verdict in verdicts.values()} == {"seen"}


def test_a_large_group_is_confirmed_whole() -> None:
    judge = Judge([0] * (NEAREST + 1))
    [star], verdicts = confirm(all_within(np.linspace(0, 1, NEAREST + 1).tolist(), 2), judge)
    assert len(star.duplicates) == len(verdicts) == len(judge.asked) == NEAREST


def test_files_of_one_content_are_judged_once_and_never_against_each_other() -> None:
    files = [[a_photo(f"/{row}{n}.jpg", b"%d" % row) for n in range(3)] for row in range(2)]
    judge = Judge([0] * 2)
    [star], verdicts = confirm(all_within([0, 1], 2), judge, contents=some_contents(files))
    assert star == Star(0, ((0, 0.0), (1, 1.0)))
    assert judge.asked == [(0, 1)]
    assert {pair: verdict.how for pair, verdict in verdicts.items()} == {(0, 1): "seen"}


def test_a_pair_within_the_same_radius_is_a_copy_whatever_the_judge_would_say() -> None:
    judge = Judge([0, 1, 2])
    stars, _ = confirm(all_within([0.0, 0.1, 0.9], 1), judge, same_radius=0.2)
    assert [star.duplicates[0][0] for star in stars] == [1]
    assert set(judge.asked) <= {(0, 2), (1, 2)}


def test_only_groups_that_lost_a_pair_are_formed_again() -> None:
    scenes = [row // 2 for row in range(40)] + [100, 101]  # the last two only look alike
    formed: list[list[int]] = []

    def form_stars(some: Pairs, rows: NDArray[np.bool_], centres: Sequence[int]) -> list[Star]:
        formed.append(np.flatnonzero(rows).tolist())
        assert rows[some.left].all()
        return cluster(some, contents_of(len(scenes)), np.flatnonzero(rows), centres=centres)

    pairs = all_within(
        [5 * scene + row % 2 for row, scene in enumerate(scenes[:40])] + [900, 901], 2
    )
    stars, _ = refine_groups(
        pairs, len(scenes), form_stars=form_stars, judge=Judge(scenes), same_radius=-1
    )
    assert [star.keeper for star in stars] == list(range(0, 40, 2))
    assert formed == [list(range(42)), [40, 41]]


@pytest.mark.parametrize("seed", range(12))
def test_groups_apart_are_confirmed_as_if_each_round_formed_all_of_them(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Crowds of look-alikes, some of them copies, that give up in different rounds."""
    rng = np.random.default_rng(seed)
    crowds = np.repeat(np.arange(5), rng.integers(2, 60, 5))
    scenes = (100 * crowds + rng.integers(0, 12, len(crowds))).tolist()
    places = (10 * crowds + rng.random(len(crowds))).tolist()
    pairs, apart, together = all_within(places, 2), Judge(scenes), Judge(scenes)
    found = confirm(pairs, apart)
    monkeypatch.setattr(
        "dedupe.group.refine.find_clusters", lambda _pairs, count: np.zeros(count, np.int64)
    )
    assert confirm(pairs, together) == found
    assert sorted(together.asked) == sorted(apart.asked)


def test_chains_of_any_length_are_one_group_to_form() -> None:
    """Pairs in the least helpful order, among pairs of other groups."""
    scenes = [0] * 60
    places = np.random.default_rng(1).permutation(60).tolist()
    stars, _ = confirm(all_within(places, 1.5), Judge(scenes))
    assert sum(1 + len(star.duplicates) for star in stars) <= 60
    assert stars == confirm(all_within(places, 1.5), Judge(scenes), same_radius=3)[0]


def test_the_answer_does_not_depend_on_the_order_of_the_pairs() -> None:
    rng = np.random.default_rng(3)
    scenes = rng.integers(0, 40, 120).tolist()
    pairs = all_within((rng.random(120) + scenes).tolist(), 6)
    order = rng.permutation(len(pairs))
    shuffled = Pairs(pairs.left[order], pairs.right[order], pairs.distance[order])
    assert confirm(pairs, Judge(scenes)) == confirm(shuffled, Judge(scenes))


def test_the_nearest_that_a_search_lists_are_all_that_a_crowd_needs() -> None:
    """Hundreds of look-alikes, a few of them copies: as if all pairs had been kept."""
    rng = np.random.default_rng(5)
    scenes = [row // 3 for row in range(300)]
    places = rng.normal(size=(100, 12))[scenes] * 0.06 + rng.normal(size=(300, 12)) * 0.01 + 1
    vectors = (places / np.linalg.norm(places, axis=1, keepdims=True)).astype(np.float32)
    listed, every = (
        find_pairs(vectors, limits=SearchLimits(0.4, 0.02, most)).pairs
        for most in (MAX_NEIGHBOURS, 300)
    )
    assert len(listed) < len(every) / 3
    refined = confirm(listed, Judge(scenes), same_radius=0.02)
    assert refined == confirm(every, Judge(scenes), same_radius=0.02)
    assert refined[0]


def test_the_batches_of_a_component_do_not_depend_on_other_components() -> None:
    small, large = [(0, row) for row in range(1, 101)], [(200, row) for row in range(201, 501)]
    cluster_of = np.repeat([0, 200, 600], [200, 400, 200])
    alone = list(split_batches(large, cluster_of))
    among = list(split_batches([large[0], *small, *large[1:], (600, 601)], cluster_of))
    of_large = [[p for p in batch if p[0] == 200] for batch in among]
    assert [batch for batch in of_large if batch] == alone
    assert sorted(p for batch in among for p in batch) == sorted([*small, *large, (600, 601)])
    assert [len(batch) for batch in among] == [128, 128, 44, 101]
