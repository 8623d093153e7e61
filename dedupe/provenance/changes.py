"""Find the places where two aligned pictures disagree, and which of the two carries an addition.

A common process (tones, colours, blur, noise, coding) changes all places alike, and it keeps the
means over a few pixels. An addition does neither. All numbers on detail are measured where the
two agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.provenance.quantile import find_median
from dedupe.provenance.register import Matrix, invert
from dedupe.provenance.scene import View, gradient
from dedupe.provenance.tone import to_ycc

Array = NDArray[Any]

_FEWEST = 100  # pixels that both show
_NOTHING = 0.0015  # share of the scene below which nothing has changed
_LEAST = 10.0  # change of the mean over 3 x 3 pixels that counts, levels
_UNUSUAL = 5.0  # times the median change, from which a place counts as changed
_TO_RGB = np.linalg.inv(to_ycc(np.eye(3, dtype=np.float32))).astype(np.float32)  # (3, 3)
_STEP = 3  # pixels between those that the common process is fitted on
_BLURS = (0.0, 1.0, 2.0)  # standard deviations that are tried, pixels
_NEARER = 0.85  # share of the error to which a blur must reduce it
_TWO, _THREE = (np.ones((side, side), np.uint8) for side in (2, 3))
NAMES = ("changed", "changed_edges", "changed_flat", "changed_extreme", "changed_colour",
         "changed_alone")  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """The places where two images show the same, on the reduced frame of one of them."""

    common: Array  # (h, w) bool, pixels that both show and that have not changed
    changed: Array  # (h, w) bool, pixels that differ
    source: Matrix  # from pixels of the source to the grid
    target: Matrix  # from pixels of the target to the grid

    def agree_on(self, to_grid: Matrix, spots: Sequence[tuple[int, int]], size: int) -> Array:
        """Return whether nothing changed in each of K tiles, (K,) bool.

        Args:
            to_grid: `source` or `target`.
            spots: left upper corners of the tiles, x and y.
            size: edge of a tile, pixels.
        """
        x, y = np.array(spots, float).reshape(-1, 2).T  # (K,)
        corners = [
            to_grid @ np.stack([x + dx, y + dy, np.ones_like(x)])
            for dx in (0, size)
            for dy in (0, size)
        ]
        first = np.floor(np.min(corners, axis=0)).astype(int).clip(0)
        last = np.ceil(np.max(corners, axis=0)).astype(int).clip(0)
        return np.array([
            not self.changed[y0:y1, x0:x1].any()
            for x0, y0, x1, y1 in zip(*first, *last, strict=True)
        ], bool)  # fmt: skip

    def find_common(self, to_grid: Matrix, size: tuple[int, int], step: int) -> Array:
        """Return whether both show the same at evenly spaced pixels of a file, (Y, X) bool.

        Args:
            to_grid: `source` or `target`.
            size: X and Y, pixels that are read along each side.
            step: pixels of the file between two of them.
        """
        shift = to_grid @ [0.5, 0.5, 1.0] - 0.5
        matrix = np.hstack([to_grid[:, :2] * step, shift[:, None]])
        how = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(self.common.astype(np.uint8), matrix, size, flags=how) > 0)


def find_changes(view: View) -> tuple[Agreement, dict[str, float], dict[str, float]]:
    """Find the places that do not follow from the other image, and compare them.

    The direction counts in which one image predicts the other better: a copy that lost colour or
    detail does not predict its original, but the reverse.

    Returns:
        The places, the numbers on what the target adds, and those on what the source adds.
    """
    core = view.core
    to_target = np.hstack([np.diag(1 / view.scale), np.zeros((2, 1))])
    to_source = invert(view.to_full)
    t, p = to_ycc(view.target.astype(np.float32)), to_ycc(view.warp())
    nothing = dict.fromkeys(NAMES, 0.0)
    if core.sum() < _FEWEST:
        return Agreement(core, ~core & False, to_source, to_target), nothing, nothing
    there, back = match_colours(p, t, core), match_colours(t, p, core)
    unusual = min((_rate_changes(t - there, core), _rate_changes(p - back, core)), key=_first)[1]
    places = ((unusual > 1) & core).astype(np.uint8)
    changed = np.asarray(cv2.morphologyEx(places, cv2.MORPH_OPEN, _TWO))
    share = float(changed[core].mean())
    region = cv2.dilate(changed, _THREE) > 0
    numbers = nothing | {"changed": float(np.log2(share + 0.0005) + 11)}
    if share <= _NOTHING:
        return Agreement(core, region & False, to_source, to_target), numbers, numbers
    found = Agreement(core & ~region, region, to_source, to_target)
    added, removed = _compare_places(t, there, region), _compare_places(p, back, region)
    return found, numbers | added, numbers | removed


def _first(rated: tuple[float, Array]) -> float:
    return rated[0]


def _rate_changes(error: Array, core: Array) -> tuple[float, Array]:
    """Return the usual error, and the change of each place in units of the least that counts.

    Args:
        error: (h, w, 3) luma and colour differences of the target less their prediction.
        core: (h, w) bool, pixels that both show.

    Returns:
        Levels, and (h, w) float32.
    """
    means = cv2.blur(error, (3, 3))  # noise and sharpening keep them
    light, colour = np.abs(means[..., 0]), np.hypot(means[..., 1], means[..., 2])
    usual = [find_median(x[core]) for x in (light, colour)]
    bounds = [max(_LEAST, _UNUSUAL * size) for size in usual]
    return sum(usual), np.asarray(np.maximum(light / bounds[0], colour / bounds[1]))


def _compare_places(t: Array, p: Array, region: Array) -> dict[str, float]:
    """Compare the changed places of one image with what the other predicts there.

    Args:
        t, p: (h, w, 3) luma and colour differences of an image, and their prediction.
        region: (h, w) bool, the places.
    """
    here, other = (gradient(x[..., 0])[region] for x in (t, p))
    error = [_leave_surroundings(x, region) for x in (t, p)]
    return {
        "changed_edges": float(np.log2((here.mean() + 1) / (other.mean() + 1))),
        "changed_flat": float((here < 1).mean() - (other < 1).mean()),
        "changed_extreme": _extreme(t[region]) - _extreme(p[region]),
        "changed_colour": float(np.log2((_colour(t[region]) + 4) / (_colour(p[region]) + 4))),
        "changed_alone": float(np.log2((error[0] + 4) / (error[1] + 4))),
    }


def _leave_surroundings(image: Array, region: Array) -> float:
    """Return how far the places lie from what their surroundings predict, levels.

    Surroundings are spread into the places over halved sizes, the nearest ones first (push-pull).

    Args:
        image: (h, w, 3) luma and colour differences.
        region: (h, w) bool, the places.
    """
    known = (~region).astype(np.float32)
    levels: list[Array] = [np.dstack([image * known[..., None], known])]
    while min(levels[-1].shape[:2]) > 2:
        levels.append(np.asarray(cv2.pyrDown(levels[-1])))
    filled: Array = levels.pop()
    for level in reversed(levels):
        wide = cv2.resize(filled, level.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        share = np.minimum(level[..., 3:], 1.0)
        mean = level / np.maximum(level[..., 3:], np.float32(1e-6))
        filled = share * mean + (1 - share) * wide / np.maximum(wide[..., 3:], np.float32(1e-6))
    error = image[region] - filled[..., :3][region]
    return float(np.sqrt((error**2).sum(1)).mean())


def match_colours(p: Array, t: Array, where: Array) -> Array:
    """Return `p` as a common process would bring it to `t`.

    The process is a blur, a curve of luma, a linear map of the colours, and a smooth change of
    light over the frame (a quadratic gain and offset, as of a vignette).

    Args:
        p, t: (h, w, 3) float32 luma and colour differences.
        where: (h, w) bool, pixels that all are fitted on.

    Returns:
        (h, w, 3) float32.
    """
    few = where[::_STEP, ::_STEP]
    wanted = t[::_STEP, ::_STEP][few]  # (N, 3)
    curve = _fit_tones(p[::_STEP, ::_STEP, 0][few], wanted[:, 0])
    p = _match_sharpness(p, wanted, few, curve)
    toned = _apply(curve, p[..., 0])
    known = _list_terms(p, toned)
    x = known[::_STEP, ::_STEP][few]
    wanted[:, 0] -= toned[::_STEP, ::_STEP][few]
    weight = np.ones(len(x), np.float32)
    terms = np.zeros((x.shape[1], 3), np.float32)
    for _ in range(2):
        normal = x.T @ (x * weight[:, None]) + np.eye(x.shape[1], dtype=np.float32)
        terms = np.linalg.solve(normal, x.T @ (wanted * weight[:, None]))
        error = np.sqrt(((wanted - x @ terms) ** 2).sum(1))
        weight = 1 / (1 + (error / (2 * find_median(error) + 0.5)) ** 2)
    out = known @ terms
    out[..., 0] += toned
    return to_ycc(np.clip(out @ _TO_RGB, 0, 255))  # programs cut off what leaves 8 bits


def _list_terms(p: Array, toned: Array) -> Array:
    """Return the terms of the linear part of `match_colours`, (h, w, 12) float32.

    Args:
        p: (h, w, 3) luma and colour differences.
        toned: (h, w) luma after the curve.
    """
    height, width = toned.shape
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    light, smooth = toned / 128 - 1, (x, y, x * x, x * y, y * y)
    out = np.empty((height, width, 12), np.float32)
    out[..., 0], out[..., 1], out[..., 2:4] = 1, light, p[..., 1:] / 32
    for i, term in enumerate(smooth, 4):
        out[..., i] = term
    for i, term in enumerate(smooth[2:], 9):
        out[..., i] = light * term
    return out


def _match_sharpness(p: Array, wanted: Array, few: Array, curve: Array) -> Array:
    """Return `p` (h, w, 3), blurred if that brings its luma much nearer to the other image.

    Args:
        wanted: (N, 3) pixels of the other image, one in `_STEP` of each side.
        few: bool, those of one in `_STEP` that are compared; N are true.
        curve: (256,) tones of the other image.
    """
    best, least = p, np.inf
    for width in _BLURS:
        blurred = cv2.GaussianBlur(p, (0, 0), width) if width else p
        luma = blurred[::_STEP, ::_STEP, 0][few]
        error = float(np.abs(_apply(curve, luma) - wanted[:, 0]).mean())
        if error < _NEARER * least:
            best, least = blurred, error
    return np.asarray(best)


def _apply(curve: Array, luma: Array) -> Array:
    """Return levels after a curve (256,), float32."""
    return np.asarray(curve[np.clip(luma, 0, 255).astype(np.uint8)])


def _fit_tones(p: Array, t: Array) -> Array:
    """Return the curve that fits `p` to `t`, by weighted means in 16 bins, (256,) float32.

    Args:
        p, t: (N,) float32 levels of the same pixels.
    """
    level = np.clip(p, 0, 255).astype(np.uint8)
    bins = level >> 4
    weight = np.ones(len(t), np.float32)
    curve = np.arange(256, dtype=np.float32)
    for _ in range(2):
        count = np.bincount(bins, weight, 16)
        at = np.bincount(bins, weight * level, 16) / np.maximum(count, 1e-6)
        to = np.bincount(bins, weight * t, 16) / np.maximum(count, 1e-6)
        full = count > max(8.0, 0.002 * len(t))
        if full.sum() < 2:
            return curve + np.float32(np.median(t) - np.median(level))
        curve = np.interp(np.arange(256), at[full], to[full]).astype(np.float32)
        error = np.abs(curve[level] - t)
        weight = 1 / (1 + (error / (3 * error.mean() + 1)) ** 2)
    return curve


def _extreme(ycc: Array) -> float:
    """Return the share of (N, 3) near black or white, in [0, 1]."""
    return float(((ycc[:, 0] < 8) | (ycc[:, 0] > 247)).mean())


def _colour(ycc: Array) -> float:
    """Return the mean strength of the colours of (N, 3), levels."""
    return float(np.hypot(ycc[:, 1], ycc[:, 2]).mean())
