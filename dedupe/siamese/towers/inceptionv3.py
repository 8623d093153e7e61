"""InceptionV3 (Szegedy et al. 2016), its features averaged over places."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from dedupe.siamese.towers.layers import centred, on_sphere, start
from dedupe.siamese.towers.pretrained import Backbone, build_backbone

FEATURES = 2048


def inceptionv3(side: int, embedding: int, backbone: Backbone) -> Any:
    """Build InceptionV3 -> global average (2048); the seed's input is 224 pixels.

    The backbone wants pixels in [-1, 1].

    Args:
        side: edge of the input square in pixels, 75 at least.
        embedding: length of the unit vector; a dense layer makes any other than 2048.
        backbone: its weights.

    Returns:
        A Keras model from uint8 (B, side, side, 3) RGB to float32 (B, embedding).

    Raises:
        EncoderError: ImageNet weights were asked for and cannot be fetched.
    """
    pixels, x = start(side)
    x = build_backbone("InceptionV3", side, backbone)(x)  # (B, R, R, 2048)
    x = layers.GlobalAveragePooling2D()(x)
    if embedding != FEATURES:
        x = layers.Dense(embedding, use_bias=False)(x)
    return keras.Model(pixels, on_sphere(centred(x)), name="inceptionv3")
