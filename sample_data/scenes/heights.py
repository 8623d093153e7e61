"""Wide land under the sky: mountains, dunes, a canyon, the stars."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from scenes.light import (
    TALL,
    WIDE,
    Colour,
    Sky,
    bloom,
    develop,
    fractal,
    grid,
    mix,
    noise,
    palette,
    ridged,
    step,
)
from scenes.terrain import Land, View, plan, sunlit, veil

BLUE: Colour = (0.08, 0.21, 0.52)
PALE: Colour = (0.50, 0.64, 0.84)
SUN: Colour = (1.0, 0.9, 0.74)


def mountains(seed: int, *, horizon: float = 0.5, focal: float = 1.0) -> Image.Image:
    """Render a range of rock and snow above dark woods."""
    across, ahead = plan(10.0)
    bend = fractal(across * 0.5, ahead * 0.5, seed + 50, 3)
    crest = ridged(across * 0.5 + bend * 0.35 + seed, ahead * 0.5 + bend * 0.35, seed)
    height = crest * (0.25 + 2.4 * step(1.5, 6.5, ahead)) + 0.45 * noise(across, ahead, seed + 7)
    land, view = Land(height, 10.0), View(0.0, 0.0, 1.75, horizon, focal)
    sky = Sky((0.7, 0.55, -0.15), BLUE, PALE, SUN, 0.62, seed + 3)
    x, y, depth, steep, light = sunlit(land, view, sky, 0.6, seed)
    level = land.sample(height, x, y) + 0.25 * fractal(x * 4, y * 4, seed + 20, 3)
    grain = fractal(x * 9, y * 9 + level * 4, seed + 30, 4)
    rock = palette(grain, [(-1, (0.10, 0.085, 0.08)), (1, (0.3, 0.27, 0.24))])
    wood = palette(
        noise(x * 40, y * 40, seed), [(-1, (0.008, 0.02, 0.01)), (1, (0.07, 0.11, 0.03))]
    )
    ground = mix(wood, rock, step(0.75, 1.2, level + 0.2 * steep))
    snow = step(1.2, 1.6, level) * (1.0 - step(1.1, 2.3, steep))
    colour = mix(ground, (0.85, 0.88, 0.95), snow) * light
    return develop(veil(colour, view, depth, sky, 0.04), WIDE, seed, exposure=1.15)


def dunes(seed: int, *, x: float, height: float, sun: float, horizon: float = 0.3) -> Image.Image:
    """Render dunes with sharp crests and wind ripples under a low sun."""
    across, ahead = plan(10.0)
    bend = fractal(across * 0.35, ahead * 0.35, seed + 5, 2)
    wave = across * 0.5 + ahead * 0.55 + 1.3 * bend
    saw = (wave + 0.4 * noise(across * 0.5, ahead * 0.5, seed)) % 1.0
    crest = np.where(saw < 0.72, (saw / 0.72) ** 1.6, np.clip((1 - saw) / 0.28, 0, 1))
    size = 0.35 + 0.65 * step(-0.5, 0.6, noise(across * 0.4, ahead * 0.4, seed + 9))
    shape = ndimage.gaussian_filter(0.9 * crest * size, 1.2)
    land, view = Land(shape + 0.25 * bend, 10.0), View(x, 0.0, height, horizon, 0.9)
    sky = Sky(
        (sun, 0.32, 0.2), (0.10, 0.28, 0.62), (0.62, 0.62, 0.62), (1.25, 0.92, 0.58), 0.45, seed
    )
    px, py, depth, _, light = sunlit(land, view, sky, 0.05, seed, ambient=0.2)
    phase = (px * 0.5 + py * 1.0 + 0.12 * fractal(px * 2, py * 2, seed + 12, 3)) * 110
    near = np.clip(1.0 - np.where(np.isfinite(depth), depth, 9.0) / 3.0, 0.0, 1.0)
    ripple = 1.0 + 0.3 * near * np.sin(phase) + 0.12 * noise(px * 60, py * 60, seed)
    sand = palette(fractal(px, py, seed + 2, 4), [(-1, (0.5, 0.25, 0.1)), (1, (0.72, 0.43, 0.2))])
    colour = sand * ripple[..., None] * light
    return develop(veil(colour, view, depth, sky, 0.03), WIDE, seed, exposure=1.15)


def canyon(seed: int) -> Image.Image:
    """Render a canyon: terraces of banded rock and a river deep below."""
    across, ahead = plan(10.0)
    bend = fractal(across * 0.35, ahead * 0.35, seed, 5, 0.55)
    middle = across - 1.3 * np.sin(ahead * 0.55 + 0.8) - 0.3
    wall = (
        np.abs(middle) * 0.75 + 1.1 * bend + 0.35 * ridged(across * 0.8, ahead * 0.8, seed + 3, 5)
    )
    level = np.clip(wall - 0.2, 0.0, 1.75)
    terrace = np.floor(level * 5.0) + step(0.45, 0.95, level * 5.0 % 1.0)
    height = terrace / 5.0 * 1.25 + 0.03 * fractal(across * 6, ahead * 6, seed + 8, 4)
    land, view = Land(height, 10.0), View(0.35, 0.0, 2.75, 0.26, 0.85, TALL)
    sky = Sky((-0.75, 0.6, 0.25), BLUE, (0.62, 0.7, 0.82), (1.0, 0.86, 0.66), 0.45, seed + 1)
    x, y, depth, steep, light = sunlit(land, view, sky, 0.45, seed)
    up = land.sample(height, x, y) + 0.02 * fractal(x * 7, y * 7, seed + 15, 3)
    bands = (
        noise(up * 17.0, 0.3 + 0 * up, seed + 4) * 0.6 + noise(up * 50.0, 0.7 + 0 * up, seed) * 0.4
    )
    rock = palette(
        bands, [(-0.8, (0.28, 0.09, 0.045)), (0, (0.5, 0.21, 0.1)), (0.8, (0.72, 0.5, 0.32))]
    )
    scrub = step(0.1, 0.6, noise(x * 30, y * 30, seed + 2)) * (1.0 - step(0.3, 1.0, steep))
    rock = mix(rock, (0.1, 0.12, 0.05), 0.8 * scrub)
    colour = mix(
        rock * light, (0.05, 0.12, 0.11), step(0.06, 0.02, up) * (1.0 - step(0.5, 1.0, steep))
    )
    return develop(veil(colour, view, depth, sky, 0.05), TALL, seed, exposure=1.1)


def stars(seed: int) -> Image.Image:
    """Render the Milky Way and a nebula above a ragged row of trees."""
    width, height = 600, 800
    x, y = grid(width, height)
    random = np.random.default_rng(seed)
    bend = fractal(x / 160, y / 160, seed, 5, 0.6)
    band = np.exp(-(((x - 170 - 0.34 * y + 60 * bend) / 95) ** 2))
    dust = step(0.0, 0.6, fractal(x / 75 + bend, y / 75, seed + 4, 6, 0.62) + 0.35 * band - 0.1)
    cloud = np.clip(0.55 + 0.7 * fractal(x / 60, y / 60, seed + 7, 6, 0.6), 0, 2)
    light = palette(
        y / height,
        [(0, (0.006, 0.010, 0.028)), (0.6, (0.012, 0.02, 0.045)), (1, (0.10, 0.075, 0.05))],
    )
    light += (band * cloud * (1 - 0.75 * dust))[..., None] * np.array([0.30, 0.26, 0.27])
    pink = np.exp(-((np.hypot(x - 240, y - 250) / 75) ** 2)) * np.clip(
        ridged(x / 90, y / 90, seed + 9, 6), 0, 1
    )
    light += pink[..., None] * np.array([0.75, 0.16, 0.28]) * 1.2
    points = np.zeros_like(light)
    chance = random.random((height, width)) < 0.008 + 0.05 * band * (1 - 0.8 * dust)
    count = int(chance.sum())
    hue = palette(
        random.random(count), [(0, (1.0, 0.7, 0.5)), (0.5, (1, 1, 1)), (1, (0.6, 0.75, 1.0))]
    )
    points[chance] = hue * (0.16 * random.pareto(1.25, count).clip(0, 120) + 0.05)[:, None]
    light += ndimage.gaussian_filter(points, (0.7, 0.7, 0)) * 3.0
    light = bloom(light, 0.2, 2.0)
    ridge = height * 0.83 - 50 * noise(x / 260, 0 * x, seed + 12)
    tips = np.zeros_like(x)
    for fir in random.uniform(0, width, 70):
        tall, broad = random.uniform(15, 85), random.uniform(9, 20)
        tips = np.maximum(tips, tall * (1.0 - np.abs(x - fir) / broad))
    mask = step(0, 4, y - ridge + tips + 10 * fractal(x / 9, y / 9, seed + 3, 3, 0.7) - 20)
    ground = (0.5 + 0.4 * fractal(x / 12, y / 12, seed + 5, 4, 0.7))[..., None] * np.array(
        [0.006, 0.008, 0.008]
    )
    return develop(mix(light, ground, mask), TALL, seed, exposure=1.5, grain=1.5)
