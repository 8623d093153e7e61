"""Bound scalar products from a few coordinates, so that most pairs need no full product. Pure."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from dedupe.search.exact import MEASURED, Vectors

_SAMPLED = 16_384  # vectors that the principal axes are computed from
_QUERIES, _OTHERS = 256, 4096  # of the sample, to count the pairs that a bound lets pass
_SHARES = (0.25, 0.375, 0.5)  # coordinates to try, as shares of the dimension
_NEARER = 10  # times as many pairs pass in nearby cells as among all rows: 5 to 12, 300,000 vectors
_WORTH = 0.8  # of the cost without bounds; the gain must pay for the shortened vectors
_PART = 1 << 16  # vectors shortened at a time


def choose_axes(vectors: Vectors, threshold: float) -> Vectors | None:
    """Return the principal axes on which bounds cost least, or None if bounds are not worth it.

    Args:
        vectors: (N, D) float32, each of norm 1; at least 2.
        threshold: largest Euclidean distance of a pair, in [0, 2].

    Returns:
        (D, K) float32 orthonormal columns. The same vectors give the same axes.
    """
    dimension = vectors.shape[1]
    sample = vectors[:: max(1, len(vectors) // _SAMPLED)]
    with threadpool_limits(1, user_api="blas"):  # the order of summation depends on the threads
        moments = sample.T.astype(np.float64) @ sample  # (D, D)
        axes = np.linalg.eigh(moments)[1][:, ::-1].astype(np.float32)
    queries = sample[:: max(1, len(sample) // _QUERIES)]
    others = sample[1 :: max(1, len(sample) // _OTHERS)]
    lowest = 1 - threshold**2 / 2
    far = queries @ others.T < lowest  # (Q, O)
    cheapest, chosen = _WORTH * dimension, None
    for count in sorted({max(1, round(share * dimension)) for share in _SHARES}):
        some = np.ascontiguousarray(axes[:, :count])
        passing = (shorten(queries, some) @ shorten(others, some).T >= lowest) & far
        cost = count + 1 + _NEARER * float(passing.mean()) * MEASURED * dimension
        if cost < cheapest:
            cheapest, chosen = cost, some
    return chosen


def shorten(vectors: Vectors, axes: Vectors) -> Vectors:
    """Return shorter vectors of norm 1 with scalar products that are at least those of the vectors.

    The last coordinate is the norm of the rest of a vector. The product of the norms of two rests
    is at least the scalar product of the rests (Cauchy-Schwarz).

    Args:
        vectors: (N, D) float32, each of norm 1.
        axes: (D, K) orthonormal columns.

    Returns:
        (N, K + 1) float32; a product is below that of the vectors by rounding only, 1e-6.
    """
    short = np.empty((len(vectors), axes.shape[1] + 1), np.float32)
    for start in range(0, len(vectors), _PART):
        part = short[start : start + _PART]
        part[:, :-1] = vectors[start : start + _PART] @ axes
        squared = np.einsum("ij,ij->i", part[:, :-1], part[:, :-1], dtype=np.float64)
        part[:, -1] = np.sqrt(np.maximum(0, 1 - squared))
    return short
