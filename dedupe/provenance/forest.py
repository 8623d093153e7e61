"""Evaluate a forest of regression trees, saved as arrays."""

from __future__ import annotations

import functools
import importlib.resources
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """T trees of at most N nodes each; node 0 is the root of its tree."""

    feature: NDArray[np.int64]  # (T, N) number of the compared value; -1 in a leaf
    bound: NDArray[np.float64]  # (T, N) values up to it go left
    left: NDArray[np.int64]  # (T, N) node
    right: NDArray[np.int64]  # (T, N) node
    value: NDArray[np.float64]  # (T, N) of a leaf; elsewhere the mean of the leaves below

    def evaluate(self, values: NDArray[np.float64]) -> float:
        """Return the sum over all trees of the leaf that `values` (F,) reach."""
        trees = np.arange(len(self.feature))
        node = np.zeros(len(trees), np.int64)
        while True:
            feature = self.feature[trees, node]
            inner = feature >= 0
            if not inner.any():
                return float(self.value[trees, node].sum())
            low = values[feature] <= self.bound[trees, node]
            step = np.where(low, self.left[trees, node], self.right[trees, node])
            node = np.where(inner, step, node)

    def explain(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share (F,) of each of `values` (F,) in the result (Saabas 2014).

        The shares and the mean of the roots, the same for all values, add up to `evaluate`.
        """
        shares = np.zeros(len(values))
        trees = np.arange(len(self.feature))
        node = np.zeros(len(trees), np.int64)
        while (feature := self.feature[trees, node]).max() >= 0:
            low = values[feature] <= self.bound[trees, node]
            step = np.where(low, self.left[trees, node], self.right[trees, node])
            below = np.where(feature >= 0, step, node)
            change = self.value[trees, below] - self.value[trees, node]
            shares += np.bincount(np.maximum(feature, 0), change, len(values))
            node = below
        return shares


@functools.cache
def load_forest() -> Forest:
    """Return the forest that comes with dedupe; `weights/manifest.json` records its fit."""
    folder = importlib.resources.files("dedupe.provenance") / "weights"
    with np.load(io.BytesIO((folder / "forest.npz").read_bytes())) as arrays:
        return Forest(
            feature=arrays["feature"].astype(np.int64),
            bound=arrays["bound"].astype(np.float64),
            left=arrays["left"].astype(np.int64),
            right=arrays["right"].astype(np.int64),
            value=arrays["value"].astype(np.float64),
        )
