"""Smooth displacements of a frame, as polynomials: what a lens or uneven paper does to a picture.

Knows no pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dedupe.verify.features import Array
from dedupe.verify.layers import fit_robustly

_RIDGE = 0.05  # weight, in windows, that keeps the terms of a fit from growing without need


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A displacement at each place of a frame, in pixels."""

    size: tuple[int, int]  # width and height of the frame, pixels
    terms: Array  # (D + 1, D + 1, 2) float64, [j, i] of x^i y^j; x and y in [-1, 1]

    def at(self, points: Array) -> Array:
        """Return the displacements (N, 2) of points (N, 2), pixels."""
        degree = len(self.terms) - 1
        x, y = (np.polynomial.polynomial.polyvander(u, degree) for u in _to_unit(points, self.size))
        return np.asarray(np.einsum("nj,jik,ni->nk", y, self.terms, x))

    def spread(self) -> NDArray[np.float32]:
        """Return the displacement of every pixel, (H, W, 2)."""
        width, height = self.size
        degree = len(self.terms) - 1
        across = np.stack([np.arange(width), np.zeros(width)], axis=1)
        down = np.stack([np.zeros(height), np.arange(height)], axis=1)
        x = np.polynomial.polynomial.polyvander(_to_unit(across, self.size)[0], degree)
        y = np.polynomial.polynomial.polyvander(_to_unit(down, self.size)[1], degree)
        planes = [y @ self.terms[..., axis] @ x.T for axis in (0, 1)]
        return np.asarray(np.stack(planes, axis=-1), np.float32)

    def plus(self, other: Field) -> Field:
        """Return the sum with a field of the same frame."""
        terms = np.zeros((max(len(self.terms), len(other.terms)),) * 2 + (2,))
        for field in (self, other):
            terms[: len(field.terms), : len(field.terms)] += field.terms
        return Field(self.size, terms)


def fit_field(
    points: Array, shifts: Array, size: tuple[int, int], degree: int, *, robust: bool = True
) -> Field:
    """Return the polynomial field that moves points by shifts.

    Args:
        points: (N, 2) pixels, at least as many as the terms.
        shifts: (N, 2) pixels.
        size: width and height of the frame, pixels.
        degree: of the polynomial in x and y together.
        robust: points that the rest does not explain count little, and shifts above 3 pixels as 3.
    """
    x, y = _to_unit(points, size)
    powers = [(i, j) for j in range(degree + 1) for i in range(degree + 1 - j)]
    known = np.stack([x**i * y**j for i, j in powers], axis=1)
    ridge = np.array([_RIDGE * (i + j > 1) for i, j in powers])
    if robust:
        found = fit_robustly(known, shifts, ridge)
    else:
        found = np.linalg.lstsq(known, shifts, rcond=None)[0]
    terms = np.zeros((degree + 1, degree + 1, 2))
    for (i, j), term in zip(powers, found, strict=True):
        terms[j, i] = term
    return Field(size, terms)


def _to_unit(points: Array, size: tuple[int, int]) -> Array:
    """Return x and y in [-1, 1], (2, N), of points (N, 2) in pixels."""
    half = (np.array(size) - 1) / 2
    return np.asarray(((points - half) / np.maximum(half, 0.5)).T)
