"""Vectors compared by tasks: the pairs of one machine, and a recall that is measured."""

from __future__ import annotations

import numpy as np
import pytest
from clouds import crowd, listed, planted

from dedupe.distributed.cells import (
    Cell,
    CellPart,
    FewSearch,
    JoinedCells,
    merge_nearest,
    plan_parts,
    split_cells,
)
from dedupe.distributed.cluster import Cluster
from dedupe.distributed.searching import make_space
from dedupe.search import search
from dedupe.search.bounds import choose_axes
from dedupe.search.exact import NearestRows, Rows, Vectors
from dedupe.search.limits import SearchLimits
from dedupe.search.search import Space, find_pairs

IN_CELLS = SearchLimits(0.2, exact_up_to=100)
EXACT = SearchLimits(0.2)


def on_cluster(vectors: Vectors, limits: SearchLimits, rank: Rows) -> Space:
    return make_space(Cluster("local"), vectors, limits, rank)


def test_parts_cover_every_row_once_and_are_no_larger_than_asked() -> None:
    centroids, sizes = planted(200), np.random.default_rng(1).integers(0, 90, 200)
    sizes[7] = 1000
    parts = plan_parts(centroids, sizes, 128)
    shares = {(cell, part.share) for part in parts for cell in part.cells}
    assert {cell for cell, _ in shares} == set(np.flatnonzero(sizes).tolist())
    assert [part for part in parts if 7 in part.cells] == [CellPart((7,), n, 8) for n in range(8)]
    assert max(sizes[[*part.cells]].sum() // part.shares for part in parts) <= 128


def test_a_cell_with_far_more_rows_than_others_is_split() -> None:
    few = planted(2000)
    vectors = np.concatenate([few, crowd(9000, 0.3, seed=3)])
    centroids = few[:50]
    own = np.concatenate([np.arange(2000) % 49, np.full(9000, 49)])
    split, cells = split_cells(vectors, centroids, own)
    assert len(split) > 60
    assert np.bincount(cells).max() < 4096
    np.testing.assert_array_equal(cells[:2000], own[:2000])
    np.testing.assert_array_equal(split[:49], centroids[:49])


def test_equal_vectors_stay_in_one_cell() -> None:
    vectors = np.repeat(planted(2), [1000, 9000], axis=0)
    _, cells = split_cells(vectors, planted(20), np.repeat([0, 1], [1000, 9000]))
    assert len(set(cells[1000:].tolist())) == 1


def some_cells(vectors: Vectors, rank: Rows) -> list[Cell]:
    """Deal rows to three cells."""
    rows = [np.arange(start, len(vectors), 3, dtype=np.int32) for start in range(3)]
    return [Cell(some, vectors[some], rank[some]) for some in rows]


def test_joined_cells_return_the_vectors_of_any_of_their_rows() -> None:
    vectors = planted(100)
    joined = JoinedCells(some_cells(vectors, np.arange(100)))
    for chosen in (np.array([99, 0, 40, 41, 0]), np.array([3, 1]), np.empty(0, np.int64)):
        np.testing.assert_array_equal(joined[chosen], vectors[joined.rows[chosen]])


@pytest.mark.parametrize("bounded", [False, True])
def test_few_rows_compared_cell_by_cell_have_the_neighbours_of_a_whole_search(
    bounded: bool,
) -> None:
    vectors = np.concatenate([planted(600), crowd(150, 0.05)])
    rank = np.random.default_rng(3).permutation(750)
    queries, skip = np.array([700, 5, 7, 601, 300]), np.array([8, 9, 610])
    whole = NearestRows(vectors, queries, EXACT, drop_dense=False)
    whole.compare(np.arange(5), np.delete(np.arange(750), skip))
    expected = whole.finish(rank)
    cells = some_cells(vectors, rank)
    axes = choose_axes(vectors, EXACT.threshold) if bounded else None
    few = FewSearch(
        lambda some: [cells[cell] for cell in some],
        Cell(queries.astype(np.int32), vectors[queries], rank[queries]),
        *(axes, EXACT, skip),
    )
    found = merge_nearest([few([0, 2]), few([1])], EXACT, rank)
    order = np.lexsort((rank[expected.other], expected.distance, expected.row))
    assert len(expected.row) > 128
    for name in ("row", "other", "distance"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name)[order])
    np.testing.assert_array_equal(found.truncated, np.sort(expected.truncated))


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore")
class TestOnACluster:
    """Searches of two cores."""

    def test_an_exact_search_is_that_of_one_machine(self) -> None:
        vectors = np.concatenate([planted(3000), crowd(300, 0.1)])
        here = find_pairs(vectors, limits=EXACT)
        there = find_pairs(vectors, limits=EXACT, make_space=on_cluster)
        assert listed(there.pairs) == listed(here.pairs)
        assert there.stats == here.stats
        assert here.stats.represented > 100

    @pytest.mark.parametrize("bounded", [False, True])
    def test_a_search_in_cells_is_that_of_one_machine(
        self, bounded: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search, "_BOUNDED", 1000 if bounded else 10_000)
        vectors = planted(9000)
        rank = np.random.default_rng(2).permutation(len(vectors))
        here = find_pairs(vectors, limits=IN_CELLS, rank=rank)
        there = find_pairs(vectors, limits=IN_CELLS, rank=rank, make_space=on_cluster)
        assert listed(there.pairs) == listed(here.pairs)
        assert there.stats == here.stats
        assert (here.stats.cells > 100, there.stats.recall >= 0.99) == (True, True)

    def test_dense_neighbourhoods_in_cells_are_represented(self) -> None:
        vectors = np.concatenate([planted(4000), crowd(500, 0.05)])
        found = find_pairs(vectors, limits=IN_CELLS, make_space=on_cluster)
        assert found.stats.represented > 400
        assert found.stats.recall >= 0.99
