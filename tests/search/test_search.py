"""Pairs of close embeddings: the search against double loops, also in crowds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from clouds import Listed, Vectors, crowd, listed, planted, unit
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.search.limits import SearchLimits
from dedupe.search.search import find_pairs
from dedupe.types import Pairs, SearchStats


def search(
    vectors: Vectors, threshold: float, copy_radius: float = 2.0, most: int = 64, **options: Any
) -> Pairs:
    limits = SearchLimits(threshold, copy_radius, most)
    return find_pairs(vectors, limits=limits, **options).pairs


def double_loop(vectors: Vectors, threshold: float) -> Listed:
    wide = vectors.astype(np.float64)
    distances = (
        (left, right, round(float(np.sqrt(np.sum((wide[left] - wide[right]) ** 2))), 6))
        for left in range(len(wide))
        for right in range(left + 1, len(wide))
    )
    return [pair for pair in distances if pair[2] <= threshold]


@pytest.mark.parametrize("threshold", [0.0, 0.001, 0.1, 0.5, 1.2, 1.5, 2.0])
@pytest.mark.parametrize("block", [1, 7, 64, 2048])
def test_the_search_finds_what_a_double_loop_finds(threshold: float, block: int) -> None:
    vectors = planted(90)
    expected = double_loop(vectors, threshold)
    assert listed(search(vectors, threshold=threshold, block=block, most=90)) == expected
    assert expected


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 40), st.integers(1, 80), st.integers(0, 1000), st.integers(1, 50),
    st.floats(0, 2, width=32),
)  # fmt: skip
def test_the_search_finds_what_a_double_loop_finds_for_any_input(
    count: int, dimension: int, seed: int, block: int, threshold: float
) -> None:
    vectors = planted(count, dimension, seed)
    found = search(vectors, threshold=threshold, block=block, most=40)
    assert listed(found) == double_loop(vectors, threshold)


@pytest.mark.parametrize("dimension", [64, 512, 2048])
def test_equal_vectors_lie_at_distance_0_in_any_dimension(dimension: int) -> None:
    rows = np.random.default_rng(3).normal(size=(60, dimension))
    rows[:, 0] += 100  # a matrix product in single precision is least sure here
    twins = np.repeat(unit(rows), 2, axis=0)
    expected = [(row, row + 1, 0.0) for row in range(0, 120, 2)]
    assert listed(search(twins, threshold=0)) == expected


def test_no_distance_lies_beyond_a_threshold_of_many_digits() -> None:
    turn = 2 * np.arcsin(0.2999999 / 2)
    vectors = np.array([[1, 0], [np.cos(turn), np.sin(turn)]], np.float32)
    assert listed(search(vectors, threshold=0.3)) == [(0, 1, 0.3)]
    assert listed(search(vectors, threshold=0.299999999)) == []  # the same in float32


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("threshold", [0.0, 2.0])
def test_fewer_than_two_images_have_no_pairs(count: int, threshold: float) -> None:
    pairs = search(planted(count), threshold=threshold)
    assert listed(pairs) == []
    assert [part.dtype.name for part in (pairs.left, pairs.right, pairs.distance)] == [
        "int64",
        "int64",
        "float32",
    ]


def test_two_images_are_a_pair_or_not() -> None:
    vectors = np.eye(2, dtype=np.float32)
    assert listed(search(vectors, threshold=1.42)) == [(0, 1, 1.414214)]
    assert listed(search(vectors, threshold=1.41)) == []


def test_opposite_vectors_are_a_pair_at_threshold_2() -> None:
    vectors = np.array([[1, 0], [-1, 0]], np.float32)
    assert listed(search(vectors, threshold=2)) == [(0, 1, 2.0)]


def test_progress_adds_up_to_the_number_of_rows() -> None:
    seen: list[tuple[str, int, int]] = []
    search(planted(6), 0.1, block=4, on_progress=lambda *step: seen.append(step))
    assert seen == [("search", 0, 6), ("search", 4, 6), ("search", 2, 6)]


def test_progress_counts_the_rows_that_are_not_searched() -> None:
    seen: list[int] = []
    rows = np.array([2, 5])
    search(planted(9), 0.1, rows=rows, on_progress=lambda _, done, _total: seen.append(done))
    assert sum(seen) == 9


def bounded(
    vectors: Vectors, threshold: float, alike: float, most: int, rank: Sequence[int] | None = None
) -> Listed:
    """The pairs of a bounded search, as the docstring defines them."""
    place = list(rank if rank is not None else range(len(vectors)))
    distances = {(left, right): d for left, right, d in double_loop(vectors, threshold)}
    near: list[dict[int, float]] = [{} for _ in vectors]
    for (left, right), distance in distances.items():
        near[left][right] = near[right][left] = distance
    full = [row for row, others in enumerate(near) if len(others) > most]
    crowded = [r for r in full if sum(d <= alike for d in near[r].values()) > most // 2]
    stands: dict[int, int] = {}  # row of a crowd -> its representative, or itself
    for row in sorted(crowded, key=place.__getitem__):
        if row not in stands:
            free = [r for r in crowded if near[row].get(r, 3) <= alike and r not in stands]
            stands |= {row: row} | dict.fromkeys(free, row)
    gone = {row for row, stand in stands.items() if row != stand}
    found = {(min(pair), max(pair)) for pair in stands.items()} - {(r, r) for r in stands}
    for row, others in enumerate(near):
        seen = [r for r in others if row not in full or r not in gone]
        seen.sort(key=lambda r: (others[r], place[r]))
        found |= {(min(row, r), max(row, r)) for r in seen[:most] if row not in gone}
    return sorted((*pair, distances[pair]) for pair in found)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 24), st.integers(0, 16), st.integers(0, 1000), st.integers(1, 12),
    st.floats(0, 2, width=32), st.floats(0, 2, width=32), st.integers(1, 40),
)  # fmt: skip
def test_crowds_are_bounded_as_promised_for_any_input(
    count: int, members: int, seed: int, most: int, threshold: float, alike: float, block: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = np.concatenate([planted(count, 6, seed), crowd(members, 0.3, seed, 6)])
    rank = rng.permutation(len(vectors))
    found = search(vectors, threshold, alike, most, rank=rank, block=block)
    expected = bounded(vectors, threshold, min(alike, threshold), most, rank.tolist())
    assert listed(found) == expected


@pytest.mark.parametrize("alike", [0.02, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_crowds_larger_than_what_is_held_are_bounded_as_promised(seed: int, alike: float) -> None:
    vectors = np.concatenate([planted(60, 16, seed), crowd(120, 0.4, seed), crowd(60, 0.01, seed)])
    found = search(vectors, 0.9, alike, 10, block=128)
    assert listed(found) == bounded(vectors, 0.9, alike, 10)


def test_rows_with_few_neighbours_keep_all_their_pairs_beside_a_crowd() -> None:
    vectors = np.concatenate([planted(100), crowd(120, 0.2)])
    everything = double_loop(vectors, 0.8)
    count = np.bincount([row for pair in everything for row in pair[:2]], minlength=220)
    few = count <= 20
    found = set(listed(search(vectors, threshold=0.8, most=20)))
    assert {pair for pair in everything if few[pair[0]] or few[pair[1]]} <= found
    assert few.sum() > 50


@pytest.mark.parametrize("spread", [0, 1e-4, 0.02])
def test_thousands_of_nearly_identical_rows_are_one_star_and_no_more(spread: float) -> None:
    vectors = np.concatenate([crowd(5000, spread), planted(50)])
    rank = np.random.default_rng(1).permutation(len(vectors))
    found = search(vectors, 0.7, 0.05, rank=rank)
    best = int(rank[:5000].argmin())
    inside = (found.left < 5000) & (found.right < 5000)
    assert int(inside.sum()) == 4999
    assert bool(np.all((found.left[inside] == best) | (found.right[inside] == best)))


@pytest.mark.parametrize(("spread", "alike"), [(0.02, 0.05), (0.5, 0.05), (0.5, 0.7)])
def test_a_crowd_never_has_more_pairs_than_promised(spread: float, alike: float) -> None:
    found = find_pairs(crowd(2000, spread), limits=SearchLimits(0.7, alike, 8))
    assert len(found.pairs) <= 9 * 2000
    assert found.stats.truncated > 1900


@pytest.mark.parametrize("alike", [0.05, 0.7])
def test_the_order_of_the_rows_does_not_change_what_a_crowd_becomes(alike: float) -> None:
    vectors = np.concatenate([crowd(400, 0.3), crowd(100, 0), planted(100)])
    rank = np.random.default_rng(2).permutation(len(vectors))
    moved = np.random.default_rng(3).permutation(len(vectors))  # row -> its former row
    here = search(vectors, 0.7, alike, 9, rank=rank)
    there = search(vectors[moved], 0.7, alike, 9, rank=rank[moved])
    back = [(*sorted((int(moved[a]), int(moved[b]))), d) for a, b, d in listed(there)]
    assert sorted(back) == listed(here)


@pytest.mark.parametrize("most", [3, 64])
def test_some_rows_alone_have_the_pairs_that_they_have_among_all(most: int) -> None:
    vectors = planted(200)
    some = np.random.default_rng(4).choice(200, 60, replace=False)
    threshold = 0.3 if most == 3 else 0.9
    whole = listed(search(vectors, threshold, most=200))
    limits = SearchLimits(threshold, max_neighbours=200)
    found = find_pairs(vectors, limits=limits, rows=some, block=16)
    assert listed(found.pairs) == [p for p in whole if {p[0], p[1]} & set(some.tolist())]
    assert (found.stats.contents, found.stats.truncated) == (200, 0)


def test_no_rows_among_all_have_no_pairs() -> None:
    assert listed(search(planted(9), 2, rows=np.empty(0, np.int64))) == []


def test_an_exact_search_reports_full_recall() -> None:
    found = find_pairs(planted(50), limits=SearchLimits(0.5))
    assert found.stats == SearchStats(50)


def test_limits_without_room_for_a_neighbour_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        SearchLimits(0.5, max_neighbours=0)
