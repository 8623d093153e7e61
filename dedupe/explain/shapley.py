"""What each place takes from the certainty that two pictures are the same, for any tower's maps.

With a head that was trained beside the tower, certainty is its logit: shares add up to what is lost
of the logit of identical pictures. Without one, they add up to the square of the distance. Places
are compared as they stand. Owns these sums; draws nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from dedupe.explain.grid import Floats
from dedupe.siamese.heads import Spatial

_ORDERS = 8  # in which places are given back, each also backwards
_ROWS = 64  # maps at a time
_ENDS = (layers.Flatten, layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """The places of two pictures' maps, and what each of them takes."""

    places: Floats  # (R, C)
    bias: float | None  # the head's logit of identical pictures; None without a head
    how: str  # how the tower goes on behind its maps, a sentence

    @property
    def probability(self) -> float | None:
        """Probability of the head that the two are the same; None without a head."""
        if self.bias is None:
            return None
        return 1 / (1 + math.exp(float(self.places.sum()) - self.bias))


def ends_in_cells(model: Any) -> bool:
    """Whether a tower averages squares of its maps, flattens and normalises them, and that is all.

    Their difference is a small map itself: with a head that has a weight for each square, nothing
    about the shares is left open.
    """
    kinds = (layers.AveragePooling2D, layers.Flatten, layers.UnitNormalization)
    ends = model.layers[-len(kinds) :]
    return all(isinstance(layer, kind) for layer, kind in zip(ends, kinds, strict=True))


def share_cells(model: Any, maps: Floats, vectors: Floats, judge: Any) -> Shares | None:
    """Share out among the squares of a tower that ends in them, exactly.

    Args:
        model: the tower.
        maps: (2, R, C, K) of the two pictures.
        vectors: (2, D) their embeddings.
        judge: the head that was trained with it, or None.

    Returns:
        Shares, or None where the head weighs something else than places.
    """
    average = model.layers[-3]
    rows, columns, channels = average.output.shape[1:]
    apart = np.linalg.norm((vectors[0] - vectors[1]).reshape(rows, columns, channels), axis=2)
    layer = _layer(judge)
    if layer is not None and not (isinstance(layer, Spatial) and layer.channels == channels):
        return None
    bias = None if layer is None else float(layer.bias)
    weights = apart if layer is None else np.asarray(layer.steepness).reshape(rows, columns)
    edge = average.pool_size[0]
    spread = np.kron(weights * apart, np.ones((edge, edge))) / edge**2
    places = np.zeros(maps.shape[1:3])  # those at the edge that no square holds count for nothing
    places[: spread.shape[0], : spread.shape[1]] = spread
    how = f"Squares of {edge} x {edge} places are averaged and normalised"
    return Shares(places, bias, f"{how}, so each square has its share exactly.")


def find_end(model: Any) -> int | None:
    """Return the number of the layer that makes of maps (B, R, C, K) rows (B, D), if one does."""
    ends = [n for n, layer in enumerate(model.layers) if isinstance(layer, _ENDS)]
    return ends[-1] if ends else None


def share_swaps(model: Any, maps: Floats, judge: Any) -> Shares:
    """Share out among places by giving them back one by one, for towers that end in anything.

    All places begin as the second picture's; each that becomes the first's moves the answer, and
    all moves together are the whole. As the order matters, a share is the mean over random orders:
    the sampled Shapley value (Castro et al. 2009). The sum is exact, single shares are estimates.

    Args:
        model: the tower; `find_end` knows its end.
        maps: (2, R, C, K) of the two pictures.
        judge: the head that was trained with it, or None.
    """
    end = model.layers[find_end(model)]
    tail = keras.Model(end.input, model.outputs[0])
    count = maps.shape[1] * maps.shape[2]
    rng = np.random.default_rng(0)
    some = [rng.permutation(count) for _ in range(_ORDERS)]
    places = np.zeros(count)
    for order in (*some, *(order[::-1] for order in some)):
        places[order] += np.diff(_lose(tail, _give_back(maps, order), judge))
    layer = _layer(judge)
    return Shares(
        (places / (2 * _ORDERS)).reshape(maps.shape[1:3]),
        None if layer is None else float(layer.bias),
        "Places are given back to the first picture one by one, in several orders; a share is how "
        "far that moves the answer on average.",
    )


def _give_back(maps: Floats, order: NDArray[np.int64]) -> Floats:
    """Return (P + 1, R, C, K): the second picture's maps, more and more places the first's."""
    first, second = maps.reshape(2, -1, maps.shape[3])
    given = np.repeat(second[None], len(order) + 1, axis=0)
    for number, place in enumerate(order, 1):
        given[number:, place] = first[place]
    return given.reshape(-1, *maps.shape[1:])


def _lose(tail: Any, given: Floats, judge: Any) -> Floats:
    """Return (N,) what each of some maps loses against the first of them."""
    blocks = [given[row : row + _ROWS] for row in range(0, len(given), _ROWS)]
    vectors = np.concatenate([tail.predict_on_batch(block.astype(np.float32)) for block in blocks])
    layer = _layer(judge)
    if layer is None:
        return np.asarray(((vectors.astype(np.float64) - vectors[0]) ** 2).sum(axis=1))
    logits = layer.logits(vectors, np.repeat(vectors[:1], len(vectors), axis=0))
    return float(layer.bias) - np.asarray(ops.convert_to_numpy(logits), np.float64)


def _layer(judge: Any) -> Any:
    return None if judge is None else judge.get_layer("head")
