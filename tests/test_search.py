"""Pairs of close embeddings: the blocked search against a double loop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from builders import a_photo
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dedupe.search import find_pairs
from dedupe.types import Embeddings, Pairs

Vectors = NDArray[np.float32]
Listed = list[tuple[int, int, float]]


def unit(rows: NDArray[np.float64]) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def embed(vectors: Vectors, contents: Sequence[object] | None = None) -> Embeddings:
    """Give each vector a photo; contents are all different unless named."""
    named = range(len(vectors)) if contents is None else contents
    photos = tuple(a_photo(f"/p/{i:04}.jpg", str(c).encode()) for i, c in enumerate(named))
    return Embeddings(photos, vectors, (), "e1")


def planted(count: int, dimension: int = 16, seed: int = 0) -> Vectors:
    """Random unit vectors, of which every second one has neighbours at all distances."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, dimension))
    for row in range(1, count, 2):
        near = rows[rng.integers(row)]
        rows[row] = near + rng.normal(size=dimension) * 10 ** rng.uniform(-8, 0)
    return unit(rows)


def listed(pairs: Pairs) -> Listed:
    found = zip(pairs.left.tolist(), pairs.right.tolist(), pairs.distance.tolist(), strict=True)
    return [(left, right, round(distance, 6)) for left, right, distance in found]


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
    assert listed(find_pairs(embed(vectors), threshold=threshold, block=block)) == expected
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
    found = find_pairs(embed(vectors), threshold=threshold, block=block)
    assert listed(found) == double_loop(vectors, threshold)


@pytest.mark.parametrize("dimension", [64, 512, 2048])
def test_equal_vectors_lie_at_distance_0_in_any_dimension(dimension: int) -> None:
    rows = np.random.default_rng(3).normal(size=(60, dimension))
    rows[:, 0] += 100  # a matrix product in single precision is least sure here
    twins = np.repeat(unit(rows), 2, axis=0)
    expected = [(row, row + 1, 0.0) for row in range(0, 120, 2)]
    assert listed(find_pairs(embed(twins), threshold=0)) == expected


def test_no_distance_lies_beyond_a_threshold_of_many_digits() -> None:
    turn = 2 * np.arcsin(0.2999999 / 2)
    vectors = np.array([[1, 0], [np.cos(turn), np.sin(turn)]], np.float32)
    assert listed(find_pairs(embed(vectors), threshold=0.3)) == [(0, 1, 0.3)]
    assert listed(find_pairs(embed(vectors), threshold=0.299999999)) == []  # the same in float32


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("threshold", [0.0, 2.0])
def test_fewer_than_two_images_have_no_pairs(count: int, threshold: float) -> None:
    pairs = find_pairs(embed(planted(count)), threshold=threshold)
    assert listed(pairs) == []
    assert [part.dtype.name for part in (pairs.left, pairs.right, pairs.distance)] == [
        "int64",
        "int64",
        "float32",
    ]


def test_two_images_are_a_pair_or_not() -> None:
    vectors = np.eye(2, dtype=np.float32)
    assert listed(find_pairs(embed(vectors), threshold=1.42)) == [(0, 1, 1.414214)]
    assert listed(find_pairs(embed(vectors), threshold=1.41)) == []


def test_opposite_vectors_are_a_pair_at_threshold_2() -> None:
    vectors = np.array([[1, 0], [-1, 0]], np.float32)
    assert listed(find_pairs(embed(vectors), threshold=2)) == [(0, 1, 2.0)]


def test_files_of_one_content_are_represented_by_the_first() -> None:
    near = np.array([[1, 0], [np.cos(0.1), np.sin(0.1)], [0, 1]], np.float32)
    vectors = near[[2, 0, 1, 0, 1]]
    found = find_pairs(embed(vectors, contents="zabab"), threshold=0.2)
    assert listed(found) == [(1, 2, 0.099958)]


def test_progress_adds_up_to_the_number_of_images() -> None:
    seen: list[int] = []
    found = embed(planted(8), contents="aabcdefa")
    find_pairs(found, threshold=0.1, block=4, on_rows=seen.append)
    assert seen == [2, 4, 2]


def test_progress_is_complete_for_copies_of_one_file() -> None:
    seen: list[int] = []
    find_pairs(embed(planted(3), contents="aaa"), threshold=0.1, on_rows=seen.append)
    assert sum(seen) == 3
