"""Turn distances into decisions: thresholds at stated false-positive rates, and a probability.

Works on held-out photos, each with changed copies of it, through the runtime that ships.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from dedupe.encoder.manifest import RATES, Threshold
from dedupe.siamese.augment import MILD, STRONG, augment
from dedupe.siamese.dataset import PhotoArray, squash
from dedupe.verify.cascade import compare
from dedupe.verify.features import Features

Distances = NDArray[np.float32]

IDENTICAL = 0.99  # least probability that two identical images are given
_COPIES = 3  # changed copies of each held-out photo: one mild, the others strong
_KEPT = 5000  # smallest false distances that the head is fitted to, at least
_SUSPECTS = 300  # nearest pairs of held-out photos that may be copies of each other
_FEW, _MANY = -7.0, 9.0  # logarithms between which the head's parameters are sought


@dataclass(frozen=True, slots=True)
class Measured:
    """Thresholds and head, and what they rest on."""

    thresholds: dict[str, Threshold]
    head: dict[str, float]  # scale, bias
    photos: int
    false_pairs: int


def calibrate(
    embed: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    photos: PhotoArray,
    *,
    side: int,
    seed: int,
) -> Measured:
    """Measure an encoder on photos it never saw.

    Args:
        embed: (N, side, side, 3) uint8 -> (N, D) float32 unit vectors.
        photos: (N, H, H, 3) uint8 held-out photos, each of another scene.
        side: edge of the encoder's input, in pixels.
        seed: of the changes made to the copies.
    """
    vectors, ids = _embed_copies(embed, photos, side, np.random.default_rng(seed))
    true = _true_distances(vectors, len(photos))
    false, count = _nearest_false(vectors, ids)
    thresholds = {
        name: _threshold(false, count, true, rate) for name, rate in RATES.items()
    }  # fmt: skip
    return Measured(thresholds, fit_head(true, false), len(photos), count)


def leave_out_repeats(
    embed: Callable[[NDArray[np.uint8]], NDArray[np.float32]], photos: PhotoArray, *, side: int
) -> PhotoArray:
    """Return the photos without those that are copies of another one.

    A pair of copies that is counted as a pair of different photos would pull every threshold
    towards 0. The nearest pairs are verified as a scan verifies them.

    Args:
        embed: as for `calibrate`.
        photos: (N, H, H, 3) uint8.
        side: edge of the encoder's input, in pixels.
    """
    repeats = find_repeats(embed, photos, side=side)
    return photos[[number for number in range(len(photos)) if number not in repeats]]


def find_repeats(
    embed: Callable[[NDArray[np.uint8]], NDArray[np.float32]], photos: PhotoArray, *, side: int
) -> set[int]:
    """Return the numbers of the photos that are copies of an earlier one.

    Takes what `leave_out_repeats` takes.
    """
    vectors = embed(np.stack([squash(photo, side) for photo in photos]))  # (N, D)
    features = functools.cache(lambda number: Features(photos[number]))
    repeats: set[int] = set()
    for first, second in find_nearest_pairs(vectors, _SUSPECTS):
        if not {first, second} & repeats and compare(features(first), features(second)).is_copy:
            repeats.add(second)
    return repeats


def find_nearest_pairs(
    vectors: NDArray[np.float32], count: int, *, block: int = 1024
) -> list[tuple[int, int]]:
    """Find the nearest pairs of rows in O(block * N) memory.

    Args:
        vectors: (N, D) float32, each of norm 1.
        count: pairs to return, if there are so many.
        block: rows compared with all later ones at a time.

    Returns:
        Pairs (left, right), left < right: nearest first, then by row.
    """
    square, left, right = np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)
    for start in range(0, len(vectors), block):
        rows = vectors[start : start + block]
        gaps = 2 - 2 * (rows @ vectors[start:].T)  # (b, N - start)
        gaps[np.tril_indices(len(rows), 0, gaps.shape[1])] = np.inf  # itself, and earlier rows
        near = np.argpartition(gaps, min(count, gaps.size) - 1, axis=None)[:count]
        row, column = np.divmod(near, gaps.shape[1])
        square = np.concatenate([square, gaps.ravel()[near]])
        left = np.concatenate([left, row + start])
        right = np.concatenate([right, column + start])
        best = np.lexsort((right, left, square))[:count]
        square, left, right = square[best], left[best], right[best]
    found = np.isfinite(square)
    return list(zip(left[found].tolist(), right[found].tolist(), strict=True))


def _embed_copies(
    embed: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    photos: PhotoArray,
    side: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return (V, D) vectors, V = (1 + copies) * N, the originals first, and (V,) their photos."""
    views = [squash(photo, side) for photo in photos]
    for copy in range(_COPIES):
        strength = STRONG if copy else MILD
        views += [augment(photo, side, strength, rng) for photo in photos]
    return embed(np.stack(views)), np.tile(np.arange(len(photos)), _COPIES + 1)


