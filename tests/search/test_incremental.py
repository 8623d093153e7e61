"""Pairs of what is new, joined to known ones: never another result than a search of all."""

from __future__ import annotations

import numpy as np
import pytest
from builders import a_photo
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dedupe.search.incremental import extend_pairs
from dedupe.search.search import Searched, find_pairs
from dedupe.types import Embeddings, Pairs


def embed(count: int, seed: int, crowd: int = 0) -> Embeddings:
    """Unit vectors in five dimensions, some of them a crowd; every tenth content stands twice."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, 5))
    rows[:crowd] = rows[:1] + 0.01 * rng.normal(size=(len(rows[:crowd]), 5))
    rows = rows[rng.permutation(count)]
    contents = [row - (row % 10 == 9) for row in range(count)]
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)[contents]
    photos = tuple(a_photo(f"/{r:04}.jpg", b"%d" % c) for r, c in enumerate(contents))
    return Embeddings(photos, vectors, (), "e1")


def known_before(pairs: Pairs, new: NDArray[np.int64]) -> Pairs:
    old = ~(np.isin(pairs.left, new) | np.isin(pairs.right, new))
    return Pairs(pairs.left[old], pairs.right[old], pairs.distance[old])


def listed(pairs: Pairs) -> list[tuple[int, int, float]]:
    return list(
        zip(pairs.left.tolist(), pairs.right.tolist(), pairs.distance.tolist(), strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 60), st.integers(0, 20), st.integers(0, 99), st.floats(0, 1), st.integers(1, 30)
)
def test_what_was_known_never_shows_in_the_pairs(
    count: int, crowd: int, seed: int, share: float, most: int
) -> None:
    embeddings = embed(count, seed, crowd)
    new = np.flatnonzero(np.random.default_rng(seed).random(count) < share)
    complete = find_pairs(embeddings, threshold=0.5, most=count + 1)
    found = extend_pairs(
        known_before(complete, new), embeddings, among=new, threshold=0.5, most=most
    )
    assert listed(found) == listed(find_pairs(embeddings, threshold=0.5, most=most))


@pytest.mark.parametrize(
    ("crowd", "exact_up_to", "again"), [(0, 300, 0), (150, 300, 1), (0, 99, 1)]
)
def test_all_are_searched_again_only_for_crowds_and_beyond_exact_search(
    crowd: int, exact_up_to: int, again: int
) -> None:
    told: list[Searched] = []
    embeddings = embed(200, 1, crowd)
    new = np.arange(150, 200)
    known = known_before(find_pairs(embeddings, threshold=0.3, most=200), new)
    extend_pairs(
        known,
        embeddings,
        among=new,
        threshold=0.3,
        exact_up_to=exact_up_to,
        on_searched=told.append,
    )
    assert (told[0].full > 0 or told[0].cells > 0) == bool(again)


def test_progress_adds_up_to_the_number_of_images() -> None:
    seen: list[int] = []
    nothing = find_pairs(embed(0, 0), threshold=0.1)
    extend_pairs(nothing, embed(30, 1), among=np.arange(30), threshold=0.1, on_rows=seen.append)
    assert sum(seen) == 30
