"""What a tower sees where: its last maps, and what each of their places adds to a distance.

The pooling forgets places, so the distance between two embeddings can be written as a sum over the
places of both pictures, exactly. Owns that sum; knows nothing of files and draws nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from dedupe.encoder import KerasEncoder
from dedupe.errors import EncoderError
from dedupe.siamese.shares import Shares, ends_in_cells, find_end, share_cells, share_swaps
from dedupe.siamese.towers import GEM_FLOOR

Floats = NDArray[np.float64]

_FINE = 16  # parts of an edge into which a place is cut before it is laid elsewhere
_NORM_FLOOR = 1e-12
_ALIKE = 1e-3  # how far coordinates of a unit vector may differ that are computed in two ways


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What follows the maps: GeM pooling, a linear layer, normalisation."""

    kernel: Floats  # (K, D), of channels to coordinates
    offset: Floats  # (D,)

    def embed(self, maps: Floats) -> Floats:
        """Map (R, C, K) to the unit vector (D,) that the tower gives."""
        raw = self.project(_pool(maps))
        return np.asarray(raw / max(float(np.linalg.norm(raw)), _NORM_FLOOR))

    def project(self, pooled: Floats) -> Floats:
        """Map (K,) pooled channels to (D,) coordinates, not yet normalised."""
        return np.asarray(pooled @ self.kernel + self.offset)


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """The last maps of a tower for some pictures, and where in the picture each place looks."""

    maps: Floats  # (B, R, C, K); >= 0 where GeM pools them
    head: Head | Shares
    grid: Floats  # (2, 3): x and y of the squashed picture, in [0, 1], to column and row


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """What every place of two pictures adds to the square of the distance of their embeddings.

    The sum of all of them is the square of the distance, exactly; a place may take away.
    """

    first: Floats  # (R, C), by the places of the first picture
    second: Floats  # (R, C), by those of the second

    @property
    def total(self) -> float:
        """The square of the distance, in [0, 4]."""
        return float(self.first.sum() + self.second.sum())


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
        # A backbone is a model of its own, whose output as such is no part of this one.
        own = [layer for layer in model.layers if not isinstance(layer, keras.Model)]
        outputs = [getattr(layer, "output", None) for layer in own]
        spatial = [output for output in outputs if len(getattr(output, "shape", ())) == 4]
        maps, vectors = _run(model, spatial[-1], pixels)
        if _ends_so(head, maps, vectors):
            return Views(maps, head, _find_grid(model.layers, side))
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


def contribute(head: Head, first: Floats, second: Floats) -> Contributions:
    """Share the squared distance of two embeddings out over the places of both pictures.

    Exact, no first-order approximation, and the same seen from either picture. With v = g W + o the
    coordinates before normalisation, u = v / |v|, and g the pooled channels, g^3 = mean f^3 + e:

        |u_a - u_b|^2 = 2 / (|v_a| + |v_b|) (u_a - u_b) . (v_a - v_b)
        v_a - v_b = (g_a - g_b) W
        g_a - g_b = (g_a^3 - g_b^3) / (g_a^2 + g_a g_b + g_b^2)

    and g_a^3 - g_b^3 is a sum over places: each of A adds its f^3, each of B takes its own away.
    The weights of the channels are those of a gradient, as in Grad-CAM (Selvaraju et al. 2017), but
    taken along the whole way from one picture to the other. One picture's part alone says little:
    the two cancel wherever the pictures agree, so lay one on the other (`lay_on`) and add them.

    Args:
        head: of the tower.
        first, second: (R, C, K) its maps.
    """
    pooled = [_pool(maps) for maps in (first, second)]
    raw = [head.project(g) for g in pooled]
    norms = [max(float(np.linalg.norm(v)), _NORM_FLOOR) for v in raw]
    apart = raw[0] / norms[0] - raw[1] / norms[1]  # (D,)
    secant = pooled[0] ** 2 + pooled[0] * pooled[1] + pooled[1] ** 2  # (K,)
    places = first.shape[0] * first.shape[1]
    weights = 2 / sum(norms) * (head.kernel @ apart) / secant / places  # (K,)
    return Contributions(first**3 @ weights, -(second**3 @ weights))


