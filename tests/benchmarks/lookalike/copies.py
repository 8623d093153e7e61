"""Make true copies of a picture: what programs and devices do to a whole picture."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from lookalike.brush import Rng

Copy = Callable[[Image.Image, Rng], tuple[Image.Image, str]]
"""Returns the changed picture and the file format it is saved in."""


def save(image: Image.Image, form: str, quality: int = 90) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **({} if form == "PNG" else {"quality": quality}))
    return data.getvalue()


def reopen(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def reencoded(image: Image.Image, rng: Rng) -> tuple[Image.Image, str]:
    """JPEG at quality 50 to 90, then WebP."""
    return reopen(save(image, "JPEG", int(rng.integers(50, 91)))), "WEBP"


def half_size(image: Image.Image, _rng: Rng) -> tuple[Image.Image, str]:
    size = (max(8, image.width // 2), max(8, image.height // 2))
    return image.resize(size, Image.Resampling.LANCZOS), "PNG"


def screenshot(image: Image.Image, rng: Rng) -> tuple[Image.Image, str]:
    """Shown by a viewer at 60 to 140 %, bilinear."""
    scale = float(rng.choice([0.6, 0.75, 0.9, 1.25, 1.4]))
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.BILINEAR), "PNG"


def rescanned(image: Image.Image, rng: Rng) -> tuple[Image.Image, str]:
    """Printed and scanned: a tilt below 1.2 degrees, blur, softer contrast, grain, JPEG."""
    angle = float(rng.uniform(-1.2, 1.2))
    turned = image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))
    soft = turned.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.4, 0.9))))
    pixels = np.asarray(soft, np.float32)
    pixels = float(rng.uniform(6, 22)) + pixels * float(rng.uniform(0.82, 0.94))
    pixels += rng.normal(0, float(rng.uniform(1, 4)), pixels.shape)
    scanned = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return reopen(save(scanned, "JPEG", int(rng.integers(60, 90)))), "PNG"


def doubled(image: Image.Image, _rng: Rng) -> tuple[Image.Image, str]:
    """Twice the size, as a screen of higher density shows a small picture."""
    return image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC), "PNG"


def palette(image: Image.Image, _rng: Rng) -> tuple[Image.Image, str]:
    return image.quantize(64).convert("RGB"), "PNG"


COPIES: dict[str, Copy] = {
    "re-encoded": reencoded,
    "half size": half_size,
    "screenshot": screenshot,
    "re-scanned": rescanned,
}
SMALL_COPIES: dict[str, Copy] = {
    "re-encoded": reencoded,
    "screenshot": screenshot,
    "doubled": doubled,
    "palette": palette,
}
