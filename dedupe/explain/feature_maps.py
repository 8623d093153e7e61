"""What a tower sees where: its last maps, what follows them, and where their places look.

Owns how a tower is read; knows nothing of files and draws nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from dedupe.encoder.runtime import KerasEncoder
from dedupe.errors import EncoderError
from dedupe.explain.grid import Floats
from dedupe.explain.shapley import Shares, ends_in_cells, find_end, share_cells, share_swaps
from dedupe.siamese.towers import GEM_FLOOR, MIDDLE_WEIGHT

NORM_FLOOR = 1e-12
_ALIKE = 1e-3  # how far coordinates of a unit vector may differ that are computed in two ways


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What follows the maps: GeM pooling, a linear layer, normalisation."""

    kernel: Floats  # (K, D), of channels to coordinates
    offset: Floats  # (D,)

    def embed(self, maps: Floats) -> Floats:
        """Map (R, C, K) to the unit vector (D,) that the tower gives."""
        raw = self.project(pool(maps))
        return np.asarray(raw / max(float(np.linalg.norm(raw)), NORM_FLOOR))

    def project(self, pooled: Floats) -> Floats:
        """Map (K,) pooled channels to (D,) coordinates, not yet normalised."""
        return np.asarray(pooled @ self.kernel + self.offset)


@dataclass(frozen=True, slots=True, eq=False)
class Middle:
    """The last maps of the enlarged middle of the pictures, of a tower with two views."""

    maps: Floats  # (B, R, C, K), >= 0
    grid: Floats  # as that of `Views`


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """The last maps of a tower for some pictures, and the position of each place in the picture."""

    maps: Floats  # (B, R, C, K); >= 0 where GeM pools them
    head: Head | Shares
    grid: Floats  # (2, 3): x and y of the squashed picture, in [0, 1], to column and row
    middle: Middle | None = None  # of a tower that looks twice


def view(encoder: KerasEncoder, pixels: NDArray[np.uint8], judge: Any = None) -> Views:
    """Run the tower of an encoder on two pictures and keep its last maps.

    Args:
        encoder: an open one.
        pixels: (B, side, side, 3) RGB; B = 2 for a tower that does not end as ours does, in GeM
            pooling and a linear layer.
        judge: the head that was trained with it, if there is one; ours is looked at without.

    Raises:
        EncoderError: the tower has no maps that nothing but pooling or flattening follows.
    """
    model, side = encoder.model, pixels.shape[1]
    head = _read_head(model)
    if head is not None:
        # A backbone is a model of its own; its own output is not part of this model.
        own = [layer for layer in model.layers if not isinstance(layer, keras.Model)]
        outputs = [getattr(layer, "output", None) for layer in own]
        spatial = [output for output in outputs if len(getattr(output, "shape", ())) == 4]
        maps, vectors = _run(model, spatial[-1], pixels)
        grid = _find_grid(model.layers, side)
        views = Views(maps, head, grid)
        if len(maps) == 2 * len(pixels):
            whole, middle = np.split(maps, 2)
            views = Views(whole, head, grid, Middle(middle, grid @ _find_middle(model, side)))
        if _ends_so(head, views, vectors):
            return views
    if ends_in_cells(model):
        maps, vectors = _run(model, model.layers[-3].input, pixels)
        shares = share_cells(model, maps, vectors, judge)
        if shares is not None:
            return Views(maps, shares, _find_grid(model.layers[:-3], side))
    end = find_end(model)
    if end is None:
        raise EncoderError(
            f"encoder {encoder.manifest.name} has no maps that are pooled or flattened at its end: "
            "what each place adds cannot be drawn; explain without --out"
        )
    maps, _ = _run(model, model.layers[end].input, pixels)
    rows, columns = maps.shape[1:3]
    tiles = np.array([[columns, 0, -0.5], [0, rows, -0.5]])
    return Views(maps, share_swaps(model, maps, judge), tiles)


def _run(model: Any, maps: Any, pixels: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Return one of a tower's maps (B, R, C, K) and its vectors (B, D)."""
    both = keras.Model(model.inputs, [maps, model.outputs[0]]).predict_on_batch(pixels)
    return np.asarray(both[0], np.float64), np.asarray(both[1], np.float64)


def add_looks(head: Head, views: Views, picture: int) -> Floats:
    """Return the sum (D,) float64 of both views of a picture; its direction is the embedding."""
    whole = head.embed(views.maps[picture])
    if views.middle is None:
        return whole
    return whole + MIDDLE_WEIGHT * head.embed(views.middle.maps[picture])


def pool(maps: Floats) -> Floats:
    """GeM: (R, C, K) to (K,)."""
    return np.asarray(np.cbrt((maps**3).mean(axis=(0, 1)) + GEM_FLOOR))


def _read_head(model: Any) -> Head | None:
    """Take the linear layer, and the normalisation that is folded into it, from a tower."""
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if len(dense) != 1:
        return None
    kernel = np.asarray(dense[0].kernel, np.float64)
    offset = np.zeros(kernel.shape[1])
    if dense[0].bias is not None:
        offset += np.asarray(dense[0].bias, np.float64)
    after = model.layers[model.layers.index(dense[0]) + 1 :]
    for layer in after:
        if isinstance(layer, keras.layers.BatchNormalization):
            scale = 1 / np.sqrt(np.asarray(layer.moving_variance, np.float64) + layer.epsilon)
            offset = (offset - np.asarray(layer.moving_mean, np.float64)) * scale
            kernel = kernel * scale
    return Head(kernel, offset)


def _ends_so(head: Head, views: Views, vectors: Floats) -> bool:
    """Return whether head and views give the vectors (B, D) of the tower."""
    if views.maps.shape[3] != len(head.kernel):
        return False
    made = np.stack([add_looks(head, views, picture) for picture in range(len(views.maps))])
    made /= np.maximum(np.linalg.norm(made, axis=1, keepdims=True), NORM_FLOOR)
    return made.shape == vectors.shape and bool(np.abs(made - vectors).max() < _ALIKE)


def _find_middle(model: Any, side: int) -> Floats:
    """Return the (3, 3) map from the picture to its enlarged middle, both in [0, 1]."""
    crops = [layer for layer in model.layers if isinstance(layer, keras.layers.Cropping2D)]
    (top, _), (left, _) = crops[0].cropping if crops else ((0, 0), (0, 0))
    x, y = side / (side - 2 * left), side / (side - 2 * top)
    return np.array([[x, 0, -x * left / side], [0, y, -y * top / side], [0, 0, 1]])


def _find_grid(layers: list[Any], side: int) -> Floats:
    """Return the (2, 3) map from the picture, x and y in [0, 1], to column and row of a place.

    The centre of the receptive field of a place follows from the strides of the layers.

    "same" padding adds less at the top and left, so that with even sizes the centres lie half a
    place further right and down than a division of the picture into tiles would have it.
    """
    step, centre, size = 1, 0.0, side
    for layer in layers:
        window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
        if window is None:
            continue
        kernel, stride = window[0], layer.strides[0]
        smaller, before = (size - kernel) // stride + 1, 0
        if layer.padding == "same":
            smaller = -(-size // stride)
            before = max((smaller - 1) * stride + kernel - size, 0) // 2
        centre += step * ((kernel - 1) / 2 - before)
        step, size = step * stride, smaller
    # Place i is at pixel centre + step * i; the middle of that pixel is half a pixel further.
    shift = -(centre + 0.5) / step
    return np.array([[side / step, 0, shift], [0, side / step, shift]])
