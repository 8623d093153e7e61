"""Register two images at full resolution, given the map that verification found.

Coordinates are pixel-edge coordinates: the centre of the first pixel is (0.5, 0.5).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Matrix = NDArray[np.float64]  # (2, 3), maps columns (x, y, 1)

_SAME_FRAME = 0.012  # largest corner error of a whole-frame map, share of the longer side
_TILE = 48  # edge of a tile that is displaced as one, pixels of the coarser image
_GRID = 4  # tiles a side
_STEPS = 5
_REACH = 2.0  # largest correction of one step, pixels
_STILL = 0.12  # an exact map is taken if a step moves no corner farther, pixels


def to_homogeneous(matrix: Matrix) -> Matrix:
    """Return the (3, 3) form of a (2, 3) map."""
    return np.vstack([matrix, [0.0, 0.0, 1.0]])


def compose(second: Matrix, first: Matrix) -> Matrix:
    """Return the map that applies `first`, then `second`."""
    return np.asarray((to_homogeneous(second) @ to_homogeneous(first))[:2])


def invert(matrix: Matrix) -> Matrix:
    """Return the inverse of a (2, 3) map."""
    return np.asarray(np.linalg.inv(to_homogeneous(matrix))[:2])


def is_exact(matrix: Matrix) -> bool:
    """Return whether a map moves whole pixels onto whole pixels (turn, mirror, crop, frame)."""
    linear = matrix[:, :2]
    near = np.rint(linear)
    if np.abs(linear - near).max() > 1e-9 or (np.abs(near).sum(axis=0) != 1).any():
        return False
    return bool(np.abs(matrix[:, 2] - np.rint(matrix[:, 2])).max() < 1e-9)


def sample(source: Array, matrix: Matrix, x: int, y: int, size: int) -> Array:
    """Return the pixels of `source` that a square tile of the target shows.

    A coarser target averages over the area of each of its pixels; an equal or finer one is
    interpolated (bicubic). A map between whole pixels copies.

    Args:
        source: (H, W, C) uint8.
        matrix: map from the target to the source, pixel-edge coordinates.
        x, y: upper left corner of the tile in the target, pixels.
        size: edge of the tile, pixels.

    Returns:
        (size, size, C) float32 in [0, 255].
    """
    exact = is_exact(matrix)
    if exact and (matrix[:, :2] == np.eye(2)).all():
        left, top = round(x + matrix[0, 2]), round(y + matrix[1, 2])
        if min(left, top) >= 0:
            tile = source[top : top + size, left : left + size]
            if tile.shape[:2] == (size, size):
                return tile.astype(np.float32).reshape(size, size, -1)
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    parts = 1 if exact else max(1, int(np.ceil(zoom - 0.1)))
    corners = np.array([[x, x + size, x, x + size], [y, y, y + size, y + size], [1, 1, 1, 1]])
    places = matrix @ corners
    low = np.floor(places.min(axis=1)).astype(int) - 4
    high = np.ceil(places.max(axis=1)).astype(int) + 4
    left, top = max(0, low[0]), max(0, low[1])
    part = source[top : max(top + 1, high[1]), left : max(left + 1, high[0])]
    linear = matrix[:, :2] / parts
    shift = matrix @ [x, y, 1.0] - [left, top] + linear @ [0.5, 0.5] - 0.5
    small = np.hstack([linear, shift[:, None]])
    how = cv2.INTER_NEAREST if exact else cv2.INTER_CUBIC
    tile = cv2.warpAffine(
        part.astype(np.float32), small, (size * parts, size * parts),
        flags=how | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    if parts > 1:
        tile = cv2.resize(tile, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(tile).reshape(size, size, -1)


def covered_tiles(
    source: tuple[int, int],
    target: tuple[int, int],
    matrix: Matrix,
    *,
    size: int,
    grid: int,
    margin: int = 0,
    offset: tuple[int, int] = (0, 0),
) -> list[tuple[int, int]]:
    """Return corners of tiles of the target that the source covers, spread evenly.

    Args:
        source, target: width and height, pixels.
        matrix: map from the target to the source.
        size: edge of a tile; multiple of 8.
        grid: tiles a side at most.
        margin: pixels round a tile that must be covered too.
        offset: position of the JPEG grid in the target, modulo 8.
    """
    back = invert(matrix)
    width, height = source
    corners = back @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], float)
    low = np.maximum(corners.min(axis=1), 0)
    high = np.minimum(corners.max(axis=1), target)
    places = [
        _snap(_spread(low[axis] + margin, high[axis] - size - margin, grid, size), offset[axis])
        for axis in (0, 1)
    ]
    y, x = (v.ravel() for v in np.meshgrid(places[1], places[0], indexing="ij"))  # (N,)
    left, top = x - margin, y - margin
    right, bottom = x + size + margin, y + size + margin
    ones = np.ones_like(x)
    corners = np.array([[left, right, left, right], [top, top, bottom, bottom], [ones] * 4], float)
    inside = np.einsum("ij,jkn->ikn", matrix, corners)  # (2, 4, N)
    most = np.array(source, float)[:, None, None] + 0.01
    fits = ((inside >= -0.01) & (inside <= most)).all(axis=(0, 1))
    fits &= (left >= 0) & (top >= 0) & (right <= target[0]) & (bottom <= target[1])
    return list(zip(x[fits].tolist(), y[fits].tolist(), strict=True))


def _snap(places: Array, offset: int) -> NDArray[np.int64]:
    """Return the distinct positions of the JPEG grid nearest to `places` (K,), ascending."""
    return np.unique((offset + 8 * np.rint((places - offset) / 8)).astype(np.int64))


def _spread(low: float, high: float, count: int, size: int) -> Array:
    """Return up to `count` evenly spaced positions from low to high, (K,) float64 pixels."""
    if high < low:
        return np.array([(low + high) / 2])
    return np.linspace(low, high, max(1, min(count, int((high - low) / size) + 2)))


def refine(first: Array, second: Array, matrix: Matrix) -> tuple[Matrix, float]:
    """Return the map from `first` to `second` at full resolution, and its residual.

    Tries the maps that programs make (whole frame on whole frame; whole pixels) and a general
    affine one; the simplest within 3 % of the least residual wins.

    Args:
        first, second: (H, W, C) uint8.
        matrix: approximate map, pixel-edge coordinates.

    Returns:
        The map and the root mean square difference of luma where both are aligned, in [0, 255].
    """
    coarse_first = abs(np.linalg.det(matrix[:, :2])) >= 1  # a pixel of `first` spans more
    if not coarse_first:
        found, error = refine(second, first, invert(matrix))
        return invert(found), error
    for candidate in _simple_maps(first.shape, second.shape, matrix, loose=True):
        moved, error = _step(first, second, candidate)
        if _corner_shift(first, moved, candidate) < _STILL:
            return candidate, error
    general, error = _climb(first, second, matrix)
    for candidate in _simple_maps(first.shape, second.shape, general):
        reached = _step(first, second, candidate)[1]
        if reached <= 1.03 * error + 0.05:
            return candidate, reached
    return general, error


def _corner_shift(first: Array, moved: Matrix, matrix: Matrix) -> float:
    """Return the distance of two maps at the corners of `first` (H, W, C), pixels of `first`."""
    height, width = first.shape[:2]
    corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], float)
    zoom = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    return float(np.abs(moved @ corners - matrix @ corners).max() / zoom)


def _simple_maps(
    first: tuple[int, ...], second: tuple[int, ...], near: Matrix, *, loose: bool = False
) -> list[Matrix]:
    """Return the exact maps close to `near`: whole pixels, then whole frame."""
    found: list[Matrix] = []
    linear = near[:, :2]
    whole = np.rint(linear)
    size = max(first[:2])
    if (np.abs(whole).sum(axis=0) == 1).all() and (np.abs(whole).sum(axis=1) == 1).all():
        drift = np.abs(linear - whole).max() * size
        if drift < (4.0 if loose else 1.5):
            centre = np.array([first[1] / 2, first[0] / 2])
            shift = near @ [*centre, 1.0] - whole @ centre
            for dx in (0,) if loose else (0, 1, -1):
                for dy in (0,) if loose else (0, 1, -1):
                    at = np.rint(shift) + np.array([dx, dy])
                    if np.abs(at - shift).max() < 1.01:
                        found.append(np.hstack([whole, at[:, None]]))
            found.sort(key=lambda m: float(np.abs(m[:, 2] - shift).sum()))
    turn = np.sign(np.where(np.abs(linear) >= 0.5 * np.abs(linear).max(), linear, 0))
    if (np.abs(turn).sum(axis=0) == 1).all() and (np.abs(turn).sum(axis=1) == 1).all():
        a = np.array([first[1], first[0]], float)
        b = np.array([second[1], second[0]], float)
        scale = np.diag(b) @ turn @ np.diag(1 / a)
        shift = b / 2 - scale @ (a / 2)
        frame = np.hstack([scale, shift[:, None]])
        corners = np.array([[0, a[0], 0, a[0]], [0, 0, a[1], a[1]], [1, 1, 1, 1]])
        if np.abs(frame @ corners - near @ corners).max() < _SAME_FRAME * b.max() + 1:
            found.append(frame)
    return found


def _tiles(first: Array, second: Array, matrix: Matrix) -> list[tuple[int, int]]:
    """Return corners of tiles of `first` (H, W, C) that `second` (h, w, C) covers, x and y."""
    sizes = (second.shape[1], second.shape[0]), (first.shape[1], first.shape[0])
    size = _TILE if min(first.shape[:2]) >= 3 * _TILE else 24
    return covered_tiles(*sizes, matrix, size=size, grid=_GRID)


def _luma(tiles: Array) -> Array:
    """Return the luma of tiles (K, S, S, C) of 1 or 3 channels, (K, S, S) float32."""
    if tiles.shape[-1] == 1:
        return tiles[..., 0].astype(np.float32)
    return np.asarray(tiles @ np.array([0.299, 0.587, 0.114], np.float32))


def _cut(
    first: Array, second: Array, matrix: Matrix, spots: list[tuple[int, int]], size: int
) -> tuple[Array, Array]:
    """Return luma of tiles in both images, the second in tones of the first, (K, S, S) float32."""
    here = np.stack([first[y : y + size, x : x + size] for x, y in spots])
    there = np.stack([sample(second, matrix, x, y, size) for x, y in spots])
    here, there = _luma(here), _luma(there)
    mean = here.mean((1, 2), keepdims=True)
    there -= there.mean((1, 2), keepdims=True)
    gain = (there * (here - mean)).sum((1, 2)) / np.maximum(1e-3, (there**2).sum((1, 2)))
    return here, there * gain[:, None, None] + mean


def _step(first: Array, second: Array, matrix: Matrix) -> tuple[Matrix, float]:
    """Return the map after one robust Gauss-Newton step on tiles (Lucas and Kanade 1981).

    Returns:
        The new map, and the median residual of the tiles under the old one, in [0, 255].
    """
    size = _TILE if min(first.shape[:2]) >= 3 * _TILE else 24
    spots = _tiles(first, second, matrix)
    if not spots:
        return matrix, 255.0
    here, there = _cut(first, second, matrix, spots, size)  # (K, S, S)
    error = here - there  # (K, S, S)
    spread = np.sqrt((error**2).mean((1, 2)))
    reached = float(np.median(spread))
    gx = (there[:, 1:-1, 2:] - there[:, 1:-1, :-2]) / 2
    gy = (there[:, 2:, 1:-1] - there[:, :-2, 1:-1]) / 2
    error = error[:, 1:-1, 1:-1]
    corner = np.array(spots, float)
    at = np.arange(1, size - 1) + 0.5
    scale = float(max(first.shape[:2])) / 2
    centre = np.array([first.shape[1], first.shape[0]]) / 2
    u = ((corner[:, :1] + at - centre[0]) / scale)[:, None, :]
    v = ((corner[:, 1:] + at - centre[1]) / scale)[:, :, None]
    weight = (
        1 / (1 + (error / (2 * reached + 1)) ** 2) * (spread <= 2.5 * reached + 1)[:, None, None]
    )
    u, v, weight = (values.astype(np.float32) for values in (u, v, weight))
    terms = np.stack([(gx * u), (gx * v), gx, (gy * u), (gy * v), gy]).reshape(6, -1)
    weighted = terms * weight.reshape(1, -1)
    normal = (weighted @ terms.T).astype(np.float64)
    normal += (1e-4 * np.trace(normal) / 6 + 1e-3) * np.eye(6)
    moved = np.linalg.solve(normal, weighted @ error.ravel()).reshape(2, 3)
    moved = np.clip(moved, -_REACH, _REACH)
    change = np.hstack(
        [moved[:, :2] / scale, moved[:, 2:] - moved[:, :2] @ centre[:, None] / scale]
    )
    return np.asarray(matrix @ to_homogeneous(np.eye(2, 3) + change)), reached


def _climb(first: Array, second: Array, matrix: Matrix) -> tuple[Matrix, float]:
    """Improve a map until a step no longer lowers the residual.

    Args:
        first: (H, W, C) uint8.
        second: (h, w, C) uint8.
        matrix: map from `first` to `second`.

    Returns:
        The best map and its residual in [0, 255].
    """
    best, least = matrix, 255.0
    for _ in range(_STEPS + 1):
        moved, reached = _step(first, second, matrix)
        if reached > least:
            break
        best, least = matrix, reached
        if _corner_shift(first, moved, matrix) < 0.02:
            break
        matrix = moved
    return best, least
