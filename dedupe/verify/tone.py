"""Fit the brightness of one picture as a curve of that of another one, at the same pixels."""

from __future__ import annotations

import numpy as np

from dedupe.verify.features import Array


def find_tone(a: Array, b: Array, *, steps: int = 16, least: int = 20) -> tuple[Array, Array]:
    """Return up to `steps` brightnesses of `a`, ascending, and the mean of `b` at each.

    Args:
        a: (N,) float32 levels.
        b: (N,) float32 levels at the same pixels.
        steps: number of equal ranges of the levels; each range gives one brightness.
        least: pixels that a range needs; fewer if no range has as many.

    Returns:
        (T,) float64 and (T,) float64 levels.
    """
    step = (a / (256 / steps)).astype(np.int32)
    count = np.bincount(step, minlength=steps)
    known = count >= min(least, count.max())
    x, y = (np.bincount(step, values, steps)[known] / count[known] for values in (a, b))
    return x, y
