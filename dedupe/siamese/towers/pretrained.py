"""Backbones of keras.applications, with the weights that ImageNet taught them if asked."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from dedupe.errors import EncoderError, one_line

# keras.applications remember a hundred batches or more. While weights still move, that lags so far
# behind through fifty layers that, outside of training, all embeddings are one point.
_MOMENTUM = 0.9


@dataclass(frozen=True, slots=True)
class Backbone:
    """What may be chosen about the backbone of a tower."""

    imagenet: bool = False  # start from ImageNet weights, which are fetched once
    frozen: bool = False  # train what stands on it only


def build_backbone(name: str, side: int, chosen: Backbone) -> Any:
    """Build a network of keras.applications without its classifier.

    Args:
        name: of a class of keras.applications.
        side: edge of its input, pixels.
        chosen: which weights, and whether they are trained.

    Returns:
        A Keras model from float32 (B, side, side, 3) to float32 (B, R, R, K), scaled as the
        backbone's authors scaled their pictures.

    Raises:
        EncoderError: the weights cannot be fetched.
    """
    make = getattr(keras.applications, name)
    weights = "imagenet" if chosen.imagenet else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # weights of another input size are still the weights
            backbone = make(include_top=False, weights=weights, input_shape=(side, side, 3))
    except Exception as error:  # keras.utils.get_file raises nothing narrower
        if not chosen.imagenet:
            raise
        raise EncoderError(
            f"the ImageNet weights of {name} cannot be fetched: {one_line(error)}; "
            "connect to the network, or leave out --weights imagenet"
        ) from error
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = _MOMENTUM
    backbone.trainable = not chosen.frozen
    return backbone
