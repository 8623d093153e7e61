"""Find traces of an earlier JPEG in pixels: DCT coefficients that cluster at multiples of a step.

A file that was decoded from a JPEG and saved again keeps them, on the same grid of blocks, or on a
shifted one after a crop (Lukáš and Fridrich, "Estimation of primary quantization matrix in double
compressed JPEG images", 2003).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedupe.provenance.dct import DCT
from dedupe.provenance.jpeg_history import JpegTables

Array = NDArray[Any]

NAMES = ("earlier", "shifted")
_FREQUENCIES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0))
_BASIS = np.stack([np.outer(DCT[u], DCT[v]).ravel() for u, v in _FREQUENCIES], 1)  # (64, F)
_BLOCKS = 1200  # blocks that are read
_FEWEST = 40  # coefficients at which a step is tried
_STEPS = np.arange(2, 33)  # earlier steps that are tried
_BINS = 512  # of half a level each
_FINER = 1.5  # own steps an earlier step must exceed
_SIZES = np.arange(_BINS) / 2  # |coefficient| of each bin
_BEYOND = _STEPS[:, None] / 2 < _SIZES  # (A, bins): coefficients that an earlier step left alive
_WAVE = np.where(_BEYOND, np.cos(2 * np.pi * _SIZES / _STEPS[:, None]), 0.0)  # (A, bins)


def find_earlier(luma: Array, tables: JpegTables | None) -> dict[str, float]:
    """Return how clearly the coefficients show an earlier quantisation: log2(1 + z), 0 to 6.

    z is the mean cosine of coefficients at a step, less that on blocks shifted by four pixels, in
    standard deviations; the largest over the steps, the median over nine frequencies.

    Args:
        luma: (H, W) uint8.
        tables: of a JPEG; else None.

    Returns:
        `earlier`, on the file's own grid; `shifted`, on the strongest other grid.
    """
    own = tables.offset if tables else (0, 0)
    steps = np.array([tables.luma[u, v] if tables else 1.0 for u, v in _FREQUENCIES])
    other = _find_grid(luma, own)
    found = {"earlier": _measure(luma, own, steps)}
    found["shifted"] = _measure(luma, other, np.ones_like(steps)) if other else 0.0
    return {name: float(np.log2(1 + z)) for name, z in found.items()}


def _find_grid(luma: Array, own: tuple[int, int]) -> tuple[int, int] | None:
    """Return the offset x and y of the block grid with the strongest edges that is not `own`."""
    part = luma[:: max(1, luma.shape[0] // 256)]
    across = np.abs(np.diff(part.astype(np.int16), 2, axis=1)).mean(axis=0)
    part = luma[:, :: max(1, luma.shape[1] // 256)]
    down = np.abs(np.diff(part.astype(np.int16), 2, axis=0)).mean(axis=1)
    found = [_find_phase(across, own[0]), _find_phase(down, own[1])]
    if found[0] == own[0] and found[1] == own[1]:
        return None
    return found[0], found[1]


def _find_phase(change: Array, own: int) -> int:
    """Return the phase of the strongest block edges, in [0, 8), from (N,) second differences."""
    whole = change[: len(change) // 8 * 8].reshape(-1, 8)
    if len(whole) < 4:
        return own
    profile = np.median(whole, axis=0)
    # A border between pixels p - 1 and p raises the second differences at p - 2 and p - 1.
    edges = profile + np.roll(profile, 1)
    spare = edges.copy()
    spare[(own - 1) % 8] = -1
    best = int(np.argmax(spare))
    around = np.median(edges)
    return (best + 1) % 8 if edges[best] > 1.02 * around else own


def _measure(luma: Array, grid: tuple[int, int], steps: Array) -> float:
    """Return the z of `find_earlier` on one grid.

    Args:
        luma: (H, W) uint8.
        grid: offset x and y of the blocks.
        steps: (F,) of the file's own quantisation on that grid.
    """
    here = _project(luma, grid)
    there = _project(luma, ((grid[0] + 4) % 8, (grid[1] + 4) % 8))
    if len(here) < _FEWEST or len(there) < _FEWEST:
        return 0.0
    mine, reference = _count(here), _count(np.rint(there / steps) * steps)  # (bins, F)
    counts = [_BEYOND @ h for h in (mine, reference)]  # (A, F)
    usable = (np.minimum(*counts) >= _FEWEST) & (_STEPS[:, None] >= _FINER * steps + 0.5)
    n = [np.maximum(c, 1) for c in counts]
    z = (_WAVE @ mine / n[0] - _WAVE @ reference / n[1]) / np.sqrt(0.5 / n[0] + 0.5 / n[1])
    return max(0.0, float(np.median(np.where(usable, z, 0.0).max(axis=0))))


def _project(luma: Array, grid: tuple[int, int]) -> Array:
    """Return low DCT coefficients of at most 1,200 blocks of a grid, (B, F) float32."""
    part = luma[grid[1] :, grid[0] :]
    height, width = part.shape[0] // 8, part.shape[1] // 8
    step = max(1, int(np.sqrt(height * width / _BLOCKS)))
    blocks = part[: height * 8, : width * 8].reshape(height, 8, width, 8)[::step, :, ::step]
    return np.asarray(blocks.transpose(0, 2, 1, 3).reshape(-1, 64).astype(np.float32) @ _BASIS)


def _count(coefficients: Array) -> Array:
    """Return the histograms of the sizes of (B, F) coefficients, (bins, F)."""
    bins = np.minimum(np.rint(np.abs(coefficients) * 2), _BINS - 1).astype(np.int64)
    columns = bins.shape[1]
    flat = np.bincount((bins * columns + np.arange(columns)).ravel(), minlength=_BINS * columns)
    return flat.reshape(_BINS, columns).astype(np.float64)
