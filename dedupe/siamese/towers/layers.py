"""How every tower begins and ends: bytes to numbers, and features to a point of the sphere."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


def start(side: int | None) -> tuple[Any, Any]:
    """Return the input, uint8 (B, side, side, 3) RGB, and the same as float32 in [-1, 1]."""
    pixels, x = start_bytes(side)
    return pixels, layers.Rescaling(1 / 127.5, offset=-1.0)(x)


def start_bytes(side: int | None) -> tuple[Any, Any]:
    """Return the input, uint8 (B, side, side, 3) RGB, and the same as float32 in [0, 255]."""
    pixels = keras.Input((side, side, 3), dtype="uint8", name="pixels")
    return pixels, ops.cast(pixels, "float32")


def centred(x: Any) -> Any:
    """Take the mean of the training images from features (B, D), and divide by their deviation.

    Positive features share one direction. If they are normalised as they are, they use a small part
    of the sphere, and training barely starts.
    """
    return layers.BatchNormalization(momentum=0.98, center=False, scale=False)(x)


def on_sphere(x: Any) -> Any:
    """Divide features (B, D) by their length: what leaves every tower is a unit vector."""
    return layers.UnitNormalization()(x)
