"""Trees: firs on snow, a meadow at the edge of a wood, and the inside of one."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from scenes.light import (
    TALL,
    WIDE,
    Array,
    Colour,
    Sky,
    develop,
    fractal,
    grid,
    mix,
    noise,
    palette,
    step,
)
from scenes.terrain import Land, View, plan, sunlit, veil

SUN: Colour = (1.0, 0.9, 0.74)


def conifer(u: Array, v: Array, seed: int) -> tuple[Array, Array]:
    """Return a fir's mask and its light in a box: u in [-1, 1], v from 0 (foot) to 1 (tip)."""
    tier = v * (10 + seed % 5) + 0.8 * np.abs(u) + 0.6 * noise(u * 3, v * 12, seed)
    reach = (1.0 - v) * (0.55 + 0.35 * (1.0 - tier % 1.0)) + 0.16 * noise(u * 13, v * 26, seed + 1)
    needles = noise(u * 26, v * 50, seed + 2) + 0.6 * noise(u * 9, v * 24, seed + 3)
    mask = step(0.0, 0.12, reach - np.abs(u)) * (v > 0.03) + (np.abs(u) < 0.06) * (v < 0.06)
    light = 0.12 + 0.3 * u + 0.35 * needles + 0.7 * step(0.7, 0.2, tier % 1.0 + 0.3 * needles)
    return np.clip(mask, 0, 1), np.clip(light, 0.0, 1.2)


def broadleaf(u: Array, v: Array, seed: int) -> tuple[Array, Array]:
    """Return a leafy tree's mask and its light in the same box."""
    random = np.random.default_rng(seed)
    mask, light = 0.0 * u, 0.0 * u
    leaf = 0.10 * noise(u * 7, v * 7, seed) + 0.12 * noise(u * 18, v * 18, seed + 1)
    for _ in range(14):
        angle, out = random.uniform(0, 6.28), random.uniform(0, 0.5) ** 0.7
        right, up, size = (
            out * np.cos(angle),
            0.62 + 0.42 * out * np.sin(angle),
            random.uniform(0.2, 0.4),
        )
        inside = size - np.hypot(u - right, (v - up) * 1.5) + leaf
        shade = 0.45 - 0.7 * (u - right) + 0.9 * (v - up) + 2.2 * leaf + 0.4 * (v - 0.6)
        covers = step(0.0, 0.05, inside)
        light = light * (1 - covers) + np.clip(shade, 0.02, 1.3) * covers
        mask = np.maximum(mask, covers)
    trunk = step(0.07, 0.04, np.abs(u + 0.03 * np.sin(v * 9))) * (v < 0.5) * (1 - mask)
    return np.clip(mask + trunk, 0, 1), light + 0.12 * trunk


def plant(
    picture: Array,
    at: tuple[float, float],
    size: tuple[float, float],
    leafy: bool,
    seed: int,
    tint: Array,
) -> None:
    """Paint a tree into a picture; `at` is its foot, `tint` its (dark, bright, air) colours."""
    high, wide = size
    top, left = int(at[1] - high), int(at[0] - wide / 2)
    rows = slice(max(top, 0), min(int(at[1]), len(picture)))
    columns = slice(max(left, 0), min(int(at[0] + wide / 2), picture.shape[1]))
    v, u = np.mgrid[rows, columns]
    if v.size:
        u, v = (u + 0.5 - at[0]) / wide * 2, (at[1] - v - 0.5) / high
        mask, light = (broadleaf if leafy else conifer)(u, v, seed)
        colour = mix(tint[0], tint[1], light) + tint[2]
        picture[rows, columns] = mix(picture[rows, columns], colour, mask)


