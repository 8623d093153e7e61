"""Everyday edits of geometry, and photographed or printed copies; each returns a change.

A change takes an RGB image and a random source and returns an RGB image. Lengths are shares of the
photo's sides, so that every size gets the same edit.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Change = Callable[[Image.Image, random.Random], Image.Image]
Floats = NDArray[np.float64]
Colour = tuple[int, int, int]


def chain(*changes: Change) -> Change:
    """Apply several changes, the first one first."""

    def change(photo: Image.Image, rng: random.Random) -> Image.Image:
        for step in changes:
            photo = step(photo, rng)
        return photo

    return change


def to_image(values: NDArray[np.generic]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def make_noise(rng: random.Random, shape: tuple[int, ...], spread: float) -> Floats:
    return np.random.default_rng(rng.getrandbits(32)).normal(0, spread, shape)


# Geometry


def perspective(tilt: float, turn: float, *, fill: Colour | None = None) -> Change:
    """Photograph the flat picture from a camera tilted and turned by degrees.

    Without `fill` the largest upright window without empty corners is cut out, as lens tools do.
    """

    def change(photo: Image.Image, rng: random.Random) -> Image.Image:
        width, height = photo.size
        signs = [rng.choice((-1, 1)) for _ in range(2)]
        matrix = _camera(width, height, signs[0] * tilt, signs[1] * turn)
        return _warp(photo, matrix, fill)

    return change


def _camera(width: int, height: int, tilt: float, turn: float) -> Floats:
    """Return the 3 x 3 homography of a plane seen from 1.4 times its longer side."""
    a, b = math.radians(tilt), math.radians(turn)
    about_x = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    about_y = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    rotation = about_x @ about_y
    away = 1.4 * max(width, height)
    plane = np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, away]])
    lens = np.diag([away, away, 1.0])
    centre = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    back = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1]])
    return np.asarray(back @ lens @ plane @ centre)


def _warp(photo: Image.Image, matrix: Floats, fill: Colour | None) -> Image.Image:
    width, height = photo.size
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    quad = cv2.perspectiveTransform(corners, matrix)[0]
    if fill is None:
        low, high = np.sort(quad, axis=0)[1], np.sort(quad, axis=0)[2]
    else:
        low, high = quad.min(axis=0) - 0.04 * width, quad.max(axis=0) + 0.04 * width
    move = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]])
    size = (max(16, int(high[0] - low[0])), max(16, int(high[1] - low[1])))
    warped = cv2.warpPerspective(
        np.asarray(photo), move @ matrix, size, flags=cv2.INTER_CUBIC, borderValue=fill or (0, 0, 0)
    )
    return to_image(warped)


def radial(strength: float) -> Change:
    """Bend by a radial lens term: above 0 a barrel, below 0 a pincushion; empty edges are cut."""

    def change(photo: Image.Image, _rng: random.Random) -> Image.Image:
        pixels = np.asarray(photo)
        height, width = pixels.shape[:2]
        y, x = np.mgrid[:height, :width].astype(np.float32)
        half = math.hypot(width, height) / 2
        u, v = (x - width / 2) / half, (y - height / 2) / half
        scale = 1 + strength * (u * u + v * v)
        scale /= max(1.0, 1 + strength)
        at = (u * scale * half + width / 2, v * scale * half + height / 2)
        return to_image(
            cv2.remap(pixels, *at, interpolation=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        )

    return change


def crop(share: float) -> Change:
    """Cut out a window of this share of the area, anywhere."""

    def change(photo: Image.Image, rng: random.Random) -> Image.Image:
        width, height = (round(side * math.sqrt(share)) for side in photo.size)
        left, top = rng.randint(0, photo.width - width), rng.randint(0, photo.height - height)
        return photo.crop((left, top, left + width, top + height))

    return change


def tilt_by(degrees: float) -> Change:
    """Rotate either way; the corners are black."""
    return lambda photo, rng: photo.rotate(
        degrees * rng.choice((-1, 1)), Image.Resampling.BICUBIC, expand=True
    )


def scale(factor: float) -> Change:
    """Resize by a factor, at least to 24 pixels."""

    def change(photo: Image.Image, _rng: random.Random) -> Image.Image:
        width, height = (max(24, round(side * factor)) for side in photo.size)
        return photo.resize((width, height), Image.Resampling.LANCZOS)

    return change


def mirror(photo: Image.Image, _rng: random.Random) -> Image.Image:
    return photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


# Photographed and printed


def screen(tilt: float, *, grid: float, glare: float) -> Change:
    """Photograph a screen: bezel, perspective, pixel grid, glare and noise."""

    def change(photo: Image.Image, rng: random.Random) -> Image.Image:
        pixels = np.asarray(photo, np.float64)
        height, width = pixels.shape[:2]
        y, x = np.mgrid[:height, :width]
        waves = np.sin(x * 2.1) * np.sin(y * 2.1) + np.sin(x * 0.31 + y * 0.05)
        pixels = pixels * (1 + grid * waves[..., None])
        shown = perspective(tilt, tilt / 2, fill=(18, 18, 20))(to_image(pixels), rng)
        values = np.asarray(shown, np.float64)
        height, width = values.shape[:2]
        y, x = np.mgrid[:height, :width]
        spot = np.hypot(x / width - rng.uniform(0.2, 0.8), y / height - rng.uniform(0.2, 0.8))
        values = values * (0.96, 1.0, 1.05) + 255 * glare * np.exp(-((spot / 0.18) ** 2))[..., None]
        return to_image(values + make_noise(rng, values.shape, 4))

    return change


def print_scan(dot: float, fade: float, angle: float) -> Change:
    """Print on paper and scan: pale inks, halftone, a tilt, a white margin and dust."""

    def change(photo: Image.Image, rng: random.Random) -> Image.Image:
        pixels = np.asarray(photo, np.float64) * (1 - fade) + 235 * fade
        height, width = pixels.shape[:2]
        y, x = np.mgrid[:height, :width]
        pixels += dot * (np.sin((x + y) * 1.3) * np.sin((x - y) * 1.3))[..., None]
        edge = round(0.05 * max(width, height))
        paper = Image.new("RGB", (width + 2 * edge, height + 2 * edge), (248, 246, 240))
        paper.paste(to_image(pixels), (edge, edge))
        paper = paper.rotate(angle * rng.choice((-1, 1)), Image.Resampling.BICUBIC,
                             fillcolor=(248, 246, 240))  # fmt: skip
        return to_image(np.asarray(paper, np.float64) + make_noise(rng, (*paper.size[::-1], 3), 3))

    return change
