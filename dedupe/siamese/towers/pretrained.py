"""Backbones of keras.applications, with the weights that ImageNet taught them if asked."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
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


def load_backbone(tower: Any, file: Path) -> bool:
    """Give the backbone of a tower the weights of a Keras file of the same network.

    A `.keras` file may hold the network with its classifier, as `keras.applications` builds it,
    with an input of any size; `.weights.h5` and `.h5` files hold weights alone.

    Args:
        tower: as `build_tower` returns it.
        file: the weights.

    Returns:
        Whether the tower has a backbone and the file holds its weights; False leaves it unchanged.
    """
    nested = [layer for layer in tower.layers if isinstance(layer, keras.Model)]
    if len(nested) != 1:
        return False
    backbone = nested[0]
    if file.suffix == ".keras":
        return _copy_layers(keras.saving.load_model(file, compile=False), backbone)
    try:
        backbone.load_weights(str(file))
    except (ValueError, KeyError):
        return False
    return True


def _copy_layers(source: Any, backbone: Any) -> bool:
    """Copy weights layer by layer in the order of construction; the source may have more layers.

    Names do not decide: those that Keras numbers differ from one session to another.
    """
    own = list(_weighted(backbone))
    given = list(_weighted(source))[: len(own)]
    if [_shapes(layer) for layer in given] != [_shapes(layer) for layer in own]:
        return False
    for layer, other in zip(own, given, strict=True):
        layer.set_weights(other.get_weights())
    return True


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [weight.shape for weight in layer.get_weights()]


def _weighted(model: Any) -> Iterator[Any]:
    """Yield the layers that hold weights, those of nested models in their place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _weighted(layer)
        elif layer.weights:
            yield layer
