"""Random originals and copies of known direction: the data that the weights are fitted on.

The families have random parameters. None of them is an edit of `copies.py`, which is kept apart.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from provenance_frames import (
    KERNELS,
    Edit,
    Floats,
    Picture,
    affine,
    border,
    crop,
    letterbox,
    random_source,
    resize,
    screenshot,
    shapes,
    straighten,
    stretch,
    text,
    textured_frame,
    to_array,
    to_image,
    turn,
    watermark,
    zoom,
)

_LUMA_STEPS = np.array(
    [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
     14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
     92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99], float,
)  # fmt: skip
"""Luma table of ITU-T T.81, annex K.1, row by row."""


# Tones and colours


def _tone(image: Picture, rng: random.Random) -> Picture:
    kind = rng.randrange(5)
    amount = rng.choice((rng.uniform(0.6, 0.9), rng.uniform(1.1, 1.5)))
    if kind == 0:
        return ImageEnhance.Brightness(image).enhance(amount)
    if kind == 1:
        return ImageEnhance.Contrast(image).enhance(amount)
    if kind == 2:
        return to_image(255 * (to_array(image) / 255) ** amount)
    if kind == 3:
        return ImageEnhance.Color(image).enhance(rng.choice((rng.uniform(0.3, 0.8), amount)))
    return to_image(to_array(image) * [rng.uniform(0.8, 1.2), 1, rng.uniform(0.8, 1.2)])


def _curve(image: Picture, rng: random.Random) -> Picture:
    at, tables = np.linspace(0, 255, 5), []
    for _ in range(3 if rng.random() < 0.5 else 1):
        to = np.clip(np.sort(at + random_source(rng).normal(0, 22, 5)), 0, 255)
        tables.append(np.interp(np.arange(256), at, to).astype(int).tolist())
    return image.point(
        tables[0] * 3 if len(tables) == 1 else [v for table in tables for v in table]
    )


def _mix(image: Picture, rng: random.Random) -> Picture:
    matrix = np.eye(3) * rng.uniform(0.3, 1) + random_source(rng).uniform(0, 0.35, (3, 3))
    matrix /= matrix.sum(axis=1, keepdims=True)
    return to_image(to_array(image) @ matrix.T * rng.uniform(0.85, 1.15) + rng.uniform(-15, 15))


def _local_gain(image: Picture, rng: random.Random) -> Picture:
    values = to_array(image)
    height, width = values.shape[:2]
    if rng.random() < 0.5:
        coarse = random_source(rng).normal(1, 0.2, (3, 3)).astype(np.float32)
        gain = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        return to_image(values * np.clip(gain, 0.5, 1.6)[..., None])
    wide = cv2.GaussianBlur(values, (0, 0), max(height, width) / rng.uniform(8, 30))
    return to_image(values + rng.uniform(0.2, 0.7) * (values - wide))


def _grey(image: Picture, _rng: random.Random) -> Picture:
    return ImageOps.grayscale(image).convert("RGB")


def _palette(image: Picture, rng: random.Random) -> Picture:
    return image.quantize(rng.choice((32, 64, 128, 256))).convert("RGB")


def _posterise(image: Picture, rng: random.Random) -> Picture:
    return ImageOps.posterize(image, rng.randint(4, 6))


# Detail


def _noise(image: Picture, rng: random.Random) -> Picture:
    values, source = to_array(image), random_source(rng)
    channels = rng.choice((1, 3))
    noise: Floats = source.normal(0, 1, (*values.shape[:2], channels))
    size = rng.choice((0, 0, 0, 0.6, 1.2))
    if size:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), size), float).reshape(noise.shape)
    noise *= rng.uniform(3, 18) / noise.std()
    if rng.random() < 0.3:
        noise = noise * np.sqrt(values.mean(axis=2, keepdims=True) / 128)
    return to_image(values + noise)


def _sharpen(image: Picture, rng: random.Random) -> Picture:
    if rng.random() < 0.3:
        return ImageEnhance.Sharpness(image).enhance(rng.uniform(1.5, 4))
    mask = ImageFilter.UnsharpMask(rng.uniform(0.7, 3), rng.randint(40, 220), rng.randint(0, 4))
    return image.filter(mask)


def _blur(image: Picture, rng: random.Random) -> Picture:
    if rng.random() < 0.3:
        return image.filter(ImageFilter.BoxBlur(rng.uniform(0.6, 2.5)))
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, max(1, max(image.size) / 200))))


def _denoise(image: Picture, rng: random.Random) -> Picture:
    """Smooth by a guided filter (He, Sun and Tang, 2010), or by non-local means."""
    if rng.random() < 0.2 and max(image.size) <= 640:  # slow
        pixels, strength = np.asarray(image.convert("RGB")), rng.uniform(2, 6)
        return Image.fromarray(
            cv2.fastNlMeansDenoisingColored(pixels, None, strength, strength, 3, 9)
        )
    values = to_array(image) / 255
    box, flat = (rng.choice((5, 9, 15)),) * 2, rng.uniform(0.0005, 0.006)
    mean = cv2.blur(values, box)
    gain = 1 - flat / (cv2.blur(values * values, box) - mean * mean + flat)
    return to_image(255 * (cv2.blur(gain, box) * values + cv2.blur(mean - gain * mean, box)))


def _clean_up(image: Picture, rng: random.Random) -> Picture:
    return _sharpen(_denoise(image, rng), rng)


def _enlarge(image: Picture, rng: random.Random) -> Picture:
    return resize(image, rng.uniform(1.15, 2.6), rng)


def _enlarge_and_sharpen(image: Picture, rng: random.Random) -> Picture:
    return _sharpen(resize(image, rng.uniform(1.15, 2.2), rng), rng)


def _shrink(image: Picture, rng: random.Random) -> Picture:
    return resize(image, rng.choice((rng.uniform(0.12, 0.35), rng.uniform(0.3, 0.95))), rng)


def _shrink_and_enlarge(image: Picture, rng: random.Random) -> Picture:
    small = resize(image, rng.uniform(0.25, 0.75), rng)
    return small.resize(image.size, rng.choice(KERNELS))


def _same(image: Picture, _rng: random.Random) -> Picture:
    return image


def _save_again(image: Picture, rng: random.Random) -> Picture:
    for _ in range(rng.randint(1, 3)):
        image = Image.open(io.BytesIO(save_jpeg(image, rng))).convert("RGB")
    return image


FAMILIES: dict[str, Edit] = {
    "affine": affine, "blur": _blur, "border": border, "clean up": _clean_up, "crop": crop,
    "curve": _curve, "denoise": _denoise, "enlarge": _enlarge,
    "enlarge and sharpen": _enlarge_and_sharpen, "grey": _grey, "letterbox": letterbox,
    "local gain": _local_gain, "mix": _mix, "noise": _noise, "palette": _palette,
    "posterise": _posterise, "resave": _same, "save again": _save_again, "screenshot": screenshot,
    "shapes": shapes, "sharpen": _sharpen, "shrink": _shrink,
    "shrink and enlarge": _shrink_and_enlarge, "straighten": straighten, "stretch": stretch,
    "text": text, "textured frame": textured_frame, "tone": _tone, "turn": turn,
    "watermark": watermark, "zoom": zoom,
}  # fmt: skip
HARD = ("denoise", "local gain", "noise", "noise", "resave", "sharpen", "tone")
"""Families that are made more often: the weakest ones, and the most frequent one."""
NO_EDITS = ("resave", "save again")
"""Families that change nothing but the coding."""
_SECOND = ("border", "crop", "save again", "sharpen", "shrink", "text", "tone")
"""Families of the second edit that a quarter of the copies have."""
_EXPORTED = 0.5  # share of the originals of a camera's quality that are not reduced
_CAMERA = (90, 98)  # their quality


def save_jpeg(image: Picture, rng: random.Random, quality: tuple[int, int] | None = None) -> bytes:
    """Return a JPEG of random quality, tables and sub-sampling.

    Args:
        quality: least and largest; None for the qualities that programs use.
    """
    options: dict[str, Any] = {"subsampling": rng.choice((0, 1, 2, 2))}
    if quality:
        options["quality"] = rng.randint(*quality)
    elif rng.random() < 0.3:
        options["qtables"] = _make_tables(rng)
    else:
        options["quality"] = rng.choice((rng.randint(45, 98), 75, 80, 85, 88, 90, 92, 94, 95, 97))
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _make_tables(rng: random.Random) -> list[list[int]]:
    scale = 2 ** rng.uniform(-4, 0.7)
    luma = _LUMA_STEPS ** rng.uniform(0.8, 1.05) * scale
    luma = np.clip(np.rint(luma * np.exp(random_source(rng).normal(0, 0.08, 64))), 1, 255)
    chroma = np.clip(np.rint(luma * rng.uniform(1, 1.8)), 1, 255)
    return [luma.astype(int).tolist(), chroma.astype(int).tolist()]


def make_original(
    photo: Picture, rng: random.Random, *, from_camera: bool = False
) -> tuple[bytes, Picture]:
    """Return a photo as the file of a new original, without metadata, and what was encoded.

    Args:
        from_camera: of the high quality that cameras use; the half of these are exports of a photo
            at its own size, which show that it was a JPEG before.
    """
    if from_camera and rng.random() < _EXPORTED:
        return save_jpeg(photo, rng, _CAMERA), photo
    factor = rng.choice((320, 400, 480, 560, 640, 800)) / max(photo.size)
    if factor < 1:
        photo = resize(photo, factor, rng)
    if rng.random() < 0.25:  # cameras and web pages sharpen
        mask = ImageFilter.UnsharpMask(rng.uniform(0.5, 1.2), rng.randint(20, 80), 0)
        photo = photo.filter(mask)
    if from_camera:
        return save_jpeg(photo, rng, _CAMERA), photo
    return save_jpeg(photo, rng) if rng.random() > 0.06 else _save(photo, "PNG"), photo


def make_export(photo: Picture, rng: random.Random) -> tuple[bytes, Picture]:
    """Return an original that was a JPEG of a camera before, and what was encoded.

    The two tables are near each other, as those of a camera and of a program that exports are.
    """
    before = reopen(make_original(photo, rng, from_camera=True)[0])
    return save_jpeg(before, rng, _CAMERA), before


def reopen(data: bytes) -> Picture:
    """Return the pixels of the bytes of a file."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def make_copy(
    original: Picture,
    rng: random.Random,
    *,
    from_camera: bool = False,
    families: Sequence[str] = (),
) -> tuple[str, bytes]:
    """Return the name of a random family, and the file of a copy.

    Args:
        families: to choose from; all if empty, the weakest more often.
        from_camera: the original is of high quality: the copy is a little coarser.
    """
    name = rng.choice(tuple(families) or (*sorted(FAMILIES), *HARD))
    image = FAMILIES[name](original, rng).convert("RGB")
    if rng.random() < 0.25:
        image = FAMILIES[rng.choice(_SECOND)](image, rng).convert("RGB")
    return name, _encode(image, name, rng, (75, 95) if from_camera else None)


def _encode(
    image: Picture, family: str, rng: random.Random, quality: tuple[int, int] | None
) -> bytes:
    kind = rng.random()
    if family == "palette" and kind < 0.6:
        return _save(image.quantize(256), "GIF" if kind < 0.4 else "PNG")
    if kind < (0.6 if family == "screenshot" else 0.08):
        return _save(image, "PNG")
    if kind < 0.18:
        return _save(image, "WEBP", quality=rng.randint(50, 95))
    return save_jpeg(image, rng, quality)


def _save(image: Picture, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()
