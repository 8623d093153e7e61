"""The networks that both images of a pair go through: uint8 pixels in, unit vectors out.

Owns architectures. Preprocessing and normalisation are layers: a saved tower cannot be fed wrongly.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from dedupe.errors import UsageError

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
    pixels = keras.Input((side, side, 3), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(ops.cast(pixels, "float32"))
    x = _convolve(x, 24, stride=2)
    x = _convolve(x, 48, stride=2)
    x = _residual_block(x, 48)
    for filters in (96, 176):
        x = _convolve(x, filters, stride=2)
        x = _residual_block(x, filters)
    x = layers.Dense(embedding, use_bias=False)(_generalized_mean(x))
    # Centred before it is normalised: otherwise the positive pooled features share one direction,
    # which leaves little of the sphere to tell photos apart and slows training down.
    x = layers.BatchNormalization(momentum=0.98, center=False, scale=False)(x)
    return keras.Model(pixels, layers.UnitNormalization()(x), name="residual")


TOWERS = {"residual": residual}


def build_tower(name: str, *, side: int | None, embedding: int) -> Any:
    """Build the tower called `name`.

    Raises:
        UsageError: no tower has that name.
    """
    if name not in TOWERS:
        raise UsageError(f"no tower is called {name!r}; choose one of {', '.join(sorted(TOWERS))}")
    return TOWERS[name](side, embedding)
