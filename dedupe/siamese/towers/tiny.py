"""The 194-parameter network: two small convolutions on each half of a double picture.

The seed's note feeds one picture of 128 x 256, both photos side by side, subtracts the left half of
the maps from the right one and drops the column between them, where the filters saw both. Here each
photo goes through the same two convolutions by itself, which gives the same numbers; the
difference, and the 26 parameters that judge it, are `heads.Spatial`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from dedupe.errors import UsageError
from dedupe.siamese.towers.layers import on_sphere, start

FILTERS = 3
CELL = 6  # places of a map that are averaged into one, each way


def tiny(
    side: int | None, embedding: int, *, activation: str = "tanh", cell: int | None = CELL
) -> Any:
    """Build the tower of 194 parameters; 168 are here: twice 3 filters of 3 x 3 x 3 and bias.

    At 128 pixels: conv (126, 126, 3), pool (63, 63, 3), conv (61, 61, 3), pool (30, 30, 3), average
    pool (5, 5, 3). Averaging is linear: the difference of averages is the average of differences.

    Args:
        side: edge of the input square in pixels, 32 at least.
        embedding: length of the unit vector; it follows from `side`, 75 at 128 pixels.
        activation: of the convolutions, `tanh` or `elu`.
        cell: edge of the squares of places that are averaged; None averages all of them.

    Returns:
        A Keras model from uint8 (B, side, side, 3) RGB to float32 (B, embedding).

    Raises:
        UsageError: no such embedding comes of such a side.
    """
    if side is None:
        raise UsageError("tower tiny needs the side of its input")
    pixels, x = start(side)
    for _ in range(2):
        x = layers.Conv2D(FILTERS, 3, activation=activation)(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.AveragePooling2D(cell or x.shape[1], name="cells")(x)  # (B, R, R, 3)
    x = layers.Flatten()(x)
    if x.shape[1] != embedding:
        raise UsageError(
            f"tower tiny makes {x.shape[1]} floats of {side} pixels, not {embedding}; "
            f"give --embedding {x.shape[1]}"
        )
    return keras.Model(pixels, on_sphere(x), name="tiny")
