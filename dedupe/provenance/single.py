"""Measure one file alone: size, codec, colours, histogram."""

from __future__ import annotations

import math

import numpy as np

from dedupe.provenance.source import Source

NAMES = (
    "pixels",
    "quality",
    "jpeg",
    "lossless",
    "colours",
    "gaps",
    "clip_low",
    "clip_high",
    "density",
    "grey",
)


def measure_file(source: Source) -> dict[str, float]:
    """Return numbers of one file."""
    pixels = source.pixels
    step = max(1, int(np.sqrt(pixels.shape[0] * pixels.shape[1] / 16_000)))
    rgb = pixels[::step, ::step].reshape(-1, 3)
    luma = (rgb.astype(np.int32) @ np.array([77, 150, 29]) >> 8).astype(np.uint8)
    codes = rgb.astype(np.int32) @ np.array([65536, 256, 1])
    histogram = np.bincount(rgb[:, 1], minlength=256)
    used = (
        np.flatnonzero(np.cumsum(histogram) > 0.02 * len(rgb))[:1],
        np.flatnonzero(np.cumsum(histogram) < 0.98 * len(rgb))[-1:],
    )
    low, high = (int(used[0][0]) if len(used[0]) else 0), (int(used[1][0]) if len(used[1]) else 255)
    part = histogram[low : high + 1].astype(float)
    rough = (
        np.abs(part[1:-1] - (part[:-2] + part[2:]) / 2)
        / (np.sqrt(part[1:-1] + part[:-2] + part[2:]) + 1)
        if len(part) > 8
        else np.zeros(1)
    )
    return {
        "pixels": float(np.log2(source.width * source.height)),
        "quality": source.tables.quality / 10 if source.tables else 0.0,
        "jpeg": float(source.tables is not None),
        "lossless": float(source.lossless),
        "colours": float(math.log2(min(int(np.count_nonzero(np.diff(np.sort(codes)))) + 1, 4096))),
        "gaps": float(np.log2(np.mean(rough) + 0.1)),
        "clip_low": float(np.log2((luma <= 2).mean() + 1e-3)),
        "clip_high": float(np.log2((rgb.max(1) >= 254).mean() + 1e-3)),
        "density": float(np.log2(8 * source.size / (source.width * source.height))),
        "grey": float(np.abs(rgb.astype(np.int16) - rgb[:, :1]).mean() < 1.0),
    }
