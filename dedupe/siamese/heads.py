"""Heads: what two embeddings make of one question, the probability that they show the same.

Every head is sigmoid(bias - sum of weight x difference). Differences are 0 for identical images and
never negative, weights never negative, the bias never below logit(0.99): so identical images answer
0.99 or more by construction, trained or not, and no difference speaks for sameness. A plain Dense
layer on a distance answers sigmoid(0) = 0.5 there instead, whatever it learned.

Owns the differences; towers know nothing of them, and losses see logits only.
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import keras
from keras import initializers, layers, ops

from dedupe.errors import EncoderError, UsageError, one_line

HEAD_FILE = "head.keras"  # beside the encoder's files, where a head was trained with it
Tensor = Any  # a tensor of whichever backend Keras runs on

IDENTICAL = 0.99  # least probability that two identical images are given
_FLOOR = math.log(IDENTICAL / (1 - IDENTICAL)) + 1e-4  # above it by more than float32 rounds
_STEEPNESS = 5.0  # what a distance of 1 takes from the logit before training, about
_LARGEST = 20.0  # logarithm of a weight; an infinite weight times a difference of 0 is no number
_TOUCHING = 1e-12  # squared distance below which two points are one


def safe_distance(first: Tensor, second: Tensor) -> Tensor:
    """Return the Euclidean distances of rows (B, D), as (B, 1), 0 and flat where they are equal.

    The square root's gradient is infinite at 0, and 0 x infinity is no number: so the root is
    taken of 1 there instead, and its result thrown away.
    """
    square = ops.sum(ops.square(first - second), axis=-1, keepdims=True)
    apart = square > _TOUCHING
    return ops.where(apart, ops.sqrt(ops.where(apart, square, 1.0)), 0.0)


class Head(layers.Layer):  # type: ignore[misc]
    """Probability that two embeddings show the same, in [0, 1]: (B, D), (B, D) -> (B, 1)."""

    def measure(self, first: Tensor, second: Tensor) -> Tensor:
        """Return (B, K) differences >= 0, all of them 0 for equal rows."""
        raise NotImplementedError

    def count(self, dimension: int) -> int:
        """Return K, the number of differences between embeddings of `dimension` floats."""
        return dimension

    def build(self, first_shape: Any, second_shape: Any) -> None:  # noqa: ARG002
        count = self.count(int(first_shape[-1]))
        each = math.log(_STEEPNESS / math.sqrt(count))
        self.raw_weights = self.add_weight(
            shape=(count,), initializer=initializers.Constant(each), name="raw_weights"
        )
        self.raw_bias = self.add_weight(shape=(), initializer="zeros", name="raw_bias")

    @property
    def steepness(self) -> Tensor:
        """(K,) > 0: how much each difference takes from the logit."""
        return ops.exp(ops.clip(self.raw_weights, -_LARGEST, _LARGEST))

    @property
    def bias(self) -> Tensor:
        """Return the logit of identical images, a scalar above that of 0.99."""
        return _FLOOR + ops.softplus(self.raw_bias)

    def logits(self, first: Tensor, second: Tensor) -> Tensor:
        """Return (B,) logits of the probability of "same"."""
        differences = self.measure(first, second)  # (B, K)
        return self.bias - ops.sum(differences * self.steepness, axis=-1)

    def call(self, first: Tensor, second: Tensor) -> Tensor:
        """Return (B, 1) probabilities of "same" of (B, D) embeddings."""
        return ops.sigmoid(self.logits(first, second))[..., None]


@keras.saving.register_keras_serializable("dedupe")
class L1(Head):
    """A weight for the difference of every coordinate."""

    def measure(self, first: Tensor, second: Tensor) -> Tensor:
        """Return (B, D) absolute differences of (B, D) embeddings."""
        return ops.abs(first - second)


@keras.saving.register_keras_serializable("dedupe")
class Euclidean(Head):
    """One weight, for the distance."""

    def measure(self, first: Tensor, second: Tensor) -> Tensor:
        """Return (B, 1) Euclidean distances of (B, D) embeddings."""
        return safe_distance(first, second)

    def count(self, dimension: int) -> int:  # noqa: ARG002
        return 1


@keras.saving.register_keras_serializable("dedupe")
class Cosine(Head):
    """One weight, for 1 - cosine; of unit vectors that is half the squared distance.

    Written so, it is exactly 0 for identical images, where 1 - a.b is off by a rounding.
    """

    def measure(self, first: Tensor, second: Tensor) -> Tensor:
        """Return (B, 1) halves of squared distances of (B, D) embeddings."""
        return ops.sum(ops.square(first - second), axis=-1, keepdims=True) / 2

    def count(self, dimension: int) -> int:  # noqa: ARG002
        return 1


@keras.saving.register_keras_serializable("dedupe")
class Spatial(Head):
    """A weight for every place of embeddings that are flattened maps.

    The difference at a place is the length of the vector of the channels' differences.
    """

    def __init__(self, channels: int, **options: Any) -> None:
        """Make the head of maps with `channels` floats a place."""
        super().__init__(**options)
        self.channels = channels

    def measure(self, first: Tensor, second: Tensor) -> Tensor:
        places = (-1, self.count(int(first.shape[-1])), self.channels)
        apart = safe_distance(ops.reshape(first, places), ops.reshape(second, places))
        return apart[..., 0]  # (B, R * C)

    def count(self, dimension: int) -> int:
        return dimension // self.channels

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels}


HEADS = {"l1": L1, "euclidean": Euclidean, "cosine": Cosine, "spatial": Spatial}


def check_head(name: str) -> None:
    """Make sure that `name` is that of a head.

    Raises:
        UsageError: it is not.
    """
    if name not in HEADS:
        raise UsageError(f"no head is called {name!r}; choose one of {', '.join(sorted(HEADS))}")


def build_head(name: str, tower: Any) -> Any:
    """Build a head on the embeddings of a tower.

    Returns:
        A Keras model from two float32 (B, D) to the probability of "same", float32 (B, 1).

    Raises:
        UsageError: no head has that name, or the tower's embedding has no places.
    """
    check_head(name)
    options = {"channels": _channels(tower)} if name == "spatial" else {}
    pair = [keras.Input((tower.output_shape[-1],), name=which) for which in ("first", "second")]
    return keras.Model(pair, HEADS[name](name="head", **options)(*pair), name=name)


def _channels(tower: Any) -> int:
    """Return the floats of each place of a tower that flattens its maps and normalises them."""
    before = tower.layers[-2]
    if not isinstance(before, layers.Flatten):
        raise UsageError(
            f"head spatial needs a tower with its maps as embedding, as tiny; {tower.name} has none"
        )
    return int(before.input.shape[-1])


def load_head(folder: Path) -> Any:
    """Load the head that was trained with the encoder in `folder`, or None where none was.

    Raises:
        EncoderError: it is damaged.
    """
    path = folder / HEAD_FILE
    if not path.exists():
        return None
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise EncoderError(f"{path} cannot be loaded: {one_line(error)}") from error
