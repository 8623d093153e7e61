"""What training minimises: pure functions of tensors, written in `keras.ops` for any backend.

Every loss is the mean over the samples of a batch, so its size does not depend on the batch. Row i
and row i + B of a batch of 2 B embeddings are two views of one photo. Each loss has a thin Keras
class, for who compiles a model with it.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Tensor = Any  # a tensor of whichever backend Keras runs on

_FAR = 1e4  # subtracted from a similarity that must not be compared
CONTRASTIVE_MARGIN = 1.0  # distance beyond which different photos are left alone
TRIPLET_MARGIN = 0.2  # by how much the squared distance to another photo must be larger


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


def binary_cross_entropy(same: Tensor, logits: Tensor) -> Tensor:
    """Return the mean of -log of the probability that a head gives to the truth.

    Args:
        same: (P,) 1 where a pair shows one photo, 0 where it shows two.
        logits: (P,) of the probability of "same".

    Returns:
        Scalar >= 0.
    """
    return ops.mean(ops.softplus(logits) - same * logits)


def contrastive(same: Tensor, distances: Tensor, *, margin: float = CONTRASTIVE_MARGIN) -> Tensor:
    """Return the mean of d^2 for pairs of one photo, of max(margin - d, 0)^2 for those of two.

    Hadsell et al. 2006, without its factor of a half.

    Args:
        same: (P,) 1 where a pair shows one photo, 0 where it shows two.
        distances: (P,) Euclidean, in [0, 2] between unit vectors.
        margin: distance beyond which different photos are left alone.

    Returns:
        Scalar >= 0.
    """
    apart = ops.square(ops.relu(margin - distances))
    return ops.mean(same * ops.square(distances) + (1 - same) * apart)


def triplet(embeddings: Tensor, things: Tensor, *, margin: float = TRIPLET_MARGIN) -> Tensor:
    """Return the mean of max(d_ap^2 - d_an^2 + margin, 0) with semi-hard negatives.

    Schroff et al. 2015 (FaceNet): every ordered pair of rows of one thing is anchor and positive.
    Its negative is the nearest row of another thing that lies farther than the positive; where
    none does, the farthest of all, as nearer ones make embeddings collapse early on.

    Args:
        embeddings: (N, D) unit vectors.
        things: (N,) whole numbers, equal where rows show one thing.
        margin: by how much the squared distance to the negative must be larger.

    Returns:
        Scalar >= 0; 0 where no thing has two rows or there is but one.
    """
    square = _squared_distances(embeddings)  # (N, N)
    same = ops.cast(things[:, None] == things[None, :], square.dtype)
    own = ops.eye(ops.shape(square)[0], dtype=square.dtype)
    farthest = ops.max(square - _FAR * same, axis=1)  # (N,) of other things
    beyond = (square[:, None, :] > square[:, :, None]) & (same[:, None, :] < 0.5)  # (a, p, n)
    nearest = ops.min(ops.where(beyond, square[:, None, :], _FAR), axis=2)  # (N, N)
    negative = ops.where(nearest < _FAR, nearest, farthest[:, None])
    pairs = (same - own) * ops.cast(farthest > -_FAR / 2, square.dtype)[:, None]
    each = ops.relu(square - negative + margin) * pairs
    return ops.sum(each) / ops.maximum(ops.sum(pairs), 1.0)


def _squared_distances(embeddings: Tensor) -> Tensor:
    """Return (N, N) squared distances of unit vectors, never below 0."""
    return ops.relu(2 - 2 * ops.matmul(embeddings, ops.transpose(embeddings)))


def _twins(count: int, dtype: Any) -> Tensor:
    """Return (2 B, 2 B): 1 where two rows are the two views of one photo."""
    return ops.one_hot(ops.roll(ops.arange(count), -(count // 2)), count, dtype=dtype)


def spread(embeddings: Tensor) -> Tensor:
    """Return the root mean square distance of (N, D) rows from their mean: 0 collapsed, 1 best."""
    centred = embeddings - ops.mean(embeddings, axis=0, keepdims=True)
    return ops.sqrt(ops.mean(ops.sum(ops.square(centred), axis=1)))


def pair_accuracy(embeddings: Tensor) -> Tensor:
    """Return the share of (2 B, D) rows that lie nearest to the other view of their photo."""
    count = ops.shape(embeddings)[0]
    cosine = ops.matmul(embeddings, ops.transpose(embeddings)) - 4 * ops.eye(count)
    twin = ops.roll(ops.arange(count), -(count // 2))
    hit = ops.equal(ops.cast(ops.argmax(cosine, axis=1), "int32"), ops.cast(twin, "int32"))
    return ops.mean(ops.cast(hit, "float32"))


class BinaryCrossEntropy(keras.losses.Loss):  # type: ignore[misc]
    """`binary_cross_entropy` of (P,) truths and logits."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return binary_cross_entropy(y_true, y_pred)  # scalar


class Contrastive(keras.losses.Loss):  # type: ignore[misc]
    """`contrastive` of (P,) truths and distances."""

    def __init__(self, margin: float = CONTRASTIVE_MARGIN, **options: Any) -> None:
        super().__init__(**options)
        self.margin = margin

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return contrastive(y_true, y_pred, margin=self.margin)  # scalar


class Triplet(keras.losses.Loss):  # type: ignore[misc]
    """`triplet` of the numbers of things (N,) and their embeddings (N, D)."""

    def __init__(self, margin: float = TRIPLET_MARGIN, **options: Any) -> None:
        super().__init__(**options)
        self.margin = margin

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return triplet(y_pred, y_true, margin=self.margin)  # scalar


class NTXent(keras.losses.Loss):  # type: ignore[misc]
    """`nt_xent` of embeddings (2 B, D); the order of the rows is the truth."""

    def __init__(self, temperature: float = 0.07, **options: Any) -> None:
        super().__init__(**options)
        self.temperature = temperature

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:  # noqa: ARG002
        return nt_xent(y_pred, temperature=self.temperature)  # scalar
