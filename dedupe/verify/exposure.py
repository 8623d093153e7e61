"""Measure whether two aligned pictures are two exposures: a gain that loses highlights."""

from __future__ import annotations

import math

import cv2
import numpy as np

from dedupe.verify.features import Array
from dedupe.verify.layers import Layers

_WHITE = 248  # brightness from which a pixel may be clipped
_STRUCTURE = 1.5  # spread of brightness in 5 x 5 pixels that is structure
_LOST = 0.002  # share of the overlap that has to be clipped


def measure_exposure(layers: Layers, tone: tuple[Array, Array]) -> float:
    """Return how strong a change of the exposure is, see `_exposure`; 0 if no highlight is lost.

    Args:
        layers: the two pictures, aligned.
        tone: (T,) float64 ascending levels of the outer picture, and (T,) of the inner one.
    """
    return _exposure(*tone) if _loses_highlights(layers, tone) else 0.0


def _loses_highlights(layers: Layers, tone: tuple[Array, Array]) -> bool:
    """Return whether the brighter picture is white where the other one has structure.

    Only then can a gain be another exposure: without a loss it can be taken back.

    Args:
        layers: the two pictures, aligned.
        tone: (T,) float64 ascending levels of the outer picture, and (T,) of the inner one.
    """
    brighter = len(tone[0]) > 0 and tone[1].mean() > tone[0].mean()
    bright, dark = (layers.b, layers.a) if brighter else (layers.a, layers.b)
    white = ((bright > _WHITE) & (layers.mask > 0)).astype(np.uint8)
    inside = cv2.erode(white, np.ones((5, 5), np.uint8)) > 0
    mean, squares = cv2.blur(dark, (5, 5)), cv2.blur(dark * dark, (5, 5))
    lost = inside & (squares - mean * mean > _STRUCTURE**2)
    return bool(lost.sum() > _LOST * layers.mask.sum())


def _exposure(dark: Array, bright: Array) -> float:
    """Return how strong a change of brightness is: 1 for a gain of 1.5, or a gamma of 0.5.

    A camera changes the gain between two exposures, clipped at white. An editor changes it less, or
    bends the curve and keeps white.

    Args:
        dark: (T,) float64 levels of one picture, T at most 16.
        bright: (T,) float64 levels of the other picture at the same places.
    """
    if len(dark) and bright.mean() < dark.mean():
        dark, bright = bright, dark
    middle = (dark > 16) & (dark < 224)
    if middle.sum() < 3:
        return 0.0
    x, y = dark[middle] / 255, np.clip(bright[middle] / 255, 0.01, 0.999)
    clear = y < 0.94
    gain = float(x[clear] @ y[clear] / (x[clear] @ x[clear])) if clear.sum() >= 2 else 2.0
    gamma = float(np.median(np.log(y) / np.log(x)))
    if ((np.minimum(1, gain * x) - y) ** 2).sum() < ((x**gamma - y) ** 2).sum():
        return max(0.0, math.log(gain) / math.log(1.5))
    return max(0.0, math.log(gamma) / math.log(0.5))
