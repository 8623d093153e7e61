"""The default tower: a plain residual network of a million parameters, as the encoder ships it."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from dedupe.siamese.towers.ends import centred, on_sphere, start

GEM_FLOOR = 1e-6  # added to the mean of the cubes, so that its root has a gradient


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


def residual(side: int | None, embedding: int) -> Any:
    """Build the default tower: a plain residual network of about a million parameters.

    Two strided convolutions bring 96 px down to 24 before the first block: near-duplicates agree in
    layout, and full-resolution maps are what costs time on a CPU.

    Args:
        side: edge of the input square in pixels; None builds a tower that takes any size.
        embedding: length of the unit vector.

    Returns:
        A Keras model from uint8 (B, side, side, 3) RGB to float32 (B, embedding).
    """
    pixels, x = start(side)
    x = _convolve(x, 24, stride=2)
    x = _convolve(x, 48, stride=2)
    x = _residual_block(x, 48)
    for filters in (96, 176):
        x = _convolve(x, filters, stride=2)
        x = _residual_block(x, filters)
    x = layers.Dense(embedding, use_bias=False)(_generalized_mean(x))
    return keras.Model(pixels, on_sphere(centred(x)), name="residual")
