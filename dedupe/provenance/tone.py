"""Bring one file to the tones of the other: fit luma of the target from colours of the source."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedupe.provenance.quantile import find_median, find_quantile

Array = NDArray[Any]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of RGB; ITU-R BT.601
_TO_YCC = np.array(
    [LUMA, np.array([0, 0, 0.564]) - 0.564 * LUMA, np.array([0.713, 0, 0]) - 0.713 * LUMA],
    np.float32,
).T  # (3, 3): columns give luma and two colour differences
_GREY = np.array([128, 0, 0], np.float32)
_STEP = 3  # pixels between those that a mix of colours is fitted on
_KNOWN = 8  # pixels of a level at which a table is fitted
_TRUSTED = 0.7  # share of the tiles, those of the least error, that the final curve is fitted on


def to_ycc(rgb: Array) -> Array:
    """Return luma and two colour differences of RGB (..., 3), of the same shape, float32."""
    return np.asarray(rgb @ _TO_YCC)


def fit_tones(before: Array, after: Array, p: Array, t: Array) -> tuple[Array, float]:
    """Return luma of the source in the tones of the target, and the size of the change.

    A curve for each channel is fitted; a mix of the channels if that does not suffice. Unchanged
    luma is returned unless a fit is better by 3 %.

    Args:
        before, after: (K, S, S, 3) float32 RGB of source and target, pixel on pixel.
        p, t: the same in luma and colour differences, see `to_ycc`.

    Returns:
        (K, S, S) float32, and the square root of the mean change of luma by the fit, 0 and more.
    """
    toned = _fit_channels(before, after)
    if _misfit(toned, t) > 1.0 + 0.9 * _misfit(p[..., 0], t) or _differs_in_colour(p, t):
        mixed = _fit_mix(p, t)
        if _misfit(mixed, t) < _misfit(toned, t):
            toned = mixed
    change = float(np.abs(toned - p[..., 0]).mean() ** 0.5)
    unchanged, fitted = measure_error(p[..., 0], t[..., 0]), measure_error(toned, t[..., 0])
    if find_median(unchanged) <= 1.03 * find_median(fitted) + 0.05:
        toned = p[..., 0]
    return toned, change


def simulate_levels(before: Array, after: Array, toned: Array) -> Array:
    """Return luma that a program would encode, in whole levels as its 8-bit pixels have them.

    Pixels as they are are taken first, then a table for each channel (a tone curve that a program
    applies maps each of 256 levels to one level), then `toned`; a later one only if its error is
    lower by 3 %.

    Args:
        before, after: (K, S, S, 3) float32 RGB of source and target, pixel on pixel.
        toned: (K, S, S) luma of the source in the tones of the target, see `fit_tones`.

    Returns:
        (K, S, S) float32.
    """
    wanted = after @ LUMA
    levels = np.clip(before + np.float32(0.5), 0, 255).astype(np.uint8)
    choices = np.rint(levels @ LUMA), _apply_tables(levels, after), np.rint(toned)
    best, least = choices[0], find_median(measure_error(choices[0], wanted))
    for luma in choices[1:]:
        error = find_median(measure_error(luma, wanted))
        if 1.03 * error + 0.05 < least:
            best, least = luma, error
    return np.asarray(best)


def _apply_tables(levels: Array, after: Array) -> Array:
    """Return luma of (K, S, S, 3) uint8 levels after the table of each channel, (K, S, S)."""
    tables = [fit_table(levels[..., c], after[..., c]) for c in range(3)]
    return np.asarray(np.rint(sum(LUMA[c] * tables[c][levels[..., c]] for c in range(3))))


def fit_table(x: Array, y: Array) -> Array:
    """Return the median of `y` at each level of `x`; between known levels, a straight line.

    The median of many decoded pixels is the level before they were encoded: of a mean, a share of
    the pixels at black and white would be cut off.

    Args:
        x: uint8 levels of the source, any shape.
        y: whole levels of the target, in [0, 255], of the same shape.

    Returns:
        (256,) float32 whole levels.
    """
    pairs = x.ravel().astype(np.int32) << 8 | y.ravel().astype(np.int32)
    counts = np.cumsum(np.bincount(pairs, minlength=65536).reshape(256, 256), axis=1)
    known = np.flatnonzero(counts[:, -1] >= _KNOWN)
    if len(known) < 2:
        return np.arange(256, dtype=np.float32)
    middle = (2 * counts[known] > counts[known, -1:]).argmax(axis=1)
    return np.asarray(np.rint(np.interp(np.arange(256), known, middle)), np.float32)


def measure_error(p: Array, t: Array) -> Array:
    """Return the root mean square error (K,) of each of the tiles (K, S, S), levels."""
    return np.asarray(np.sqrt(((p - t) ** 2).mean((1, 2))))


def _misfit(luma: Array, t: Array) -> float:
    """Return the median over tiles of the error of luma (K, S, S) to `t` (K, S, S, 3), levels."""
    return find_median(np.abs(luma[:, ::2, ::2] - t[:, ::2, ::2, 0]).mean((1, 2)))


def _differs_in_colour(p: Array, t: Array) -> bool:
    """Return whether one set of tiles (K, S, S, 3) has much more colour than the other."""
    a, b = (float(np.abs(x[:, ::4, ::4, 1:]).mean()) for x in (p, t))
    return max(a, b) > 1.5 * min(a, b) + 2


def _fit_mix(p: Array, t: Array) -> Array:
    """Fit luma of the target as a curve of a mix of the source's colours.

    Args:
        p, t: (K, S, S, 3) float32 luma and colour differences of source and target.

    Returns:
        (K, S, S) float32 luma of the source in the tones of the target.
    """
    x = p[:, ::_STEP, ::_STEP].reshape(-1, 3) - _GREY
    y = t[:, ::_STEP, ::_STEP, 0].ravel() - 128
    known = np.concatenate([x, np.ones((len(x), 1), np.float32)], 1)
    weight = np.ones(len(x), np.float32)
    for _ in range(3):
        normal = known.T @ (known * weight[:, None]) + np.diag([1.0, 300.0, 300.0, 1.0])
        terms = np.linalg.solve(normal, known.T @ (y * weight))
        error = np.abs(y - known @ terms)
        weight = 1 / (1 + (error / (2 * find_median(error) + 0.5)) ** 2)
    mixed = (p - _GREY) @ terms[:3].astype(np.float32) + np.float32(terms[3] + 128)
    return apply_curve(mixed, *fit_curve(mixed.ravel(), t[..., 0].ravel()))


def _fit_channels(before: Array, after: Array) -> Array:
    """Fit each colour channel of the target as a curve of the same channel; return luma.

    Tiles of a large error are left out of a second fit: they contain additions.

    Args:
        before, after: (K, S, S, 3) float32 RGB of source and target.

    Returns:
        (K, S, S) float32.
    """
    known, wanted = before[:, ::2, ::2], after[:, ::2, ::2]
    luma = _map_channels(known, known, wanted)
    error = np.abs(luma - wanted @ LUMA).mean((1, 2))
    keep = error <= find_quantile(error, _TRUSTED)
    return _map_channels(before, before[keep], after[keep])


def _map_channels(rgb: Array, known: Array, wanted: Array) -> Array:
    """Return luma of `rgb` (K, S, S, 3) after the curves that map `known` to `wanted`."""
    return np.asarray(
        sum(
            LUMA[c] * apply_curve(rgb[..., c], *fit_curve(known[..., c], wanted[..., c]))
            for c in range(3)
        )
    )


def apply_curve(x: Array, at: Array, to: Array) -> Array:
    """Apply a piecewise linear curve, in steps of a quarter of a level.

    Args:
        x: levels, any shape.
        at: (N,) ascending levels.
        to: (N,) levels of the curve at `at`.

    Returns:
        float32 of the shape of `x`.
    """
    table = np.interp(np.arange(-256, 1536) / 4, at, to).astype(np.float32)
    return np.asarray(table.take((x * 4 + 256.5).astype(np.int32), mode="clip"))


def fit_curve(x: Array, y: Array) -> tuple[Array, Array]:
    """Return the curve of means of `y` at each level of `x`; rare levels are merged.

    Args:
        x: levels of the source, any shape.
        y: levels of the target, of the same shape.

    Returns:
        (M,) float64 ascending levels, and (M,) float64 levels of the curve there.
    """
    x, y = x.ravel(), y.ravel()
    level = np.clip(x + np.float32(0.5), 0, 255).astype(np.uint8)
    count = np.bincount(level, minlength=256)
    need = max(60.0, len(x) / 400)
    group = (np.maximum(np.cumsum(count) - 1, 0) // need).astype(
        np.int64
    )  # of each level, ascending
    sums = [
        np.bincount(group, values)
        for values in (count, *(np.bincount(level, v, minlength=256) for v in (x, y)))
    ]
    full = sums[0] >= need / 2
    if full.sum() < 2:
        shift = float(y.mean() - x.mean())
        return np.array([0.0, 255.0]), np.array([shift, 255 + shift])
    a, b = sums[1][full] / sums[0][full], sums[2][full] / sums[0][full]
    first = (b[1] - b[0]) / max(a[1] - a[0], 0.5)
    last = (b[-1] - b[-2]) / max(a[-1] - a[-2], 0.5)
    low = b[0] - np.clip(first, 0, 2) * (a[0] + 64)
    high = b[-1] + np.clip(last, 0, 2) * (320 - a[-1])
    return np.concatenate([[-64], a, [320]]), np.concatenate([[low], b, [high]])
