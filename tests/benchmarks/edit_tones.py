"""Everyday edits of tone, colour and detail; each returns a change."""

from __future__ import annotations

import io
import random

import cv2
import numpy as np
from edit_families import Change, Colour, make_noise, to_image
from PIL import Image, ImageFilter


def gain(factor: float) -> Change:
    return lambda photo, _rng: to_image(np.asarray(photo, np.float64) * factor)


def curve(points: list[tuple[int, int]]) -> Change:
    """Map brightness through straight lines between points."""
    before, after = np.array(points, np.float64).T
    table = np.interp(np.arange(256), before, after)
    return lambda photo, _rng: to_image(table[np.asarray(photo)])


def gamma(exponent: float) -> Change:
    return lambda photo, _rng: to_image(255 * (np.asarray(photo) / 255.0) ** exponent)


def duotone(dark: Colour, bright: Colour) -> Change:
    """Map grey to a line between two colours; sepia is one of these."""

    def change(photo: Image.Image, _rng: random.Random) -> Image.Image:
        grey = np.asarray(photo.convert("L"), np.float64)[..., None] / 255
        return to_image(np.array(dark) * (1 - grey) + np.array(bright) * grey)

    return change


def mix(matrix: list[list[float]]) -> Change:
    """Mix the channels by a 3 x 3 matrix: filters, white balance, saturation."""
    return lambda photo, _rng: to_image(np.asarray(photo, np.float64) @ np.array(matrix).T)


def saturate(factor: float) -> Change:
    weights = np.array([0.299, 0.587, 0.114])
    return mix((factor * np.eye(3) + (1 - factor) * np.tile(weights, (3, 1))).tolist())


def vignette(strength: float, reach: float) -> Change:
    def change(photo: Image.Image, _rng: random.Random) -> Image.Image:
        y, x = np.mgrid[-1 : 1 : photo.height * 1j, -1 : 1 : photo.width * 1j]
        shade = 1 - strength * np.clip(np.hypot(x, y) / reach, 0, 1) ** 3
        return to_image(np.asarray(photo, np.float64) * shade[..., None])

    return change


def leak(colour: Colour, strength: float) -> Change:
    """Add a ramp of light from one side."""

    def change(photo: Image.Image, rng: random.Random) -> Image.Image:
        ramp = np.linspace(1, 0, photo.width)[:: rng.choice((-1, 1))] ** 2
        return to_image(np.asarray(photo) + strength * ramp[:, None] * np.array(colour))

    return change


def grain(spread: float) -> Change:
    return lambda photo, rng: to_image(
        np.asarray(photo, np.float64) + make_noise(rng, (*photo.size[::-1], 1), spread)
    )


def local_contrast(clip: float) -> Change:
    """Equalise locally (CLAHE), as HDR filters do."""

    def change(photo: Image.Image, _rng: random.Random) -> Image.Image:
        lab = cv2.cvtColor(np.asarray(photo), cv2.COLOR_RGB2LAB)
        lab[..., 0] = cv2.createCLAHE(clip, (8, 8)).apply(lab[..., 0])
        return to_image(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))

    return change


def blur(share: float) -> Change:
    return lambda photo, _rng: photo.filter(ImageFilter.GaussianBlur(share * max(photo.size)))


def sharpen(percent: int) -> Change:
    return lambda photo, _rng: photo.filter(ImageFilter.UnsharpMask(2, percent, 0))


def palette(colours: int, *, dither: bool) -> Change:
    how = Image.Dither.FLOYDSTEINBERG if dither else Image.Dither.NONE
    return lambda photo, _rng: photo.quantize(colours, dither=how).convert("RGB")


def jpeg(quality: int) -> Change:
    def change(photo: Image.Image, _rng: random.Random) -> Image.Image:
        stream = io.BytesIO()
        photo.save(stream, "JPEG", quality=quality)
        return Image.open(stream).convert("RGB")

    return change
