"""Simulate the copy: predict one file from the other, and compare with its own rounding.

If B was made from A, then A brought to the colours of B and rounded as B's coding rounds gives B.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.provenance.register import Matrix, covered_tiles, sample
from dedupe.provenance.source import Source

Array = NDArray[Any]

SIZE = 32  # edge of a tile, pixels
_MARGIN = 4  # pixels round a tile that a filter reaches
_GRID = 4  # tiles a side
_K = np.arange(8)
DCT = np.where(
    _K[:, None] == 0, np.sqrt(1 / 8), 0.5 * np.cos((2 * _K + 1) * _K[:, None] * np.pi / 16)
)
DCT = DCT.astype(np.float32)  # (8, 8) orthonormal; T.81, A.3.3
_BINS = 24


def predict(source: Source, target: Source, matrix: Matrix) -> dict[str, float] | None:
    """Measure how well `target` follows from `source`.

    Args:
        matrix: map from the target to the source, pixel-edge coordinates.

    Returns:
        None if too little of the two is shared.
    """
    offset = target.tables.offset if target.tables else (0, 0)
    spots = covered_tiles(
        (source.width, source.height), (target.width, target.height), matrix,
        size=SIZE, grid=_GRID, margin=_MARGIN, offset=offset,
    )  # fmt: skip
    if len(spots) < 3:
        return None
    edge = SIZE + 2 * _MARGIN
    before = np.stack(
        [sample(source.pixels, matrix, x - _MARGIN, y - _MARGIN, edge) for x, y in spots]
    )
    after = np.stack(
        [
            target.pixels[
                y - _MARGIN : y - _MARGIN + edge, x - _MARGIN : x - _MARGIN + edge
            ].astype(np.float32)
            for x, y in spots
        ]
    )
    p, t = _to_ycc(before), _to_ycc(after)  # (K, edge, edge, 3)
    out: dict[str, float] = {}
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))  # source pixels a target pixel

    toned = _tone_channels(before, after)
    if _misfit(toned, t) > 1.0 + 0.9 * _misfit(p[..., 0], t) or _differs_in_colour(p, t):
        mixed = _tone(p, t)
        if _misfit(mixed, t) < _misfit(toned, t):
            toned = mixed
    out["curve"] = float(np.abs(toned - p[..., 0]).mean() ** 0.5)
    identity = np.sqrt(((p[..., 0] - t[..., 0]) ** 2).mean((1, 2)))
    fitted = np.sqrt(((toned - t[..., 0]) ** 2).mean((1, 2)))
    if np.median(identity) <= 1.03 * np.median(fitted) + 0.05:
        toned = p[..., 0]
    good = fitted <= np.median(fitted) + 1e-6
    filtered, kernel = _filter(
        toned, t[..., 0], good if good.sum() >= 4 else np.ones(len(good), bool)
    )
    m = _MARGIN
    inner = np.s_[:, m:-m, m:-m]
    ty = t[..., 0][inner]
    raw, fil = ty - toned[inner], ty - filtered
    out["rms"] = _log(np.median(np.sqrt((raw**2).mean((1, 2)))))
    out["rms_filtered"] = _log(np.median(np.sqrt((fil**2).mean((1, 2)))))
    out["rms_low"] = _log(np.quantile(np.sqrt((fil**2).mean((1, 2))), 0.15))
    out |= _lattice(raw, fil, ty, target)
    out |= _residual_shape(fil, filtered, ty)
    out["gain_high"] = kernel
    out |= _chroma(p[inner], t[inner])
    out |= _bands(toned[inner], ty, zoom)
    out["flat_noise"] = _flat_noise(ty)
    return out


def _log(value: float) -> float:
    return float(np.log2(value + 0.25))


def _to_ycc(rgb: Array) -> Array:
    """Return luma and two colour differences of RGB (K, S, S, 3), of the same shape."""
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return np.stack([y, (b - y) * 0.564, (r - y) * 0.713], -1)


def _misfit(luma: Array, t: Array) -> float:
    """Return the median over tiles of the error of luma (K, S, S) to `t` (K, S, S, 3), levels."""
    m = _MARGIN
    return float(np.median(np.abs(luma - t[..., 0])[:, m:-m:2, m:-m:2].mean((1, 2))))


def _differs_in_colour(p: Array, t: Array) -> bool:
    """Return whether one set of tiles (K, S, S, 3) has much more colour than the other."""
    a, b = (float(np.abs(x[:, ::4, ::4, 1:]).mean()) for x in (p, t))
    return max(a, b) > 1.5 * min(a, b) + 2


def _tone(p: Array, t: Array) -> Array:
    """Fit luma of the target as a curve of a mix of the source's colours.

    Args:
        p: (K, S, S, 3) float32 luma and colour differences of the source.
        t: the same of the target.

    Returns:
        (K, S, S) float32 luma of the source in the tones of the target.
    """
    m = _MARGIN
    x = p[:, m:-m:3, m:-m:3].reshape(-1, 3) - np.array([128, 0, 0], np.float32)
    y = t[:, m:-m:3, m:-m:3, 0].ravel()
    known = np.concatenate([x, np.ones((len(x), 1), np.float32)], 1)
    weight = np.ones(len(x), np.float32)
    for _ in range(3):
        normal = known.T @ (known * weight[:, None]) + np.diag([1.0, 300.0, 300.0, 1.0])
        terms = np.linalg.solve(normal, known.T @ ((y - 128) * weight))
        error = np.abs(y - 128 - known @ terms)
        weight = 1 / (1 + (error / (2 * np.median(error) + 0.5)) ** 2)
    mixed = (p - np.array([128, 0, 0], np.float32)) @ terms[:3].astype(np.float32) + (
        terms[3] + 128
    )
    at, to = _level_curve(mixed[:, m:-m, m:-m].ravel(), t[:, m:-m, m:-m, 0].ravel())
    return _apply_curve(mixed, at, to)


def _apply_curve(x: Array, at: Array, to: Array) -> Array:
    """Apply a piecewise linear curve, in steps of a quarter of a level.

    Args:
        x: levels, any shape.
        at: (N,) ascending levels.
        to: (N,) levels of the curve at `at`.

    Returns:
        float32 of the shape of `x`.
    """
    table = np.interp(np.arange(-256, 1536) / 4, at, to).astype(np.float32)
    return np.asarray(table[np.clip(np.rint(x * 4).astype(np.int32) + 256, 0, 1791)])


def _tone_channels(before: Array, after: Array) -> Array:
    """Fit each colour channel of the target as a curve of the same channel; return luma.

    Args:
        before: (K, S, S, 3) float32 RGB of the source.
        after: (K, S, S, 3) float32 RGB of the target.

    Returns:
        (K, S, S) float32.
    """
    m = _MARGIN
    keep = np.ones(len(before), bool)
    out = np.zeros_like(before)
    for turn in range(2):
        if turn and keep.all():
            break
        for c in range(3):
            x = before[keep][:, m:-m, m:-m, c].ravel()
            y = after[keep][:, m:-m, m:-m, c].ravel()
            at, to = _level_curve(x, y)
            out[..., c] = _apply_curve(before[..., c], at, to)
        luma = out @ np.array([0.299, 0.587, 0.114], np.float32)
        if turn == 0:
            error = np.abs(luma - after @ np.array([0.299, 0.587, 0.114], np.float32))[
                :, m:-m, m:-m
            ].mean((1, 2))
            keep = error <= np.quantile(error, 0.7)
    return np.asarray(luma, np.float32)


def _level_curve(x: Array, y: Array) -> tuple[Array, Array]:
    """Return the curve of means of `y` at each level of `x`; rare levels are merged.

    Args:
        x: (N,) levels of the source.
        y: (N,) levels of the target.

    Returns:
        (M,) float64 ascending levels, and (M,) float64 levels of the curve there.
    """
    level = np.clip(np.rint(x), 0, 255).astype(int)
    count = np.bincount(level, minlength=256).astype(float)
    total = np.bincount(level, weights=y, minlength=256)
    place = np.bincount(level, weights=x, minlength=256)
    need = max(60.0, len(x) / 400)
    at, to = [], []
    n = sx = sy = 0.0
    for v in range(256):
        n, sx, sy = n + count[v], sx + place[v], sy + total[v]
        if n >= need:
            at.append(sx / n)
            to.append(sy / n)
            n = sx = sy = 0.0
    if len(at) < 2:
        shift = float(y.mean() - x.mean())
        return np.array([0.0, 255.0]), np.array([shift, 255 + shift])
    a, b = np.array(at), np.array(to)
    first = (b[1] - b[0]) / max(a[1] - a[0], 0.5)
    last = (b[-1] - b[-2]) / max(a[-1] - a[-2], 0.5)
    low = b[0] - np.clip(first, 0, 2) * (a[0] + 64)
    high = b[-1] + np.clip(last, 0, 2) * (320 - a[-1])
    return np.concatenate([[-64], a, [320]]), np.concatenate([[low], b, [high]])


def _filter(p: Array, t: Array, good: Array) -> tuple[Array, float]:
    """Fit a 7 x 7 filter with the symmetry of a square; return its output and high-pass gain."""
    m = _MARGIN
    edge = SIZE
    basis: dict[tuple[int, int], Array] = {}
    count: dict[tuple[int, int], int] = {}
    for dy in range(-3, 4):
        for dx in range(-3, 4):
            key = min(abs(dx), abs(dy)), max(abs(dx), abs(dy))
            part = p[:, m + dy : m + dy + edge, m + dx : m + dx + edge]
            basis[key] = basis[key] + part if key in basis else part.copy()
            count[key] = count.get(key, 0) + 1
    keys = sorted(basis)
    known = np.empty((*basis[0, 0].shape, len(keys)), np.float32)  # (K, S, S, 10)
    known[..., 0] = basis[0, 0]
    for i, k in enumerate(keys[1:], 1):
        known[..., i] = basis[k] / count[k] - basis[0, 0]  # relative to the centre
    x = known[good][:, ::2, ::2].reshape(-1, len(keys))
    x = np.concatenate([x, np.ones((len(x), 1), np.float32)], 1)
    y = t[good][:, m:-m:2, m:-m:2].ravel() - x[:, 0]
    x = x[:, 1:]
    normal = x.T @ x + 1e-2 * len(x) * np.diag([1] * (len(keys) - 1) + [0.0])
    terms = np.linalg.solve(normal, x.T @ y)
    out = known[..., 0] + known[..., 1:] @ terms[:-1].astype(np.float32) + np.float32(terms[-1])
    weights = dict(zip(keys[1:], terms[:-1], strict=True))
    high = 1.0  # gain at the horizontal Nyquist frequency
    for (a, b), w in weights.items():
        mean = 0.5 * ((-1) ** a + (-1) ** b)
        high += w * (mean - 1)
    return out.astype(np.float32), float(np.clip(high, -3, 6))


def _blocks(tiles: Array) -> Array:
    """Return the DCT of the 8 x 8 blocks of (K, S, S) tiles, (K, B, 8, 8)."""
    k, s, _ = tiles.shape
    blocks = tiles.reshape(k, s // 8, 8, s // 8, 8).transpose(0, 1, 3, 2, 4).reshape(k, -1, 8, 8)
    return np.asarray(DCT @ blocks @ DCT.T)


def _lattice(raw: Array, fil: Array, ty: Array, target: Source) -> dict[str, float]:
    """Compare residuals with the rounding of the target's coding.

    Args:
        raw: (K, S, S) residual of the toned source.
        fil: (K, S, S) residual of the toned and filtered source.
        ty: (K, S, S) luma of the target.
        target: with its coding.
    """
    out: dict[str, float] = {"known": 0.0, "lossless": 0.0}
    if target.tables is not None:
        q = target.tables.luma
        t = _blocks(ty - 128)
        level = np.rint(t / q)
        active = (np.abs(level) >= 1) & (np.arange(64).reshape(8, 8) > 0)
        out["known"] = 1.0
        for name, residual in (("", raw), ("_filtered", fil)):
            r = _blocks(residual)
            over = (np.abs(r) > q / 2 + 0.9) & active
            count = active.sum((1, 2, 3))
            enough = count >= 12
            if not enough.any():
                out["exceed" + name], out["cell" + name] = 0.5, 0.0
                if name == "":
                    out["explained"] = 0.0
                continue
            share = over.sum((1, 2, 3))[enough] / count[enough]
            cell = np.sqrt(((r / q) ** 2 * active).sum((1, 2, 3))[enough] / count[enough])
            out["exceed" + name] = float(np.quantile(share, 0.4))
            out["cell" + name] = float(np.log2(np.quantile(cell, 0.4) / 0.289 + 0.05))
            if name == "":
                p = t - r
                again = np.rint(p / q) * q - level * q
                e1 = ((again**2) * active).sum((1, 2, 3))[enough] / count[enough]
                e0 = ((r**2) * active).sum((1, 2, 3))[enough] / count[enough]
                out["explained"] = float(np.quantile(np.log2((e1 + 0.5) / (e0 + 0.5)), 0.4))
    elif target.lossless:
        out["lossless"] = 1.0
        for name, residual in (("", raw), ("_filtered", fil)):
            share = (np.abs(residual) > 1.1).mean((1, 2))
            out["exceed" + name] = float(np.quantile(share, 0.4))
            out["cell" + name] = float(
                np.log2(np.quantile(np.sqrt((residual**2).mean((1, 2))), 0.4) / 0.289 + 0.05)
            )
        out["explained"] = 0.0
    else:
        for name in ("exceed", "cell", "exceed_filtered", "cell_filtered", "explained"):
            out[name] = 0.5 if "exceed" in name else 0.0
    return out


def _residual_shape(fil: Array, predicted: Array, ty: Array) -> dict[str, float]:
    """Measure whether the residual of the prediction follows the structure of the picture.

    Args:
        fil: (K, S, S) residual.
        predicted: (K, S, S) luma.
        ty: (K, S, S) luma of the target.
    """

    def energy(x: Array) -> Array:  # (K, S, S) to (K, B), without the mean of each block
        b = _blocks(x)
        return np.asarray((b**2).sum((2, 3)) - b[:, :, 0, 0] ** 2)

    e, a = energy(fil), energy(predicted)
    b = _blocks(fil)
    high = (b[..., 4:, 4:] ** 2).mean((2, 3))
    x, y = np.log(a.ravel() + 64), np.log(e.ravel() + 16)
    z = np.log(high.ravel() + 1)
    structure = float(np.corrcoef(x, y)[0, 1]) if min(x.std(), y.std()) > 1e-3 else 0.0
    structure_high = float(np.corrcoef(x, z)[0, 1]) if min(x.std(), z.std()) > 1e-3 else 0.0
    r = fil / (np.sqrt((fil**2).mean((1, 2), keepdims=True)) + 0.3)
    kurtosis = float(np.log((r**4).mean() + 0.1))
    # block edges in the target: residual across 8x8 borders against inside
    dx = np.abs(np.diff(ty, axis=2))
    inside = np.delete(dx, [7, 15, 23], axis=2).mean()
    border = dx[:, :, [7, 15, 23]].mean()
    low = (b[..., :3, :3] ** 2).sum((2, 3)).mean()
    # sharpening: residual or target overshoots beyond the range of the prediction near edges
    lo = _local(predicted, cv2.erode)
    hi = _local(predicted, cv2.dilate)
    over = np.maximum(ty - hi, 0) + np.maximum(lo - ty, 0)
    span = hi - lo
    strong = span > 24
    halo = float((over[strong] / span[strong]).mean()) if strong.sum() > 50 else 0.0
    return {
        "structure": structure,
        "excess_kurtosis": kurtosis,
        "tail": structure_high,
        "blockiness": float(np.log2((border + 0.2) / (inside + 0.2))),
        "halo": halo,
        "unfiltered_gain": float(np.log2((low + 1) / (e.mean() + 1))),
    }


def _local(t: Array, what: Any) -> Array:
    """Return the 5 x 5 minimum or maximum of each tile, (K, S, S)."""
    return np.stack([what(x, _FIVE) for x in t])


_FIVE = np.ones((5, 5), np.uint8)


def _chroma(p: Array, t: Array) -> dict[str, float]:
    """Measure the residual of the target's colours after a linear map of the source's.

    Args:
        p: (K, 32, 32, 3) luma and colour differences of the source.
        t: the same of the target.
    """
    a = p.reshape(*p.shape[:1], 8, 4, 8, 4, 3).mean((2, 4)).reshape(-1, 3)
    b = t.reshape(*t.shape[:1], 8, 4, 8, 4, 3).mean((2, 4)).reshape(-1, 3)[:, 1:]
    known = np.concatenate([a - [128, 0, 0], np.ones((len(a), 1))], 1)
    w = np.ones(len(a))
    for _ in range(2):
        normal = known.T @ (known * w[:, None]) + np.diag([100.0, 100, 100, 1])
        terms = np.linalg.solve(normal, known.T @ (b * w[:, None]))
        error = np.sqrt(((b - known @ terms) ** 2).sum(1))
        w = 1 / (1 + (error / (2 * np.median(error) + 0.5)) ** 2)
    spread = float(np.sqrt(((b - b.mean(0)) ** 2).sum(1).mean()))
    return {
        "chroma": float(np.log2(np.median(error) + 0.25)),
        "chroma_energy": float(np.log2(spread + 0.25)),
    }


_U = np.hypot(*np.mgrid[0:SIZE, 0:SIZE]) / SIZE  # frequency of DCT terms, 1 at Nyquist


def _bands(p: Array, t: Array, zoom: float) -> dict[str, float]:
    """Compare energy in bands of frequency, target against source.

    Args:
        p: (K, S, S) luma of the source.
        t: (K, S, S) luma of the target.
        zoom: pixels of the source for each pixel of the target.
    """
    window = np.hanning(SIZE + 2)[1:-1].astype(np.float32)
    window = window[:, None] * window
    fp = np.median([cv2.dct((x - x.mean()) * window) ** 2 for x in p], axis=0)
    ft = np.median([cv2.dct((x - x.mean()) * window) ** 2 for x in t], axis=0)

    def band(f: Array, low: float, high: float) -> float:  # f is (S, S) energy
        return float(f[(low <= _U) & (high > _U)].mean()) + 0.02

    base = np.log2(band(ft, 0.06, 0.2) / band(fp, 0.06, 0.2))
    out = {}
    for i, (low, high) in enumerate(((0.2, 0.4), (0.4, 0.65), (0.65, 1.0)), 1):
        out[f"band{i}"] = float(
            np.clip(np.log2(band(ft, low, high) / band(fp, low, high)) - base, -12, 12)
        )
        if i > 1:
            out[f"slope{i}"] = float(np.log2(band(ft, low, high) / band(ft, 0.06, 0.2)))
    out["nyquist"], out["larger"] = 0.0, float(np.clip(-np.log2(zoom), -4, 4))
    if zoom < 0.92:  # the target has more pixels: is there anything above the source's Nyquist?
        out["nyquist"] = (
            float(np.log10(band(ft, zoom, min(1.2, 1.35 * zoom)) / band(ft, 0.65 * zoom, zoom)))
            + 1.4
        )
    return out


def _flat_noise(ty: Array) -> float:
    """Return log2 of the 20 % quantile of the high-frequency rms of the blocks of (K, S, S)."""
    b = _blocks(ty)
    high = np.sqrt((b[..., 4:, 4:] ** 2).mean((2, 3))).ravel()
    return float(np.log2(np.quantile(high, 0.2) + 0.05))
