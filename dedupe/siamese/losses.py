"""What training minimises: pure functions of embeddings, written in `keras.ops` for any backend.

Every loss is the mean over the samples of a batch, so its size does not depend on the batch. Row i
and row i + B of a batch of 2 B embeddings are two views of one photo.
"""

from __future__ import annotations

from typing import Any

from keras import ops

Tensor = Any  # a tensor of whichever backend Keras runs on

_FAR = 1e4  # subtracted from a similarity that must not be compared


def nt_xent(embeddings: Tensor, *, temperature: float) -> Tensor:
    """Return the normalised, temperature-scaled cross-entropy of finding each view's twin.

    NT-Xent as in SimCLR (Chen et al. 2020): every other photo's views are negatives.

    Args:
        embeddings: (2 B, D) unit vectors.
        temperature: divisor of the cosine, > 0; smaller looks at the nearest negatives only.

    Returns:
        Scalar >= 0.
    """
    count = ops.shape(embeddings)[0]
    logits = ops.matmul(embeddings, ops.transpose(embeddings)) / temperature  # (2 B, 2 B)
    logits = logits - _FAR * ops.eye(count, dtype=logits.dtype)
    positive = ops.sum(logits * _twins(count, logits.dtype), axis=1)
    return ops.mean(ops.logsumexp(logits, axis=1) - positive)


def koleo(embeddings: Tensor) -> Tensor:
    """Return minus the mean log distance from each row to the nearest other photo.

    The Kozachenko-Leonenko entropy estimate used as a spread regulariser (Sablayrolles et al.
    2019): it pushes neighbours apart, so that one distance threshold fits every region.

    Args:
        embeddings: (2 B, D) unit vectors.

    Returns:
        Scalar >= -log(2).
    """
    count = ops.shape(embeddings)[0]
    cosine = ops.matmul(embeddings, ops.transpose(embeddings))
    own = ops.eye(count, dtype=cosine.dtype) + _twins(count, cosine.dtype)
    nearest = ops.max(cosine - _FAR * own, axis=1)
    # The clip keeps the square root's gradient finite at distance 0.
    distance = ops.sqrt(ops.clip(2 - 2 * nearest, 1e-6, 4.0))
    return -ops.mean(ops.log(distance))


def _twins(count: int, dtype: Any) -> Tensor:
    """Return (2 B, 2 B): 1 where two rows are the two views of one photo."""
    return ops.one_hot(ops.roll(ops.arange(count), -(count // 2)), count, dtype=dtype)


def spread(embeddings: Tensor) -> Tensor:
    """Return the root mean square distance of the rows from their mean: 0 collapsed, 1 at best."""
    centred = embeddings - ops.mean(embeddings, axis=0, keepdims=True)
    return ops.sqrt(ops.mean(ops.sum(ops.square(centred), axis=1)))


def pair_accuracy(embeddings: Tensor) -> Tensor:
    """Return the share of rows whose nearest row in the batch is their twin."""
    count = ops.shape(embeddings)[0]
    cosine = ops.matmul(embeddings, ops.transpose(embeddings)) - 4 * ops.eye(count)
    twin = ops.roll(ops.arange(count), -(count // 2))
    hit = ops.equal(ops.cast(ops.argmax(cosine, axis=1), "int32"), ops.cast(twin, "int32"))
    return ops.mean(ops.cast(hit, "float32"))
