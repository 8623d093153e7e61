"""A tower for handwritten words after SigNet (Dey et al. 2017)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from dedupe.siamese.towers.layers import on_sphere, start_bytes

_LUMA = [[0.299], [0.587], [0.114]]  # ITU-R BT.601
# Filters and kernel of each convolution, and whether a pooling of 3 / 2 follows.
_CONVOLUTIONS = (
    (96, 7, True), (128, 5, False), (128, 5, True), (384, 3, False), (256, 3, False), (128, 3, True)
)  # fmt: skip


def signet(side: int, embedding: int) -> Any:
    """Build the tower: seven convolutions, dense 1024, and a linear layer of `embedding`.

    Ink is what counts: colours become darkness, 0 for paper. Batch normalisation stands where
    SigNet had local response normalisation. The last layer has no ReLU: behind one, a loss that
    pulls pairs together is smallest where all coordinates are 0 and no gradient leads back.

    Args:
        side: edge of the input square in pixels, 32 at least.
        embedding: length of the unit vector, the seed's 128.

    Returns:
        A Keras model from uint8 (B, side, side, 3) RGB to float32 (B, embedding).
    """
    pixels, x = start_bytes(side)
    x = 1.0 - ops.matmul(x, ops.array(_LUMA)) / 255.0  # (B, side, side, 1) in [0, 1]
    x = _convolve(x, 96, 7, stride=2)
    x = layers.MaxPooling2D(3, 2, "same")(x)
    for filters, kernel, pooled in _CONVOLUTIONS:
        x = _convolve(x, filters, kernel)
        x = layers.MaxPooling2D(3, 2, "same")(x) if pooled else x
    x = layers.Flatten()(x)
    x = layers.Dense(1024, activation="relu", kernel_initializer="he_normal")(x)
    x = layers.Dense(embedding)(x)
    return keras.Model(pixels, on_sphere(x), name="signet")


def _convolve(x: Any, filters: int, kernel: int, *, stride: int = 1) -> Any:
    x = layers.Conv2D(
        filters, kernel, stride, "same", use_bias=False, kernel_initializer="he_normal"
    )(x)  # fmt: skip
    x = layers.BatchNormalization(momentum=0.98)(x)
    return layers.Activation("relu")(x)
