"""Build our own towers: a residual network of a million parameters, with one view or two."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from dedupe.siamese.towers.layers import centred, on_sphere, start

GEM_FLOOR = 1e-6  # added to the mean of the cubes, so that its root has a gradient
_MIDDLE = 1 / 2  # share of each side that the second look of `fovea` sees
MIDDLE_WEIGHT = 0.5  # weight of the vector of the middle; that of the whole has 1


def _generalized_mean(features: Any) -> Any:
    """GeM pooling with exponent 3 (Radenović et al. 2018): (B, H, W, C) >= 0 -> (B, C).

    Between average and maximum: it weighs the places that respond, wherever a crop left them.
    """
    cubes = ops.mean(features * features * features, axis=(1, 2))
    return ops.exp(ops.log(cubes + GEM_FLOOR) / 3)


def _convolve(x: Any, filters: int, *, stride: int = 1, active: bool = True) -> Any:
    x = layers.Conv2D(
        filters, 3, stride, "same", use_bias=False, kernel_initializer="he_normal"
    )(x)  # fmt: skip
    x = layers.BatchNormalization(momentum=0.98)(x)
    return layers.Activation("relu")(x) if active else x


def _residual_block(x: Any, filters: int) -> Any:
    inner = _convolve(_convolve(x, filters), filters, active=False)
    return layers.Activation("relu")(layers.Add()([x, inner]))


def _embed(x: Any, embedding: int) -> Any:
    """Unit vectors (B, embedding) of pixels (B, H, W, 3) in [-1, 1]."""
    x = _convolve(x, 24, stride=2)
    x = _convolve(x, 48, stride=2)
    x = _residual_block(x, 48)
    for filters in (96, 176):
        x = _convolve(x, filters, stride=2)
        x = _residual_block(x, filters)
    x = layers.Dense(embedding, use_bias=False)(_generalized_mean(x))
    return on_sphere(centred(x))


def residual(side: int | None, embedding: int) -> Any:
    """Build a plain residual network of about a million parameters.

    Two strided convolutions bring 96 px down to 24 before the first block: near-duplicates agree in
    layout, and full-resolution maps are what costs time on a CPU.

    Args:
        side: edge of the input square in pixels; None builds a tower that takes any size.
        embedding: length of the unit vector.

    Returns:
        A Keras model from uint8 (B, side, side, 3) RGB to float32 (B, embedding).
    """
    pixels, x = start(side)
    return keras.Model(pixels, _embed(x, embedding), name="residual")


def fovea(side: int, embedding: int) -> Any:
    """Build the residual network with two views: the picture, and its enlarged middle.

    A deep crop resembles the middle of its photo more than the whole. The vector is the direction
    of the sum of both, the middle counting half: one vector still, of twice the work. The weights
    are those of `residual`, and can be exchanged with it.

    Args:
        side: edge of the input square in pixels.
        embedding: length of the unit vector.

    Returns:
        As `residual`.
    """
    pixels, whole = start(side)
    margin = round(side * (1 - _MIDDLE) / 2)
    middle = ops.image.resize(layers.Cropping2D(margin)(whole), (side, side))
    looks = _embed(layers.Concatenate(axis=0)([whole, middle]), embedding)
    # A product and a sum, which `export` leaves in floats, where it turns additions into integers.
    weights = np.array([1, MIDDLE_WEIGHT], np.float32)[:, None, None]
    vectors = ops.sum(ops.reshape(looks, (2, -1, embedding)) * weights, axis=0)
    return keras.Model(pixels, on_sphere(vectors), name="fovea")