def snowy_hill(seed: int) -> Image.Image:
    """Render a snow field in low winter light, firs and their long shadows on it."""
    across, ahead = plan(10.0)
    height = 0.9 * fractal(across * 0.22, ahead * 0.22, seed, 4, 0.35) + 0.16 * ahead
    land = Land(height + 0.006 * fractal(across * 3, ahead * 3, seed + 3, 4), 10.0)
    view = View(0.0, 0.0, float(height[0, 450]) + 0.75, 0.42, 0.9)
    sky = Sky(
        (0.85, 0.32, 0.15), (0.16, 0.32, 0.66), (0.7, 0.68, 0.72), (1.1, 0.86, 0.6), 0.6, seed
    )
    random = np.random.default_rng(seed)
    stand = np.stack([random.uniform(-5, 5, 420), 1.3 + 8.2 * random.random(420) ** 0.6], axis=1)
    wood = noise(stand[:, 0] * 0.6, stand[:, 1] * 0.5, seed + 2)
    stand = stand[wood > 0.25 - 0.09 * stand[:, 1]]
    stand = stand[np.argsort(-stand[:, 1])]
    shade = Image.new("F", (900, 900), 1.0)
    pen = ImageDraw.Draw(shade)
    for right, out in stand:
        tip = (right - 1.5, out - 0.27)
        triangle = [(right, out - 0.09), (right, out + 0.09), tip]
        pen.polygon([(90 * px + 450, 90 * py) for px, py in triangle], fill=0.3)
    x, y, depth, _, light = sunlit(land, view, sky, 0.02, seed, ambient=0.55)
    light = light * (0.97 + 0.03 * noise(x * 90, y * 90, seed))[..., None]
    shadow = land.sample(ndimage.gaussian_filter(np.asarray(shade, np.float64), 1.5), x, y)
    light = light * mix((0.42, 0.48, 0.62), (1.0, 1.0, 1.0), (shadow - 0.3) / 0.7)
    picture = veil(light * np.array([0.86, 0.88, 0.93]), view, depth, sky, 0.04)
    tall, broad = picture.shape[:2]
    for right, out in stand:  # far to near
        foot = float(land.sample(height, np.array([right]), np.array([out]))[0])
        column = broad * (0.5 + view.focal * right / out)
        row = tall * view.horizon - view.focal * broad * (foot - view.height) / out
        high, kind = view.focal * broad * random.uniform(0.45, 0.8) / out, int(random.integers(999))
        inside = 0 <= column < broad
        if inside and depth[min(int(max(row, 0)), tall - 1), int(column)] > out * 0.9:
            air = 0.0035 * out
            tint = np.array(
                [[0.006, 0.014, 0.012], [0.34, 0.36, 0.38], [air * 2, air * 2, air * 2.6]]
            )
            plant(picture, (column, row + 2), (high, high * 0.42), False, kind, tint)
    return develop(picture, WIDE, seed, exposure=1.2)


def meadow(seed: int) -> Image.Image:
    """Render a flowering meadow that runs up to the edge of a wood."""
    across, ahead = plan(10.0, 500)
    land = Land(0.25 * noise(across * 0.4, ahead * 0.4, seed) + 0.02 * ahead, 10.0)
    view = View(0.0, 0.0, 0.62, 0.4, 0.95)
    sky = Sky((-0.6, 0.6, 0.1), (0.09, 0.26, 0.62), (0.6, 0.74, 0.9), SUN, 0.7, seed, 0.7)
    x, y, depth, _, light = sunlit(land, view, sky, 0.25, seed)
    patch = fractal(x * 2.5, y * 2.5, seed + 1, 5, 0.65)
    grass = palette(
        patch, [(-0.8, (0.05, 0.10, 0.015)), (0, (0.13, 0.2, 0.035)), (0.8, (0.3, 0.3, 0.08))]
    )
    picture = veil(grass * light, view, depth, sky, 0.02)
    tall, broad = picture.shape[:2]
    random = np.random.default_rng(seed)
    for right in np.sort(random.uniform(-0.05, 1.05, 46)):
        near = random.random()
        edge = 0.47 + 0.02 * np.sin(right * 9) + 0.055 * near * abs(2 * right - 0.7)
        high = tall * random.uniform(0.16, 0.27) * (0.7 + 0.9 * abs(right - 0.42))
        green = np.array([0.16 + 0.1 * random.random(), 0.25, 0.05]) * random.uniform(0.7, 1.1)
        tint = np.stack([np.array([0.006, 0.014, 0.006]), green, np.array([0.012, 0.018, 0.025])])
        plant(
            picture, (right * broad, edge * tall), (high, high * 0.85), True, int(near * 9999), tint
        )
    flowers = np.array([[0.75, 0.7, 0.6], [0.7, 0.08, 0.04], [0.75, 0.55, 0.03], [0.2, 0.15, 0.6]])
    for out in np.sort(random.random(5200)) ** 1.5:  # far to near
        row, column = tall * (0.5 + 0.56 * out), broad * random.random()
        high = 3 + 62 * out * random.uniform(0.4, 1.0)
        lean, dark = random.normal(0, 0.18), random.uniform(0.35, 1.5)
        steps = np.linspace(0, 1, max(int(high), 2))
        rows = np.clip(row - high * steps, 0, tall - 1).astype(int)
        columns = np.clip(column + lean * high * steps**2, 0, broad - 2).astype(int)
        blade = np.array([0.13, 0.21, 0.035]) * dark * (0.3 + 1.0 * steps[:, None])
        for side in range(1 + int(2.2 * out)):
            picture[rows, np.minimum(columns + side, broad - 1)] = blade
        if random.random() < 0.13 and rows[-1] > tall * 0.5:
            size = int(1 + 5 * out)
            top, left = rows[-1], columns[-1]
            disc = np.hypot(*np.mgrid[-size : size + 1, -size : size + 1]) <= size * 0.9
            spot = picture[top - size : top + size + 1, max(left - size, 0) : left + size + 1]
            disc = disc[: spot.shape[0], : spot.shape[1]]
            spot[disc] = flowers[int(random.integers(4))] * random.uniform(0.6, 1.1)
    return develop(picture, WIDE, seed, exposure=1.05)


