"""The search in cells: nearly all pairs, a measured recall, the same in any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from clouds import Vectors, crowd, listed, planted

from dedupe.search.limits import SearchLimits
from dedupe.search.search import Found, find_pairs


def in_cells(vectors: Vectors, block: int = 2048, workers: int | None = None) -> Found:
    limits = SearchLimits(0.6, exact_up_to=100)
    return find_pairs(vectors, limits=limits, block=block, workers=workers)


def test_a_search_in_cells_finds_nearly_all_and_reports_its_recall() -> None:
    vectors = planted(6000, dimension=48)
    exact = set(listed(find_pairs(vectors, limits=SearchLimits(0.6)).pairs))
    found = in_cells(vectors)
    assert set(listed(found.pairs)) <= exact
    assert len(found.pairs) / len(exact) >= 0.995
    assert found.stats.recall >= 0.99
    assert found.stats.sampled > 1000
    assert 0 < found.stats.probes < found.stats.cells / 4


@pytest.mark.parametrize("options", [{"workers": 1}, {"workers": 3}, {"block": 700}])
def test_a_search_in_cells_does_not_depend_on_threads_or_blocks(options: dict[str, int]) -> None:
    vectors = np.concatenate([planted(1500, dimension=24), crowd(300, 0.05, dimension=24)])
    expected, found = in_cells(vectors), in_cells(vectors, **options)
    assert listed(found.pairs) == listed(expected.pairs)
    assert found.stats == expected.stats


def test_a_crowd_in_cells_is_one_star() -> None:
    vectors = np.concatenate([crowd(1000, 0.02, dimension=24), planted(1000, dimension=24)])
    found = in_cells(vectors)
    assert found.stats.represented == 999
    assert int(((found.pairs.left < 1000) & (found.pairs.right < 1000)).sum()) == 999
    assert found.stats.recall > 0.97
