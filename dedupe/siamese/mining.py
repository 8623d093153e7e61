"""Find the look-alikes of each photo, negatives that are rare in a random batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from dedupe.siamese.dataset import PhotoArray, squash

LookAlikes = NDArray[np.int64]  # (N, K) photo numbers, padded with a photo's own number

_REPEAT = 0.5  # distance below which two photos may be copies, which are no negatives
_BLOCK = 256


def find_look_alikes(tower: Any, photos: PhotoArray, *, side: int, count: int = 16) -> LookAlikes:
    """Return the nearest other photos of every photo, by the vectors of `tower`.

    Args:
        tower: uint8 (B, side, side, 3) -> unit vectors (B, D).
        photos: (N, H, H, 3) uint8.
        side: edge of the tower's input, in pixels.
        count: how many look-alikes of each; fewer if there are fewer photos.

    Returns:
        (N, K) int64, K <= `count`, nearest first. Photos nearer than 0.5 are taken for copies and
        left out; a photo with fewer look-alikes is its own look-alike.
    """
    vectors = np.concatenate(
        [_embed(tower, photos[row : row + _BLOCK], side) for row in range(0, len(photos), _BLOCK)]
    )
    kept = min(count, len(photos) - 1)
    nearest = np.empty((len(photos), kept), np.int64)
    for row in range(0, len(photos), _BLOCK):
        nearest[row : row + _BLOCK] = _nearest(vectors, row, kept)
    return nearest


def _embed(tower: Any, photos: PhotoArray, side: int) -> NDArray[np.float32]:
    """Return the (B, D) vectors of (B, H, H, 3) photos."""
    pixels = np.stack([squash(photo, side) for photo in photos])
    return np.asarray(ops.convert_to_numpy(tower(pixels, training=False)), np.float32)


def _nearest(vectors: NDArray[np.float32], row: int, kept: int) -> LookAlikes:
    """Return the (block, K) look-alikes of the photos from `row` on, of (N, D) vectors."""
    block = vectors[row : row + _BLOCK]
    square = 2 - 2 * block @ vectors.T  # (block, N)
    square[square < _REPEAT**2] = np.inf  # the photo itself, too
    order = np.argsort(square, axis=1)[:, :kept]
    own = np.arange(row, row + len(block))[:, None]
    return np.where(np.isinf(np.take_along_axis(square, order, 1)), own, order)