def _true_distances(vectors: NDArray[np.float32], photos: int) -> Distances:
    """Distances from each original to its copies."""
    copies = vectors.reshape(-1, photos, vectors.shape[1])  # (1 + copies, N, D)
    distances: Distances = np.linalg.norm(copies[1:] - copies[0], axis=2).ravel()
    return np.sort(distances)


def _nearest_false(
    vectors: NDArray[np.float32], ids: NDArray[np.int64]
) -> tuple[Distances, int]:  # fmt: skip
    """The smallest distances between different photos, sorted, and how many pairs there are."""
    count = (len(ids) ** 2 - int(np.sum(np.bincount(ids) ** 2))) // 2
    kept = max(_KEPT, math.floor(max(RATES.values()) * count) + 1)  # what every rate asks for
    nearest = np.empty(0, np.float32)
    for row in range(0, len(vectors), 512):
        block = vectors[row : row + 512]
        square = 2 - 2 * block @ vectors.T  # (512, N)
        after = np.arange(len(vectors)) > np.arange(row, row + len(block))[:, None]
        false = square[after & (ids[row : row + 512, None] != ids)]
        nearest = np.sort(np.concatenate([nearest, false]))[:kept]
    return np.sqrt(np.clip(nearest, 0, 4)), count


def _threshold(false: Distances, count: int, true: Distances, rate: float) -> Threshold:
    """Choose the largest distance, in steps of 0.001, that keeps the rate of false pairs.

    It is 0, which may exceed the rate, if the photos contain too many copies of each other.

    Args:
        false: (F,) smallest distances of different photos, ascending.
        count: pairs of different photos in all.
        true: (T,) distances of copies.
        rate: share of false pairs that may lie within the distance, in [0, 1].
    """
    allowed = math.floor(rate * count)
    # Below the first false pair too many by more than the rounding of float32.
    distance = max(0, math.floor(float(false[allowed]) * 1000 - 1e-3)) / 1000
    return Threshold(
        distance=distance,
        false_positive_rate=float(np.sum(false <= distance)) / count,
        recall=round(float(np.mean(true <= distance)), 4),
    )


def fit_head(true: Distances, false: Distances) -> dict[str, float]:
    """Fit probability = sigmoid(bias - scale * distance) by logistic regression.

    Both parameters are exponentials, the bias on top of logit(0.99): smaller distances are always
    likelier copies, and identical images get 0.99 or more by construction.

    Args:
        true: (T,) distances between copies.
        false: (F,) distances between different photos, the nearest of them.

    Returns:
        `scale` and `bias`, both > 0.
    """

    def loss(parameters: NDArray[np.float64]) -> float:  # (2,)
        scale, bias = _exponentials(parameters)
        missed = np.logaddexp(0, scale * true - bias).mean()
        mistaken = np.logaddexp(0, bias - scale * false).mean()
        return float(missed + mistaken)

    best = optimize.minimize(loss, np.array([2.0, 1.0]), method="Nelder-Mead").x
    scale, bias = _exponentials(best)
    return {"scale": round(scale, 4), "bias": math.ceil(bias * 1e4) / 1e4}  # never below the floor


def _exponentials(parameters: NDArray[np.float64]) -> tuple[float, float]:
    """Return scale and bias of (2,) logarithms, finite also if the kinds of pairs lie far apart."""
    scale, excess = np.exp(np.clip(parameters, _FEW, _MANY))
    return float(scale), float(special.logit(IDENTICAL) + excess)
