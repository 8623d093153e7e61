"""Simulate the copy: predict one file from the other, and compare with its own rounding.

If B was made from A, then A brought to the colours of B and rounded as B's coding rounds gives B.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedupe.provenance.quantile import find_median, find_quantile
from dedupe.provenance.register import Matrix, covered_tiles, sample
from dedupe.provenance.residual import (
    compare_colours,
    compare_detail,
    describe_residual,
    log_size,
)
from dedupe.provenance.rounding import SIZE, compare_cells, compare_rounding
from dedupe.provenance.source import Source
from dedupe.provenance.tone import fit_tones, measure_error, simulate_levels, to_ycc

Array = NDArray[Any]

_MARGIN = 4  # pixels round a tile that a filter reaches
_GRID = 4  # tiles a side
_FEWEST = 1  # tiles of a pair that is compared
_AGREED = 0.2  # share of the tiles that suffices: of fewer, all are compared
_INNER = np.s_[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
_REACH = 3  # of the filter: 7 x 7 pixels
_RIDGE = 1e-2  # keeps the filter at its centre where the source has no detail


def predict(
    source: Source,
    target: Source,
    matrix: Matrix,
    agree: Callable[[Sequence[tuple[int, int]]], Array],
) -> dict[str, float] | None:
    """Measure how well `target` follows from `source`, on tiles where the two agree.

    Args:
        matrix: map from the target to the source, pixel-edge coordinates.
        agree: returns whether both show the same in each tile of the target, (K,) bool, by the
            corners x and y of the tiles.

    Returns:
        None if too little of the two is shared.
    """
    spots = covered_tiles(
        (source.width, source.height), (target.width, target.height), matrix,
        size=SIZE, grid=_GRID, margin=_MARGIN,
        offset=target.tables.offset if target.tables else (0, 0),
    )  # fmt: skip
    if len(spots) < _FEWEST:
        return None
    agreed = agree(spots)
    if agreed.sum() >= _AGREED * len(spots):
        spots = [spot for spot, same in zip(spots, agreed, strict=True) if same]
    before, after = _cut(source, target, matrix, spots)
    p, t = to_ycc(before), to_ycc(after)  # (K, edge, edge, 3)
    toned, change = fit_tones(before, after, p, t)
    luma = t[..., 0]
    coded = simulate_levels(before, after, toned)[_INNER]
    error = measure_error(toned, luma)
    good = error <= find_median(error) + 1e-6
    filtered, gain = _filter(toned, luma[_INNER], good if good.sum() >= 4 else np.ones_like(good))
    p, t, toned, luma = p[_INNER], t[_INNER], toned[_INNER], luma[_INNER]
    plain, residual = luma - toned, luma - filtered
    size, size_filtered = (np.sqrt((r**2).mean((1, 2))) for r in (plain, residual))
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))  # source pixels a target pixel
    return {
        "curve": change,
        "rms": log_size(find_median(size)),
        "rms_filtered": log_size(find_median(size_filtered)),
        "rms_low": log_size(find_quantile(size_filtered, 0.15)),
        "rms_high": log_size(find_quantile(size, 0.9)),
        "gain_high": gain,
        **compare_rounding(plain, residual, luma, target),
        **compare_cells(coded, luma, target),
        **describe_residual(residual, filtered, luma),
        **compare_colours(p, t),
        **compare_detail(toned, luma, zoom),
    }


def _cut(
    source: Source, target: Source, matrix: Matrix, spots: list[tuple[int, int]]
) -> tuple[Array, Array]:
    """Return tiles of both with a margin, (K, edge, edge, 3) float32 RGB, pixel on pixel.

    Args:
        matrix: map from the target to the source.
        spots: corners x and y of the K tiles in the target, without the margin.
    """
    edge = SIZE + 2 * _MARGIN
    corners = [(x - _MARGIN, y - _MARGIN) for x, y in spots]
    before = np.stack([sample(source.pixels, matrix, x, y, edge) for x, y in corners])
    after = np.stack([target.pixels[y : y + edge, x : x + edge] for x, y in corners])
    return before, after.astype(np.float32)


def _filter(p: Array, t: Array, good: Array) -> tuple[Array, float]:
    """Fit a 7 x 7 filter with the symmetry of a square.

    Args:
        p: (K, edge, edge) luma of the source, with a margin.
        t: (K, S, S) luma of the target.
        good: (K,) bool, tiles that the filter is fitted on.

    Returns:
        (K, S, S) float32, and the gain at the horizontal Nyquist frequency, in [-3, 6].
    """
    known = _stack_rings(p)  # (K, S, S, R)
    rings = known.shape[-1]
    x = known[good][:, ::2, ::2].reshape(-1, rings)
    y = t[good][:, ::2, ::2].ravel() - x[:, 0]
    x[:, 0] = 1.0
    ridge = np.full(rings, _RIDGE * len(x))
    ridge[0] = 0.0
    terms = np.linalg.solve((x.T @ x).astype(np.float64) + np.diag(ridge), x.T @ y)
    out = known[..., 0] + known[..., 1:] @ terms[1:].astype(np.float32) + np.float32(terms[0])
    gain = 1.0 + sum(
        w * (0.5 * ((-1) ** a + (-1) ** b) - 1)
        for (a, b), w in zip(_RINGS[1:], terms[1:], strict=True)
    )
    return out, float(np.clip(gain, -3, 6))


_RINGS = [(a, b) for a in range(_REACH + 1) for b in range(a, _REACH + 1)]
"""Offsets (near, far) of the R classes of the filter's 49 places; the first is the centre."""


def _stack_rings(p: Array) -> Array:
    """Return the centre, then the mean of each further ring less the centre, (K, S, S, R)."""
    m = _MARGIN
    rows = {d: p[:, m + d : m + d + SIZE] for d in range(-_REACH, _REACH + 1)}
    pairs = {0: rows[0]} | {d: rows[d] + rows[-d] for d in range(1, _REACH + 1)}

    def across(tiles: Array, d: int) -> Array:  # the mean of columns d and -d
        if d == 0:
            return tiles[:, :, m : m + SIZE]
        return 0.5 * (tiles[:, :, m + d : m + d + SIZE] + tiles[:, :, m - d : m - d + SIZE])

    out = np.empty((len(p), SIZE, SIZE, len(_RINGS)), np.float32)
    centre = across(pairs[0], 0)
    out[..., 0] = centre
    for i, (a, b) in enumerate(_RINGS[1:], 1):
        near, far = (across(pairs[a], b), across(pairs[b], a))
        near = near if a == 0 else 0.5 * near
        far = far if b == 0 else 0.5 * far
        out[..., i] = (near if a == b else 0.5 * (near + far)) - centre
    return out
