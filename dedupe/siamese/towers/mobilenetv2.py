"""MobileNetV2 with two dense layers on it (Sandler et al. 2018)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from dedupe.siamese.towers.layers import centred, on_sphere, start
from dedupe.siamese.towers.pretrained import Backbone, build_backbone


def mobilenetv2(side: int, embedding: int, backbone: Backbone) -> Any:
    """Build MobileNetV2 -> global average -> 320 -> dropout 0.2 -> `embedding`, the seed's 101.

    The backbone wants pixels in [-1, 1]. Dropout stands between the dense layers, where it only
    trains; nothing follows the last one but centring and normalisation.

    Args:
        side: edge of the input square in pixels, 32 at least.
        embedding: length of the unit vector.
        backbone: its weights.

    Returns:
        A Keras model from uint8 (B, side, side, 3) RGB to float32 (B, embedding).

    Raises:
        EncoderError: ImageNet weights were asked for and cannot be fetched.
    """
    pixels, x = start(side)
    x = build_backbone("MobileNetV2", side, backbone)(x)  # (B, side / 32, side / 32, 1280)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(320, activation="relu")(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Dense(embedding, use_bias=False)(x)
    return keras.Model(pixels, on_sphere(centred(x)), name="mobilenetv2")
