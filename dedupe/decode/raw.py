"""Decode the raw files of cameras with LibRaw, through rawpy: the preview, else the sensor."""

from __future__ import annotations

import importlib
import io

import numpy as np
from numpy.typing import NDArray

from dedupe.decode.jpeg import measure

_LEAST_PREVIEW = 0.2  # share of the longer side; a smaller preview is a thumbnail


def decode_raw(data: bytes) -> tuple[NDArray[np.uint8] | bytes, tuple[int, int], int, int]:
    """Decode a raw file as its camera shows it.

    Args:
        data: content of the file.

    Returns:
        Pixels (H, W, 3) RGB, upright, or the bytes of a JPEG as stored; width and height of the
        whole picture, upright; LibRaw's flip of a JPEG (0, 3, 5 or 6); bits of a sensor value.

    Raises:
        rawpy.LibRawError: the file is damaged, or of an unknown camera.
    """
    rawpy = importlib.import_module("rawpy")
    with rawpy.imread(io.BytesIO(data)) as raw:
        width, height, flip = raw.sizes.width, raw.sizes.height, raw.sizes.flip
        size = (height, width) if flip in (5, 6) else (width, height)
        bits = int(raw.white_level or 1).bit_length()
        try:
            preview = raw.extract_thumb()
        except rawpy.LibRawError:
            preview = None
        is_jpeg = preview is not None and preview.format == rawpy.ThumbFormat.JPEG
        if is_jpeg and _is_large(preview.data, max(size)):
            return bytes(preview.data), size, flip, bits
        return np.asarray(raw.postprocess(half_size=True), np.uint8), size, 0, bits


def _is_large(data: bytes, longest: int) -> bool:
    preview = measure(data)
    return preview is not None and max(preview) >= _LEAST_PREVIEW * longest
