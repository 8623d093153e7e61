"""Convert an image of any mode to 8-bit grey or RGB: deep greys, transparency, palettes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BLOCK = 1 << 20  # values converted at a time
_BACKGROUNDS = (
    *((255, 255, 255), (0, 0, 0), (128, 128, 128)),
    *((255, 0, 0), (0, 255, 0), (0, 0, 255)),
)
_SAMPLES = 1 << 18  # pixels that the choice of the background reads
_INVISIBLE = 16  # largest alpha of a pixel that counts as clear
_NEAR = 48  # levels within which a pixel has the colour of a background
_HARDLY = 0.01  # share of the visible pixels that may have it


def to_rgb(image: Image.Image) -> Image.Image:
    """Return the image as 8-bit `L` or `RGB`, with transparency laid on a background.

    The background is the first of white, black, grey, red, green and blue that the image does not
    contain, so that no mark on transparency vanishes.

    16-bit grey is scaled to 8 bits. Other integers and floats count as 8-bit if they lie in
    [0, 255], as 16-bit if they lie in [0, 65535]; floats in [0, 1] count as that range. Any
    other range is stretched from its smallest to its largest value.

    Raises:
        ValueError: Pillow cannot convert the mode.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _to_eight_bits(image)
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        flat = Image.new("RGB", picture.size, _choose_background(picture))
        flat.paste(picture, mask=picture.getchannel("A"))
        return flat
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _choose_background(picture: Image.Image) -> tuple[int, int, int]:
    """Return the first of `_BACKGROUNDS` that an RGBA picture hardly contains."""
    step = max(1, round((picture.width * picture.height / _SAMPLES) ** 0.5))
    values = np.asarray(picture)[::step, ::step].reshape(-1, 4).astype(np.int16)  # (n, 4)
    visible = values[values[:, 3] > _INVISIBLE, :3]
    if not len(visible):
        return _BACKGROUNDS[0]
    shares = [
        float((np.abs(visible - np.array(colour)).max(axis=1) <= _NEAR).mean())
        for colour in _BACKGROUNDS
    ]
    return next(
        (colour for colour, share in zip(_BACKGROUNDS, shares, strict=True) if share <= _HARDLY),
        _BACKGROUNDS[int(np.argmin(shares))],
    )


def is_transparent(image: Image.Image) -> bool:
    """Return whether a loaded image has a pixel that is not opaque."""
    if not image.has_transparency_data:
        return False
    alpha = image if image.mode in ("RGBA", "LA", "PA") else image.convert("RGBA")
    return alpha.getchannel("A").getextrema()[0] != 255


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale grey of more than 8 bits, some rows at a time to bound memory."""
    values: NDArray[np.generic] = np.asarray(image)  # (H, W), 16-bit, int32 or float32
    low, high = (0.0, 65535.0) if image.mode.startswith("I;16") else _find_range(values)
    scale = 255.0 / (high - low) if high > low else 0.0
    grey = np.empty(values.shape, np.uint8)  # (H, W)
    rows = max(1, _BLOCK // values.shape[1])
    for top in range(0, len(values), rows):
        block = np.nan_to_num(values[top : top + rows].astype(np.float64), nan=low)
        grey[top : top + rows] = np.rint((np.clip(block, low, high) - low) * scale)
    return Image.fromarray(grey)


def _find_range(values: NDArray[np.generic]) -> tuple[float, float]:
    """Return the values of black and white of grey (H, W), as `to_rgb` describes."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    for ceiling in (1.0, 255.0, 65535.0):
        if low >= 0 and high <= ceiling and (ceiling > 1 or values.dtype.kind == "f"):
            return 0.0, ceiling
    return low, high
