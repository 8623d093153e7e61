"""Measure one file alone: size, codec, colours, histogram."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dedupe.provenance.jpeg_history import JpegTables

_SAMPLES = 16_000  # pixels that are read
NAMES = (
    "pixels",
    "quality",
    "jpeg",
    "lossless",
    "density",
    "colours",
    "gaps",
    "clip_low",
    "clip_high",
    "grey",
)


def measure_file(
    pixels: NDArray[np.uint8], size: int, tables: JpegTables | None, *, lossless: bool
) -> dict[str, float]:
    """Return numbers of one file.

    Args:
        pixels: (H, W, 3) RGB.
        size: bytes of the file.
        tables: of a JPEG; else None.
        lossless: whether pixels are stored as they are.
    """
    area = pixels.shape[0] * pixels.shape[1]
    return {
        "pixels": float(np.log2(area)),
        "quality": tables.quality / 10 if tables else 0.0,
        "jpeg": float(tables is not None),
        "lossless": float(lossless),
        "density": float(np.log2(8 * size / area)),
    }


def find_step(pixels: NDArray[np.uint8]) -> int:
    """Return the step between the rows, and the columns, that `measure_levels` reads.

    Args:
        pixels: (H, W, 3).
    """
    return max(1, int(np.sqrt(pixels.shape[0] * pixels.shape[1] / _SAMPLES)))


def measure_levels(rgb: NDArray[np.uint8]) -> dict[str, float]:
    """Return numbers on the levels of pixels: colours, histogram, clipping.

    Args:
        rgb: (N, 3), N at least 1.
    """
    red, green, blue = rgb.T.astype(np.int32)
    luma = (red * 77 + green * 150 + blue * 29) >> 8
    brightest = np.maximum(np.maximum(red, green), blue)
    codes = (red << 16) + (green << 8) + blue
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
        "colours": float(math.log2(min(int(np.count_nonzero(np.diff(np.sort(codes)))) + 1, 4096))),
        "gaps": float(np.log2(np.mean(rough) + 0.1)),
        "clip_low": float(np.log2((luma <= 2).mean() + 1e-3)),
        "clip_high": float(np.log2((brightest >= 254).mean() + 1e-3)),
        "grey": float((np.abs(green - red) + np.abs(blue - red)).mean() / 3 < 1.0),
    }
