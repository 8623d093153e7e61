"""Towers that keep their places: squares of their maps are averaged, flattened and normalised.

The difference of two such embeddings is itself a small map, and a head with a weight for every
square says what each of them takes from the certainty that two pictures are the same. Owns that
map; draws nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import layers
from numpy.typing import NDArray

from dedupe.siamese.heads import Spatial

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """What follows the maps, and how a head weighs it."""

    edge: int  # places that are averaged into one, each way
    vectors: Floats  # (B, R, C, K) embeddings, as squares
    weights: Floats | None  # (R, C) >= 0, of the head; None where it has no places
    bias: float  # the head's logit of identical images

    def weigh(self) -> Floats:
        """Return what each square takes from the logit of the first two pictures, (R, C) >= 0.

        Without weights of a head, what it adds to the square of their distance.
        """
        apart = np.linalg.norm(self.vectors[0] - self.vectors[1], axis=2)
        return np.asarray(apart**2 if self.weights is None else self.weights * apart)

    @property
    def probability(self) -> float | None:
        """That the first two pictures are the same, as the head says."""
        if self.weights is None:
            return None
        return 1 / (1 + math.exp(float(self.weigh().sum()) - self.bias))


def ends_in_cells(model: Any) -> bool:
    """Whether a tower keeps its places to the end."""
    kinds = (layers.AveragePooling2D, layers.Flatten, layers.UnitNormalization)
    ends = model.layers[-len(kinds) :]
    return all(isinstance(layer, kind) for layer, kind in zip(ends, kinds, strict=True))


def read_cells(model: Any, vectors: Floats, judge: Any) -> Cells:
    """Read the squares of a tower that ends in them.

    Args:
        model: the tower.
        vectors: (B, D) its embeddings.
        judge: the head that was trained with it, or None.
    """
    average = model.layers[-3]
    rows, columns, channels = average.output.shape[1:]
    places = vectors.reshape(-1, rows, columns, channels)
    weights, bias = None, 0.0
    layer = None if judge is None else judge.get_layer("head")
    if isinstance(layer, Spatial) and layer.channels == channels:
        weights = np.asarray(layer.steepness, np.float64).reshape(rows, columns)
        bias = float(layer.bias)
    return Cells(average.pool_size[0], places, weights, bias)
