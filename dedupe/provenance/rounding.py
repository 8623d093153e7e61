"""Compare residuals with the rounding that the coding of a file admits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedupe.provenance.dct import DCT
from dedupe.provenance.quantile import find_quantile
from dedupe.provenance.source import Source

Array = NDArray[Any]

SIZE = 32  # edge of a tile, pixels; a multiple of 8
_PARTS = SIZE // 8
_BLOCKS = np.kron(np.eye(_PARTS, dtype=np.float32), DCT)  # (S, S)
_EVEN = 0.289  # rms of values that fill a cell of width 1 evenly
_PIXEL_ROUNDING = 0.9  # rounding to whole levels, added to half a step
_PIXEL_NOISE = 0.2
"""Variance of a coefficient by rounding to whole levels: of luma before coding and after it, 1/12
each, and of the three colours, 0.04 in luma."""
_LEVEL_ROUNDING = 1.1  # the same of a lossless file, levels
_MISSED = 0.3  # distance to a cell that rounding to whole levels does not explain, levels
_FEWEST = 12  # active coefficients of a tile that is counted
_TYPICAL = 0.4  # quantile over tiles: additions may cover the half of them
_NUMBERS = (
    "explained",
    *(a + b for a in ("exceed", "cell", "fit") for b in ("", "_filtered")),
)
_AC = np.arange(64).reshape(8, 8) > 0


def transform(tiles: Array) -> Array:
    """Return (K, S, S) tiles with each 8 x 8 block replaced by its DCT, S = 32."""
    return np.asarray(_BLOCKS @ tiles @ _BLOCKS.T)


def split_blocks(transformed: Array) -> Array:
    """Return the blocks of `transform`, (K, B, 8, 8), as a copy."""
    k = len(transformed)
    parts = transformed.reshape(k, _PARTS, 8, _PARTS, 8).transpose(0, 1, 3, 2, 4)
    return parts.reshape(k, -1, 8, 8)


def compare_rounding(plain: Array, filtered: Array, t: Array, target: Source) -> dict[str, float]:
    """Compare residuals with the rounding of the target's coding.

    Args:
        plain: (K, S, S) residual of the source in the target's tones, levels.
        filtered: the same after a fitted filter.
        t: (K, S, S) luma of the target.
        target: with its coding.
    """
    residuals = {"": plain, "_filtered": filtered}
    if target.tables is not None:
        return {"known": 1.0, "lossless": 0.0} | _compare_steps(residuals, t, target.tables.luma)
    out = {"known": 0.0, "lossless": float(target.lossless), "explained": 0.0}
    for name, residual in residuals.items():
        if target.lossless:
            share = (np.abs(residual) > _LEVEL_ROUNDING).mean((1, 2))
            size = np.sqrt((residual**2).mean((1, 2)))
            out["exceed" + name] = find_quantile(share, _TYPICAL)
            out["cell" + name] = float(np.log2(find_quantile(size, _TYPICAL) / _EVEN + 0.05))
        else:
            out["exceed" + name], out["cell" + name] = 0.5, 0.0
        out["fit" + name] = out["cell" + name]
    return out


def compare_cells(p: Array, t: Array, target: Source) -> dict[str, float]:
    """Measure how far a simulated copy lies outside the cells that the target's coding rounds to.

    A program that made the target from the source rounded just these values: none lies outside.
    In reverse, the values have been rounded by another coding, and many do. Unlike the size of the
    residual, this holds whatever was rounded before: an earlier JPEG's coefficients do not fill
    the cells evenly.

    Args:
        p: (K, S, S) luma that would be encoded, whole levels.
        t: (K, S, S) luma of the target, levels.
        target: with its coding.

    Returns:
        `miss`: share of the values outside, in [0, 1]; of a JPEG, of the coefficients that are
        not 0 in one of the two. `miss_size`: log2 of the root mean square distance to the cell in
        levels, -4.3 if all are inside. 0.5 and 0 for a lossy format with an unknown rounding.
    """
    if target.tables is not None:
        q = np.tile(target.tables.luma, (_PARTS, _PARTS))  # (S, S)
        known, found = transform(p - 128), transform(t - 128)
        level = np.rint(found / q)
        counted = ((level != 0) | (np.abs(known) > q / 2)) & np.tile(_AC, (_PARTS, _PARTS))
        outside = np.maximum(np.abs(known - level * q) - q / 2, 0)
    elif target.lossless:
        counted = np.ones(p.shape, bool)
        outside = np.maximum(np.abs(p - t) - 0.5, 0)
    else:
        return {"miss": 0.5, "miss_size": 0.0}
    count = counted.sum((1, 2))
    enough = count >= _FEWEST
    if not enough.any():
        return {"miss": 0.5, "miss_size": 0.0}
    outside, counted, count = outside[enough], counted[enough], count[enough]
    share = ((outside > _MISSED) & counted).sum((1, 2)) / count
    size = np.sqrt((outside**2 * counted).sum((1, 2)) / count)
    return {
        "miss": find_quantile(share, _TYPICAL),
        "miss_size": float(np.log2(find_quantile(size, _TYPICAL) + 0.05)),
    }


def _compare_steps(residuals: dict[str, Array], luma: Array, steps: Array) -> dict[str, float]:
    """Compare residuals with the steps of a JPEG; see `compare_rounding`.

    Args:
        residuals: by suffix, (K, S, S).
        luma: (K, S, S) luma of the target.
        steps: (8, 8).
    """
    q = np.tile(steps, (_PARTS, _PARTS))  # (S, S)
    level = np.rint(transform(luma - 128) / q)
    active = (level != 0) & np.tile(_AC, (_PARTS, _PARTS))
    count = active.sum((1, 2))
    enough = count >= _FEWEST
    if not enough.any():
        return dict.fromkeys(_NUMBERS, 0.0) | {"exceed": 0.5, "exceed_filtered": 0.5}
    out = {}
    active, count = active[enough], count[enough]

    def average(values: Array) -> Array:  # over the active coefficients of each tile, (K,)
        return np.asarray((values * active).sum((1, 2)) / count)

    def typical(values: Array) -> float:
        return find_quantile(values, _TYPICAL)

    admitted = average(q * q / 12 + _PIXEL_NOISE)
    for name, residual in residuals.items():
        r = transform(residual[enough])
        out["fit" + name] = typical(np.log2(average(r * r) / admitted + 0.02))
        out["exceed" + name] = typical(average(np.abs(r) > q / 2 + _PIXEL_ROUNDING))
        out["cell" + name] = float(np.log2(typical(np.sqrt(average((r / q) ** 2))) / _EVEN + 0.05))
    r = transform(residuals[""][enough])
    exact = transform(luma[enough] - 128)
    again = np.rint((exact - r) / q) - level[enough]
    after, before = average((again * q) ** 2), average(r**2)
    out["explained"] = typical(np.log2((after + 0.5) / (before + 0.5)))
    return out
