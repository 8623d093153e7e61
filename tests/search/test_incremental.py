"""Pairs of what is new, joined to known ones: never another result than a search of all."""

from __future__ import annotations

import numpy as np
import pytest
from clouds import Vectors, listed, unit
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dedupe.search.incremental import extend_pairs
from dedupe.search.limits import SearchLimits
from dedupe.search.search import find_pairs
from dedupe.types import Pairs


def cloud(count: int, seed: int, crowd: int = 0) -> Vectors:
    """Unit vectors in five dimensions, some of them a crowd."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, 5))
    rows[:crowd] = rows[:1] + 0.01 * rng.normal(size=(len(rows[:crowd]), 5))
    return unit(rows[rng.permutation(count)])


def known_before(pairs: Pairs, new: NDArray[np.int64]) -> Pairs:
    old = ~(np.isin(pairs.left, new) | np.isin(pairs.right, new))
    return Pairs(pairs.left[old], pairs.right[old], pairs.distance[old])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 60), st.integers(0, 20), st.integers(0, 99), st.floats(0, 1), st.integers(1, 30)
)
def test_what_was_known_never_shows_in_the_pairs(
    count: int, crowd: int, seed: int, share: float, most: int
) -> None:
    vectors = cloud(count, seed, crowd)
    new = np.flatnonzero(np.random.default_rng(seed).random(count) < share)
    complete = find_pairs(vectors, limits=SearchLimits(0.5, max_neighbours=count + 1)).pairs
    limits = SearchLimits(0.5, max_neighbours=most)
    found = extend_pairs(known_before(complete, new), vectors, rows=new, limits=limits)
    assert listed(found.pairs) == listed(find_pairs(vectors, limits=limits).pairs)


@pytest.mark.parametrize(
    ("crowd", "exact_up_to", "again"), [(0, 300, 0), (150, 300, 1), (0, 99, 1)]
)
def test_all_are_searched_again_only_for_crowds_and_beyond_exact_search(
    crowd: int, exact_up_to: int, again: int
) -> None:
    vectors = cloud(200, 1, crowd)
    new = np.arange(150, 200)
    complete = find_pairs(vectors, limits=SearchLimits(0.3, max_neighbours=200)).pairs
    limits = SearchLimits(0.3, exact_up_to=exact_up_to)
    found = extend_pairs(known_before(complete, new), vectors, rows=new, limits=limits)
    assert (found.stats.truncated > 0 or found.stats.cells > 0) == bool(again)


def test_progress_adds_up_to_the_number_of_rows() -> None:
    seen: list[int] = []
    nothing = find_pairs(cloud(0, 0), limits=SearchLimits(0.1)).pairs
    extend_pairs(
        nothing,
        cloud(30, 1),
        rows=np.arange(30),
        limits=SearchLimits(0.1),
        on_progress=lambda _stage, done, _total: seen.append(done),
    )
    assert sum(seen) == 30
