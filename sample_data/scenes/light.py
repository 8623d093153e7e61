"""Noise, sky and the way from linear light to a picture, shared by every scene.

Colours are linear light, red-green-blue, 1.0 is white paper in the sun. Directions are camera
coordinates: x right, y up, z ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter
from scipy import ndimage

Array: TypeAlias = npt.NDArray[np.float64]
Colour: TypeAlias = tuple[float, float, float]

WIDE = (640, 480)
TALL = (480, 640)


def noise(x: Any, y: Any, seed: int) -> Array:
    """Return smooth value noise, about [-1, 1], one random value per unit square."""
    lattice = np.random.default_rng(seed).random((256, 256))
    x, y = np.broadcast_arrays(x, y)
    smooth = ndimage.map_coordinates(lattice, [y, x], order=3, prefilter=False, mode="grid-wrap")
    return np.asarray((smooth - 0.5) * 3.0, dtype=np.float64)


def fractal(x: Any, y: Any, seed: int, octaves: int = 5, gain: float = 0.5) -> Array:
    """Return a sum of octaves of noise, about [-1, 1]."""
    total, weight, scale = 0.0 * (x + y), 1.0, 1.0
    for octave in range(octaves):
        turned_x, turned_y = 0.8 * x + 0.6 * y, 0.8 * y - 0.6 * x
        total = total + weight * noise(turned_x * scale + 17.3 * octave, turned_y * scale, seed)
        x, y, weight, scale, seed = turned_x, turned_y, weight * gain, scale * 2.03, seed + 1
    return np.asarray(total * (1.0 - gain), dtype=np.float64)


def ridged(x: Array, y: Array, seed: int, octaves: int = 7) -> Array:
    """Return ridged fractal noise in about [0, 1]: sharp crests, smooth valleys."""
    total, weight, scale, carried = np.zeros_like(x), 0.5, 1.0, np.ones_like(x)
    for octave in range(octaves):
        crest = np.clip(1.0 - np.abs(noise(x * scale, y * scale, seed + octave)) * 1.3, 0, 1) ** 2
        total += weight * crest * carried
        carried = np.clip(crest * 1.6, 0.0, 1.0)
        x, y = 0.8 * x + 0.6 * y + 3.1, 0.8 * y - 0.6 * x
        weight, scale = weight * 0.5, scale * 2.0
    return total


def step(low: float, high: float, value: Any) -> Array:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    part = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(part * part * (3.0 - 2.0 * part), dtype=np.float64)


def mix(first: Any, second: Any, part: Any) -> Array:
    """Blend two colours; `part` has one axis less than the result."""
    part = np.asarray(part)[..., None]
    return np.asarray(np.asarray(first) * (1.0 - part) + np.asarray(second) * part)


def palette(value: Any, stops: Sequence[tuple[float, Colour]]) -> Array:
    """Look colours up along a list of (value, colour)."""
    at = [stop[0] for stop in stops]
    channels = [np.interp(value, at, [stop[1][i] for stop in stops]) for i in range(3)]
    return np.stack(channels, axis=-1)


def unit(vectors: Any) -> Array:
    """Scale vectors along the last axis to length 1."""
    vectors = np.asarray(vectors, dtype=np.float64)
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-12))


def grid(width: int, height: int) -> tuple[Array, Array]:
    """Return pixel centres (x, y), each (height, width)."""
    rows, columns = np.mgrid[0:height, 0:width]
    return columns + 0.5, rows + 0.5


def relief(height: Array, sun: Colour) -> Array:
    """Shade a height map seen from above, in [0, 1]; both in pixels, the sun in x, y, up."""
    down, across = np.gradient(height)
    toward = unit(sun)
    lit = -across * toward[0] - down * toward[1] + toward[2]
    return np.asarray(np.clip(lit / np.sqrt(1.0 + across**2 + down**2), 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Sky:
    """A sky with a sun and one layer of clouds."""

    sun: Colour  # direction
    zenith: Colour
    horizon: Colour
    glow: Colour  # sunlight's colour
    cover: float = 0.5  # 0 no clouds .. 1 overcast
    seed: int = 0
    cloud_scale: float = 1.0
    disc: bool = True

    def colour(self, x: Array, y: Array, z: Array) -> Array:
        """Return the light that comes from these directions (unit length not needed)."""
        ray = unit(np.stack([x, y, z], axis=-1))
        up = np.clip(ray[..., 1], 0.0, 1.0)
        near_sun = np.clip(ray @ unit(self.sun), 0.0, 1.0)
        light = mix(self.horizon, self.zenith, 1.0 - np.exp(-3.5 * up))
        halo = 0.22 * near_sun**6 + 0.35 * near_sun**40 + 0.5 * near_sun**300
        light += halo[..., None] * np.asarray(self.glow)
        if self.cover > 0:
            light = self._with_clouds(light, ray, up, near_sun)
        if self.disc:
            light += step(0.9994, 0.9998, near_sun)[..., None] * np.asarray(self.glow) * 3.0
        return light

    def _with_clouds(self, light: Array, ray: Array, up: Array, near_sun: Array) -> Array:
        flat_x = ray[..., 0] / (up + 0.08) * self.cloud_scale
        flat_z = ray[..., 2] / (up + 0.08) * self.cloud_scale
        bend = fractal(flat_x * 0.8, flat_z * 0.8, self.seed + 40, 3)
        body = fractal(flat_x + bend * 0.5, flat_z + bend * 0.3, self.seed, 6, 0.55)
        toward = 0.18 * np.sign(self.sun[0]) if self.sun[0] else 0.1
        ahead = fractal(flat_x + bend * 0.5 + toward, flat_z + bend * 0.3 + 0.1, self.seed, 4, 0.55)
        low = 0.55 - 0.95 * self.cover
        dense = step(low, low + 0.38, body) * step(0.0, 0.1, up)
        lit = 0.6 + 1.3 * (body - ahead) - 0.35 * dense * body + 0.5 * near_sun**20
        shade = mix(self.zenith, self.horizon, 0.7 + 0.0 * up) * 0.62
        bright = np.asarray(self.glow) * 1.0 + np.asarray(self.horizon) * 0.4
        return mix(light, mix(shade, bright, np.clip(lit, 0.0, 1.2)), dense * 0.95)


def bloom(light: Array, amount: float, reach: float) -> Array:
    """Spread the light of bright spots as a lens does."""
    bright = np.clip(light - 0.7, 0.0, 6.0)
    wide = ndimage.gaussian_filter(bright, (reach * 3, reach * 3, 0))
    return np.asarray(light + amount * (ndimage.gaussian_filter(bright, (reach, reach, 0)) + wide))


def develop(
    light: Array, size: tuple[int, int], seed: int, *, exposure: float = 1.0, grain: float = 1.0
) -> Image.Image:
    """Turn linear light into an 8-bit picture: scale, vignette, film curve, gamma, grain."""
    height, width = light.shape[:2]
    columns, rows = grid(width, height)
    far = np.hypot(columns / width - 0.5, rows / height - 0.5)
    light = light * (exposure * (1.0 - 0.55 * far**2))[..., None]
    light = np.maximum(light, 0.0) * 0.75
    curve = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    tone = np.clip(curve, 0.0, 1.0) ** (1.0 / 2.2)
    sharp = Image.fromarray(np.round(tone * 255.0).astype(np.uint8))
    resized = sharp.resize(size, Image.Resampling.LANCZOS)
    scaled = np.asarray(resized.filter(ImageFilter.UnsharpMask(1.1, 70, 0)), dtype=np.float64)
    random = np.random.default_rng(seed)
    dots = ndimage.gaussian_filter(random.normal(size=(size[1], size[0], 1)), (0.6, 0.6, 0)) * 3.3
    dots = dots + ndimage.gaussian_filter(random.normal(size=scaled.shape), (0.9, 0.9, 0)) * 1.7
    dark = 1.25 - 0.75 * scaled.mean(axis=-1, keepdims=True) / 255.0
    return Image.fromarray(np.clip(np.round(scaled + grain * dots * dark), 0, 255).astype(np.uint8))
