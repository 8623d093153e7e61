"""The search in cells: nearly all pairs, how many that is, the same in any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from clouds import Vectors, crowd, embed, listed, planted

from dedupe.search.search import Searched, find_pairs
from dedupe.types import Pairs


def in_cells(
    vectors: Vectors, block: int = 2048, workers: int | None = None
) -> tuple[Pairs, Searched]:
    told: list[Searched] = []
    found = find_pairs(
        embed(vectors),
        threshold=0.6,
        exact_up_to=100,
        block=block,
        workers=workers,
        on_searched=told.append,
    )
    return found, told[0]


def test_a_search_in_cells_finds_nearly_all_and_says_how_much() -> None:
    vectors = planted(6000, dimension=48)
    exact = set(listed(find_pairs(embed(vectors), threshold=0.6)))
    found, told = in_cells(vectors)
    assert set(listed(found)) <= exact
    assert len(found) / len(exact) >= 0.995
    assert told.recall >= 0.99
    assert told.sampled > 1000
    assert 0 < told.probes < told.cells / 4


@pytest.mark.parametrize("options", [{"workers": 1}, {"workers": 3}, {"block": 700}])
def test_a_search_in_cells_does_not_depend_on_threads_or_blocks(options: dict[str, int]) -> None:
    vectors = np.concatenate([planted(1500, dimension=24), crowd(300, 0.05, dimension=24)])
    expected, told = in_cells(vectors)
    found, retold = in_cells(vectors, **options)
    assert listed(found) == listed(expected)
    assert retold == told


def test_a_crowd_in_cells_is_one_star() -> None:
    vectors = np.concatenate([crowd(1000, 0.02, dimension=24), planted(1000, dimension=24)])
    found, told = in_cells(vectors)
    assert told.represented == 999
    assert int(((found.left < 1000) & (found.right < 1000)).sum()) == 999
    assert told.recall > 0.97
