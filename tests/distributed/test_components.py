"""Components of pairs in blocks are those of all pairs at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe.distributed.components import find_components, reduce_edges
from dedupe.types import Pairs


def here(work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    return map(work, items)


def naive(pairs: set[tuple[int, int]], count: int) -> list[int]:
    label = list(range(count))
    for _ in range(count):
        for left, right in pairs:
            label[left] = label[right] = min(label[left], label[right])
    return label


@given(st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11))), st.integers(1, 5))
def test_blocks_of_any_size_give_the_components(ends: set[tuple[int, int]], block: int) -> None:
    edges = sorted({(min(pair), max(pair)) for pair in ends if pair[0] != pair[1]})
    left, right = np.array(edges, np.int64).reshape(-1, 2).T
    pairs = Pairs(left, right, np.zeros(len(left), np.float32))
    assert find_components(pairs, 12, here, block).tolist() == naive(set(edges), 12)


@pytest.mark.parametrize("length", [1, 2, 1000])
def test_a_forest_has_one_edge_for_each_row_but_the_lowest(length: int) -> None:
    chain = np.arange(length)
    row, lowest = reduce_edges((chain, chain + 1))
    assert (row.tolist(), set(lowest.tolist())) == ([*range(1, length + 1)], {0})
