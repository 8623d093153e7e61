"""Compare the colours of two aligned pictures: how they correlate, and what has another colour.

Works on pictures of a quarter of the working size. Does not decide anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.verify.features import Array

# Sources of the bounds: docs/verification.md, "Colours".
_TONED = 0.25  # share of the colours of a toned picture that its tone leaves, at most
_STEPS = 6  # of the robust fit of the tones
_GAINS = (0.5, 2.0)  # range of the gain of a channel
_STEADY = 200.0  # variance, levels^2, of a channel below which its gain is taken as 1
_OUTLIER = 12.0  # difference of colour from which a pixel counts less in the fit, levels
_OTHER = 28.0  # difference of colour that the tones do not explain, levels
_ANGLE = 0.75  # cosine of the angle between two hues from which they differ
_GREY, _COLOUR = 12.0, 30.0  # strength of the colour of a grey and of a coloured pixel, levels
_STEEP = 25.0  # median change of the difference over 5 x 5 pixels along the outline, levels
_OUTLINED = 1.5  # slopes along the outline over those elsewhere, in both pictures

_RING = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of two pictures that lie on each other."""

    luma_correlation: float = 0.0  # of the two brightnesses, in [-1, 1]
    chroma_correlation: float = 0.0  # of the two colours without brightness, in [-1, 1]
    colourful: tuple[float, float] = (0.0, 0.0)  # spread of the colours of each picture, levels
    gain: float = 1.0  # mean brightness of the second picture over that of the first
    recoloured: float = 0.0  # share of the largest thing with another colour, in [0, 1]


def compare_colours(first: Array, second: Array, shared: NDArray[np.bool_]) -> Colours:
    """Compare two pictures (H, W, 3) uint8 RGB at the pixels of `shared`, (H, W) bool."""
    a, b = (p[shared].astype(np.float64) for p in (first, second))  # (N, 3)
    if len(a) < 16:
        return Colours()
    hues = [opponents(p) - opponents(p).mean(axis=0) for p in (a, b)]
    spread = [float(np.sqrt((h * h).mean())) for h in hues]
    colourful = [_spread_colours(h, p) for h, p in zip(hues, (a, b), strict=True)]
    grey = [p.mean(axis=1) for p in (a, b)]
    flat = min(g.std() for g in grey) < 0.5
    return Colours(
        luma_correlation=0.0 if flat else float(np.corrcoef(grey[0], grey[1])[0, 1]),
        chroma_correlation=float((hues[0] * hues[1]).mean()) / max(spread[0] * spread[1], 1e-6),
        colourful=(colourful[0], colourful[1]),
        gain=float((grey[1].mean() + 1) / (grey[0].mean() + 1)),
        recoloured=_find_recoloured(first, second, shared),
    )


def match_tones(a: Array, b: Array) -> Array:
    """Return `a`, (N, 3) float64, with the gain and the offset of each channel of `b`, (N, 3).

    Pixels that no gain explains count little.
    """
    matched, weight = a.copy(), np.ones(len(a))
    for _ in range(_STEPS):
        total = weight.sum()
        centre_a, centre_b = weight @ a / total, weight @ b / total
        spread = weight @ (a - centre_a) ** 2 + _STEADY * total
        together = weight @ ((a - centre_a) * (b - centre_b)) + _STEADY * total
        matched = (a - centre_a) * np.clip(together / spread, *_GAINS) + centre_b
        weight = 1 / (1 + ((matched - b) ** 2).sum(axis=1) / _OUTLIER**2)
    return matched


def _find_recoloured(first: Array, second: Array, shared: NDArray[np.bool_]) -> float:
    """Return the share of the largest thing that has another hue, in [0, 1].

    A thing has an outline in both pictures. A light leak has none, and an addition has one in one
    of the pictures.

    Args:
        first: (H, W, 3) uint8 RGB.
        second: (H, W, 3) uint8 RGB.
        shared: (H, W) bool, pixels that are compared.
    """
    a, b = (p[shared].astype(np.float64) for p in (first, second))
    before, after, there = (opponents(p) for p in (a, match_tones(a, b), b))
    change = np.hypot(*(after - there).T)
    strength = [np.hypot(*hue.T) for hue in (before, after, there)]
    angle = np.maximum(
        (after * there).sum(axis=1) / np.maximum(strength[1] * strength[2], 1),
        (before * there).sum(axis=1) / np.maximum(strength[0] * strength[2], 1),
    )
    low = np.minimum(np.minimum(strength[0], strength[1]), strength[2])
    high = np.maximum(np.minimum(strength[0], strength[1]), strength[2])
    other = (change > _OTHER) & ((angle < _ANGLE) | ((low < _GREY) & (high > _COLOUR)))
    mask, changes = np.zeros(shared.shape, np.uint8), np.zeros(shared.shape, np.float32)
    mask[shared], changes[shared] = other, change
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return 0.0
    largest = 1 + int(boxes[1:, cv2.CC_STAT_AREA].argmax())
    thing = (labels == largest).astype(np.uint8)
    inside = cv2.erode(shared.astype(np.uint8), _RING) > 0
    outline = (cv2.dilate(thing, _RING) > thing) & inside
    rest = shared & (thing == 0) & ~outline
    if not outline.any() or not rest.any():
        return 0.0
    steep = cv2.morphologyEx(changes, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
    if np.median(steep[outline]) < _STEEP:
        return 0.0
    if min(_compare_outline(p, outline, rest) for p in (first, second)) < _OUTLINED:
        return 0.0
    return float(thing.sum() / shared.sum())


def _compare_outline(picture: Array, outline: NDArray[np.bool_], rest: NDArray[np.bool_]) -> float:
    """Return the mean slope of (H, W, 3) uint8 RGB at `outline` over that at `rest`, bool each."""
    values = picture.astype(np.float32)
    slopes = sum(np.abs(cv2.Sobel(values, -1, *axes)).sum(axis=2) for axes in ((1, 0), (0, 1)))
    edges = cv2.dilate(np.asarray(slopes), _RING)
    return float(edges[outline].mean() / max(1.0, float(edges[rest].mean())))


def _spread_colours(hues: Array, rgb: Array) -> float:
    """Return the spread of the colours; of a toned grey picture, what the tone does not explain.

    In a sepia or duotone picture both colour differences are linear in the brightness.

    Args:
        hues: (N, 2) float64 colour differences, each of mean 0.
        rgb: (N, 3) float64 levels of the same pixels.
    """
    spread = float(np.sqrt((hues * hues).mean()))
    light = rgb.mean(axis=1) - rgb.mean()
    slope = light @ hues / max(float(light @ light), 1e-6)
    rest = hues - light[:, None] * slope
    rest_spread = float(np.sqrt((rest * rest).mean()))
    return rest_spread if rest_spread < _TONED * spread else spread


def opponents(rgb: Array) -> Array:
    """Return red minus green and yellow minus blue of (N, 3) float levels, (N, 2)."""
    return np.stack([rgb[:, 0] - rgb[:, 1], rgb[:, :2].mean(axis=1) - rgb[:, 2]], axis=1)
