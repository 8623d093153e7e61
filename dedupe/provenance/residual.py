"""Measure the residual of a prediction: its shape, its spectrum, the detail that is missing."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.provenance.quantile import find_median, find_quantile
from dedupe.provenance.rounding import SIZE, split_blocks, transform

Array = NDArray[Any]

_K = np.arange(SIZE)
_DCT = np.sqrt(2 / SIZE) * np.cos((2 * _K + 1) * _K[:, None] * np.pi / (2 * SIZE))
_DCT[0] /= np.sqrt(2)
_DCT = _DCT.astype(np.float32)  # (S, S) orthonormal, of a whole tile
_WINDOW = np.outer(np.hanning(SIZE + 2)[1:-1], np.hanning(SIZE + 2)[1:-1]).astype(np.float32)
_U = np.hypot(*np.mgrid[0:SIZE, 0:SIZE]) / SIZE  # frequency of DCT terms, 1 at Nyquist
_LOW = (0.06, 0.2)  # band that the others are compared with
_BANDS = ((0.2, 0.4), (0.4, 0.65), (0.65, 1.0))
_FLOOR = 0.02  # energy of rounding to whole levels, added to each band
_FIVE = np.ones((5, 5), np.uint8)
_STRONG = 24  # range of levels round an edge
_NYQUIST = 1.4  # log10 of the energy ratio that parts enlargements from originals
_GROWN = 0.92  # source pixels for a target pixel below which the target counts as enlarged


def log_size(value: float) -> float:
    """Return log2 of a size in levels; 0 maps to -2."""
    return float(np.log2(value + 0.25))


def describe_residual(residual: Array, predicted: Array, t: Array) -> dict[str, float]:
    """Measure whether the residual of a prediction follows the structure of the picture.

    Args:
        residual: (K, S, S) levels.
        predicted: (K, S, S) luma.
        t: (K, S, S) luma of the target.
    """
    b = split_blocks(transform(residual))
    squares = b**2
    energy = squares.sum((2, 3)) - squares[:, :, 0, 0]  # (K, B)
    p = split_blocks(transform(predicted))
    structure = np.log((p**2).sum((2, 3)) - p[:, :, 0, 0] ** 2 + 64).ravel()
    high = squares[..., 4:, 4:].mean((2, 3))
    middle = squares[..., 1:4, 1:4].mean((2, 3))
    scaled = residual / (np.sqrt((residual**2).mean((1, 2), keepdims=True)) + 0.3)
    low = squares[..., :3, :3].sum((2, 3)).mean()
    return {
        "structure": _correlate(structure, np.log(energy + 16).ravel()),
        "tail": _correlate(structure, np.log(high + 1).ravel()),
        "whiteness": float(np.log2((find_median(high) + 0.1) / (find_median(middle) + 0.1))),
        "excess_kurtosis": float(np.log((scaled**4).mean() + 0.1)),
        "unfiltered_gain": float(np.log2((low + 1) / (energy.mean() + 1))),
        "blockiness": _measure_block_edges(t),
        "halo": _measure_halo(predicted, t),
    }


def _correlate(x: Array, y: Array) -> float:
    """Return the correlation of (N,) and (N,), in [-1, 1]; 0 if one is constant."""
    if min(x.std(), y.std()) < 1e-3:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def _measure_block_edges(t: Array) -> float:
    """Return log2 of the steps of (K, S, S) across borders of 8 x 8 blocks over those inside."""
    dx = np.abs(np.diff(t, axis=2)).mean((0, 1))  # (S - 1,)
    border = dx[7::8].mean()
    inside = np.delete(dx, np.s_[7::8]).mean()
    return float(np.log2((border + 0.2) / (inside + 0.2)))


def _measure_halo(predicted: Array, t: Array) -> float:
    """Return how far `t` (K, S, S) leaves the local range of `predicted` at edges, in ranges."""
    tall = predicted.reshape(-1, SIZE)
    inner = np.s_[:, 2:-2, 2:-2]  # a filter of five mixes tiles at their edges
    low = cv2.erode(tall, _FIVE).reshape(predicted.shape)[inner]
    high = cv2.dilate(tall, _FIVE).reshape(predicted.shape)[inner]
    t, span = t[inner], high - low
    strong = span > _STRONG
    if strong.sum() <= 50:
        return 0.0
    over = np.maximum(t - high, 0) + np.maximum(low - t, 0)
    return float((over[strong] / span[strong]).mean())


def compare_colours(p: Array, t: Array) -> dict[str, float]:
    """Measure the residual of the target's colours after a linear map of the source's.

    Args:
        p, t: (K, S, S, 3) luma and colour differences of source and target.
    """
    a, b = (_shrink(x) for x in (p, t))
    b = b[:, 1:].astype(np.float64)
    known = np.concatenate([a - [128, 0, 0], np.ones((len(a), 1))], 1)
    w = np.ones(len(a))
    for _ in range(2):
        normal = known.T @ (known * w[:, None]) + np.diag([100.0, 100, 100, 1])
        terms = np.linalg.solve(normal, known.T @ (b * w[:, None]))
        error = np.sqrt(((b - known @ terms) ** 2).sum(1))
        w = 1 / (1 + (error / (2 * find_median(error) + 0.5)) ** 2)
    spread = float(np.sqrt(((b - b.mean(0)) ** 2).sum(1).mean()))
    return {"chroma": log_size(find_median(error)), "chroma_energy": log_size(spread)}


def _shrink(tiles: Array) -> Array:
    """Return the means of 4 x 4 pixels of (K, S, S, 3), (64 K, 3)."""
    tall = np.ascontiguousarray(tiles).reshape(-1, SIZE, 3)
    small = cv2.resize(tall, (SIZE // 4, len(tall) // 4), interpolation=cv2.INTER_AREA)
    return np.asarray(small).reshape(-1, 3)


def compare_detail(p: Array, t: Array, zoom: float) -> dict[str, float]:
    """Compare energy in bands of frequency, target against source.

    Args:
        p, t: (K, S, S) luma of source and target.
        zoom: pixels of the source for each pixel of the target, along a side.
    """
    fp, ft = (_measure_spectrum(x) for x in (p, t))

    def band(f: Array, low: float, high: float) -> float:  # f is (S, S) energy
        return float(f[(low <= _U) & (high > _U)].mean()) + _FLOOR

    low = band(ft, *_LOW)
    base = np.log2(low / band(fp, *_LOW))
    out = {"larger": float(np.clip(-np.log2(zoom), -4, 4)), "nyquist": 0.0}
    for i, limits in enumerate(_BANDS, 1):
        mine = band(ft, *limits)
        out[f"band{i}"] = float(np.clip(np.log2(mine / band(fp, *limits)) - base, -12, 12))
        if i > 1:
            out[f"slope{i}"] = float(np.log2(mine / low))
    if zoom < _GROWN:  # is there anything above the source's Nyquist frequency?
        above, below = (zoom, min(1.2, 1.35 * zoom)), (0.65 * zoom, zoom)
        out["nyquist"] = float(np.log10(band(ft, *above) / band(ft, *below))) + _NYQUIST
    high = np.sqrt((split_blocks(transform(t))[..., 4:, 4:] ** 2).mean((2, 3))).ravel()
    out["flat_noise"] = float(np.log2(find_quantile(high, 0.2) + 0.05))
    return out


def _measure_spectrum(tiles: Array) -> Array:
    """Return the median energy over tiles (K, S, S) of each DCT term, (S, S)."""
    centred = (tiles - tiles.mean((1, 2), keepdims=True)) * _WINDOW
    return np.asarray(np.median((_DCT @ centred @ _DCT.T) ** 2, axis=0))