def wood(seed: int) -> Image.Image:
    """Render the inside of a wood: trunks fading into morning fog, ferns and leaves below."""
    width, height = 600, 800
    x, y = grid(width, height)
    random = np.random.default_rng(seed)
    sun_x, sun_y = 0.62 * width, 0.3 * height
    away = np.hypot(x - sun_x, y - sun_y)
    fog = palette(
        away / width, [(0, (1.5, 1.3, 0.9)), (0.3, (0.75, 0.72, 0.5)), (1.0, (0.2, 0.27, 0.2))]
    )
    leaves = fractal(x / 45, y / 45, seed, 6, 0.7)
    light = fog * (1.0 + 0.3 * leaves)[..., None]
    for layer in range(7):
        near = (layer + 1) / 7.0
        clear = 0.12 + 0.85 * near**1.4
        floor = height * (0.60 + 0.26 * near) + 16 * noise(x / 120, 0 * x + layer, seed)
        litter = fractal(x / (6 + 14 * near), (y - floor) / (2 + 5 * near), seed + layer, 4, 0.7)
        ground = palette(
            litter, [(-0.7, (0.02, 0.025, 0.01)), (0, (0.1, 0.1, 0.03)), (0.8, (0.3, 0.2, 0.07))]
        )
        light = mix(light, mix(fog * 0.8, ground, clear), step(0, 8, y - floor + 9 * litter))
        for _ in range(9 - layer):
            foot = random.uniform(-0.05, 1.05) * width
            thick = (4 + 34 * near**1.6) * random.uniform(0.6, 1.25)
            lean = random.normal(0, 0.035)
            reach = thick + 12 + abs(lean) * height
            box = (slice(None), slice(max(int(foot - reach), 0), max(int(foot + reach), 0)))
            bx, by = x[box], y[box]
            sway = 7 * near * noise(by / 170, foot + 0 * by, seed + 2)
            bow = foot + lean * (by - height * 0.75) + sway
            across = (bx - bow) / (thick * (0.5 + 0.10 * by / height))
            mask = step(1.0, 0.9, np.abs(across) + 0.06 * leaves[box])
            mask = mask * (by < floor[box] + 6 * near)
            bark = fractal(across * 4 + foot, by / (20 + 30 * near), seed + layer, 4, 0.65)
            turn = 0.35 * np.sign(sun_x - foot) * across
            shape = np.clip(np.sqrt(np.clip(1 - across**2, 0, 1)) * 0.5 + turn + 0.25, 0.08, 1.2)
            tone = palette(bark, [(-0.8, (0.015, 0.013, 0.01)), (0.8, (0.2, 0.16, 0.11))])
            moss = 0.6 * step(0.1, 0.7, bark + (by - height * 0.55) / height)
            tone = mix(tone, (0.07, 0.11, 0.03), moss) * (shape * 1.3)[..., None]
            light[box] = mix(light[box], mix(fog[box] * 0.75, tone, clear), mask)
        crown = fractal(x / (16 + 16 * near), y / (14 + 14 * near), seed + 30 + layer, 5, 0.72)
        hang = step(0.0, 0.2, crown * 0.6 + 0.2 - (y / height) * (1.05 - 0.4 * near))
        green = palette(crown, [(-0.4, (0.008, 0.016, 0.006)), (0.8, (0.2, 0.24, 0.05))])
        light = mix(light, mix(fog * 0.9, green, clear), 0.8 * hang)
    angle = np.arctan2(y - sun_y, x - sun_x)
    beam = (
        step(-0.1, 0.7, fractal(angle * 7, 0 * angle, seed + 60, 3))
        * np.exp(-away / 420)
        * step(20, 160, away)
    )
    return develop(light + beam[..., None] * np.array([0.3, 0.27, 0.17]), TALL, seed, exposure=0.95)
