"""ResNet50 with two dense layers on it (He et al. 2016): one tower for both pictures."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from dedupe.siamese.towers.layers import centred, on_sphere, start_bytes
from dedupe.siamese.towers.pretrained import Backbone, build_backbone

_IMAGENET_BGR = [103.939, 116.779, 123.68]  # mean pixel of ImageNet, blue first


def resnet50(side: int, embedding: int, backbone: Backbone) -> Any:
    """Build ResNet50 -> flatten -> 1024 -> dropout 0.2 -> `embedding`, the seed's 512.

    The backbone was taught with Caffe's pixels: blue first, the mean of ImageNet taken away, no
    scaling. At 224 pixels, flattening makes 103 million weights of the first dense layer.

    Args:
        side: edge of the input square in pixels, 32 at least.
        embedding: length of the unit vector.
        backbone: its weights.

    Returns:
        A Keras model from uint8 (B, side, side, 3) RGB to float32 (B, embedding).

    Raises:
        EncoderError: ImageNet weights were asked for and cannot be fetched.
    """
    pixels, x = start_bytes(side)
    x = ops.take(x, ops.array([2, 1, 0]), axis=-1) - ops.array(_IMAGENET_BGR)
    x = build_backbone("ResNet50", side, backbone)(x)  # (B, side / 32, side / 32, 2048)
    x = layers.Flatten()(x)
    x = layers.Dense(1024, activation="relu")(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Dense(embedding, use_bias=False)(x)
    return keras.Model(pixels, on_sphere(centred(x)), name="resnet50")