def lay_on(second: Floats, matrix: Floats) -> tuple[Floats, float]:
    """Carry the sums of the second picture's places to the places of the first.

    Places are cut fine and moved, so that what they hold is neither made nor lost.

    Args:
        second: (R, C) sums.
        matrix: (2, 3) from column and row in the first to those in the second, as from
            `between_places`.

    Returns:
        (R, C) sums in the first picture's places, and the sum of what lies outside them.
    """
    rows, columns = second.shape
    y, x = (np.mgrid[: rows * _FINE, : columns * _FINE] + 0.5) / _FINE - 0.5
    fine = np.repeat(np.repeat(second, _FINE, 0), _FINE, 1) / _FINE**2
    back = cv2.invertAffineTransform(matrix)
    at = np.rint(back[:, :2] @ np.stack([x.ravel(), y.ravel()]) + back[:, 2:]).astype(np.int64)
    inside = ((at >= 0) & (at < [[columns], [rows]])).all(axis=0)
    laid = np.zeros((rows, columns))
    np.add.at(laid, (at[1, inside], at[0, inside]), fine.ravel()[inside])
    return laid, float(fine.ravel()[~inside].sum())


def warp_maps(second: Floats, matrix: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the second picture's maps at the first's places, and where it has any.

    Args:
        second: (R, C, K).
        matrix: as for `lay_on`.

    Returns:
        (R, C, K), interpolated between places, and (R, C): the place lies inside the second.
    """
    rows, columns, _ = second.shape
    y, x = np.mgrid[:rows, :columns]
    at = (matrix[:, :2] @ np.stack([x.ravel(), y.ravel()]) + matrix[:, 2:]).reshape(
        2, rows, columns
    )
    inside = (at >= -0.5).all(axis=0) & (at[0] <= columns - 0.5) & (at[1] <= rows - 0.5)
    at = np.clip(at, 0, [[[columns - 1]], [[rows - 1]]])
    low = np.minimum(at.astype(np.int64), [[[max(columns - 2, 0)]], [[max(rows - 2, 0)]]])
    part = at - low
    warped = np.zeros_like(second)
    for dx in (0, 1):
        for dy in (0, 1):
            weight = abs(1 - dx - part[0]) * abs(1 - dy - part[1])
            corner = second[np.minimum(low[1] + dy, rows - 1), np.minimum(low[0] + dx, columns - 1)]
            warped += weight[..., None] * corner
    return warped, inside


def between_places(
    matrix: Floats, grid: Floats, first: tuple[int, int], second: tuple[int, int]
) -> Floats:
    """Turn a map between pictures into one between the places of their maps.

    Args:
        matrix: (2, 3) from pixels of the first picture to those of the second.
        grid: of `Views`.
        first, second: width and height of the two, pixels.

    Returns:
        (2, 3) from column and row in the first to those in the second.
    """
    unit_first, unit_second = (_to_unit(size) for size in (first, second))
    return np.asarray(
        (_square(grid) @ unit_second @ _square(matrix)
         @ np.linalg.inv(unit_first) @ np.linalg.inv(_square(grid)))[:2]
    )  # fmt: skip


def _to_unit(size: tuple[int, int]) -> Floats:
    """From pixels, counted from the centre of the first, to [0, 1]."""
    width, height = size
    return np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]])


def _square(matrix: Floats) -> Floats:
    return np.vstack([matrix, [0, 0, 1]])


def _pool(maps: Floats) -> Floats:
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


def _ends_so(head: Head, maps: Floats, vectors: Floats) -> bool:
    """Whether a head makes the tower's vectors (B, D) of its maps (B, R, C, K)."""
    if maps.shape[3] != len(head.kernel):
        return False
    made = np.stack([head.embed(picture) for picture in maps])
    return made.shape == vectors.shape and bool(np.abs(made - vectors).max() < _ALIKE)


def _find_grid(layers: list[Any], side: int) -> Floats:
    """Find where the centre of each place's receptive field lies, from the strides of the layers.

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
    # Place i looks at pixel centre + step * i, whose middle is half a pixel further.
    shift = -(centre + 0.5) / step
    return np.array([[side / step, 0, shift], [0, side / step, shift]])
