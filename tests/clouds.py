"""Unit vectors to search among: planted neighbours, and crowds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dedupe.types import Pairs

Vectors = NDArray[np.float32]
Listed = list[tuple[int, int, float]]


def unit(rows: NDArray[np.float64]) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


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


def crowd(count: int, spread: float, seed: int = 0, dimension: int = 16) -> Vectors:
    """Unit vectors round one point, the farthest of them about twice `spread` apart."""
    rng = np.random.default_rng(seed)
    aside = rng.normal(size=(count, dimension))
    aside *= spread * rng.random((count, 1)) / np.linalg.norm(aside, axis=1, keepdims=True)
    return unit(rng.normal(size=dimension) / dimension**0.5 + aside)
