"""Perspective and lens as one map about the centre of a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dedupe.verify.features import Array


@dataclass(frozen=True, slots=True)
class Bend:
    """Perspective and lens: u -> (1 + k |u|^2) u / (1 + p . u), about the centre of a frame.

    u is counted in halves of the diagonal of the outer picture. The affine map comes after it.
    """

    px: float = 0.0
    py: float = 0.0
    radial: float = 0.0

    @property
    def is_none(self) -> bool:
        return not (self.px or self.py or self.radial)

    def apply(self, points: Array, size: tuple[int, int]) -> Array:
        """Map points (N, 2) of a frame of `size` (width, height), pixels to pixels."""
        centre, half = (np.array(size) - 1) / 2, math.hypot(*size) / 2
        u = (points - centre) / half
        scale = (1 + self.radial * (u * u).sum(axis=1)) / (1 + u @ [self.px, self.py])
        return np.asarray(u * scale[:, None] * half + centre)

    def square(self, size: tuple[int, int]) -> NDArray[np.float64]:
        """Return the (3, 3) matrix of the perspective alone, pixels to pixels."""
        (x, y), half = (np.array(size) - 1) / 2, math.hypot(*size) / 2
        to_unit = np.array([[1 / half, 0, -x / half], [0, 1 / half, -y / half], [0, 0, 1]])
        tilt = np.array([[1, 0, 0], [0, 1, 0], [self.px, self.py, 1]])
        return np.asarray(np.linalg.inv(to_unit) @ tilt @ to_unit)


STRAIGHT = Bend()


@dataclass(frozen=True, slots=True)
class Lens:
    """What a bend has besides its perspective, as a map of one frame onto itself."""

    bend: Bend
    size: tuple[int, int]  # width and height of the frame when the bend was found, pixels
    of_second: bool  # the frame of the second picture is bent, else that of the first

    def apply(self, places: Array) -> Array:
        """Map places (N, 2), parts of the width and the height of the frame."""
        bent = self.bend.apply(places * self.size - 0.5, self.size)
        return (_tilt(bent, np.linalg.inv(self.bend.square(self.size))) + 0.5) / self.size

    def undo(self, places: Array) -> Array:
        """Return the places (N, 2) that `apply` maps to `places`."""
        tilted = _tilt(places * self.size - 0.5, self.bend.square(self.size))
        return (unbend(tilted, self.bend, self.size) + 0.5) / self.size


def _tilt(points: Array, square: Array) -> Array:
    mapped = np.hstack([points, np.ones((len(points), 1))]) @ square.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:])


def unbend(points: Array, bend: Bend, size: tuple[int, int]) -> Array:
    """Return the points (N, 2) that `bend` takes to `points`, by fixed-point steps."""
    found = points.astype(np.float64)
    for _ in range(12):
        found = found + np.clip(points - bend.apply(found, size), -40, 40)
    return np.asarray(found, np.float32)
