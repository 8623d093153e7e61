"""Find the pairs of embeddings that lie close. Pure: no files, no clock, no chance."""

from __future__ import annotations

from collections.abc import Callable

import faiss
import numpy as np
from numpy.typing import NDArray

from dedupe.types import Embeddings, Pairs

_SLACK = 2e-5  # added to the squared radius: FAISS errs by some 3e-6 there, in single precision


def find_pairs(
    embeddings: Embeddings,
    *,
    threshold: float,
    block: int = 2048,
    on_rows: Callable[[int], None] = lambda _: None,
) -> Pairs:
    """Find every pair of different contents closer than or at `threshold`.

    FAISS compares blocks of rows with all others, which is exact; what it finds is measured again
    in double precision, so that a distance depends on its two vectors alone, not on the machine's
    way to multiply matrices. Memory is O(block * N) and the pairs found.

    Args:
        embeddings: of N files; files of one content are represented by the first of them.
        threshold: largest Euclidean distance to report, in [0, 2].
        block: rows compared at a time.
        on_rows: called with the number of rows just compared; adds up to N.

    Returns:
        Pairs sorted by (left, right), left < right. An image is never its own pair.
    """
    rows = _first_of_each_content(embeddings)
    vectors = np.ascontiguousarray(embeddings.vectors[rows])  # (U, D)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(vectors)
    on_rows(len(embeddings.photos) - len(rows))
    for start in range(0, len(rows), block):
        found.append(_search_block(index, vectors, start, block, threshold))
        on_rows(min(block, len(rows) - start))
    if not found:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    left, right, distance = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((right, left))
    return Pairs(rows[left[order]], rows[right[order]], distance[order])


def _first_of_each_content(embeddings: Embeddings) -> NDArray[np.int64]:
    """Return the first row of every digest, ascending."""
    first: dict[str, int] = {}
    for row, photo in enumerate(embeddings.photos):
        first.setdefault(photo.digest, row)
    return np.fromiter(first.values(), np.int64, len(first))


def _search_block(
    index: faiss.IndexFlatL2, vectors: NDArray[np.float32], start: int, block: int, threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return (left, right, distance) of the pairs whose left row lies in the block."""
    some = vectors[start : start + block]  # (block, D)
    limits, _, neighbours = index.range_search(some, threshold**2 + _SLACK)
    left = np.repeat(np.arange(start, start + len(some)), np.diff(limits.astype(np.int64)))
    after = neighbours > left
    left, right = left[after], neighbours[after]
    distance = _measure(vectors, left, right)
    near = distance <= threshold
    return left[near], right[near], distance[near].astype(np.float32)


def _measure(
    vectors: NDArray[np.float32], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the distances of pairs, a slice at a time: (P,) float64, rounded to 6 decimals."""
    distance = np.empty(len(left), np.float64)
    for start in range(0, len(left), 1 << 16):
        part = slice(start, start + (1 << 16))
        difference = vectors[left[part]].astype(np.float64) - vectors[right[part]]
        distance[part] = np.sqrt(np.sum(difference * difference, axis=1)).round(6)
    return distance
