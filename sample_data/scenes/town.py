"""Walls that people built: a town at night, a street, a facade, a bookcase."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from scenes.light import (
    TALL,
    WIDE,
    Array,
    Sky,
    bloom,
    develop,
    fractal,
    grid,
    mix,
    noise,
    palette,
    step,
)


def skyline(seed: int, *, tall: float, shore: int = 400) -> Image.Image:
    """Render a town at night over water: its towers' height, and the row of its quay."""
    width, height = 800, 600
    random = np.random.default_rng(seed)
    x, y = grid(width, shore)
    cloud = fractal(x / 190, y / 70, seed + 5, 6)
    town = np.zeros((height, width, 3))
    glow = palette(
        y / shore, [(0, (0.006, 0.01, 0.03)), (0.6, (0.03, 0.035, 0.075)), (1, (0.2, 0.11, 0.09))]
    )
    town[:shore] = glow * (1.0 + 0.55 * cloud)[..., None]
    moon = np.hypot(x - 90 - 9 * (seed % 60), y - 70)
    town[:shore] += (
        step(17, 14, moon)[..., None] * np.array([1.0, 0.95, 0.8]) * (0.9 + 0.3 * cloud)[..., None]
    )
    centre = random.uniform(0.3, 0.7) * width
    for layer in range(4):
        left = -20
        while left < width:
            wide = int(random.uniform(22, 66))
            hill = np.exp(-(((left - centre) / (0.26 * width)) ** 2))
            high = int(
                (60 + 250 * tall * hill * random.uniform(0.4, 1.2) + random.uniform(0, 70))
                * (1.1 - 0.2 * layer)
            )
            _tower(town, random, left, wide, min(high, shore - 30), shore, layer)
            left += wide + int(random.uniform(-8, 14))
    quay = slice(shore - 5, shore)
    town[quay] = np.array([0.02, 0.018, 0.016])
    for lamp in range(8, width, 26):
        town[shore - 9 : shore - 5, lamp : lamp + 3] = np.array([5.0, 3.0, 1.2])
    rows, columns = np.mgrid[0 : height - shore, 0:width]
    depth = 4.0 + rows * 0.9
    swell = fractal(columns / (9 + depth * 0.35), 900 / (rows + 18.0), seed + 9, 4, 0.7)
    source = np.clip(shore - 1 - rows * 1.15 + swell * (4 + 0.22 * rows), 0, shore - 1)
    side = np.clip(columns + 0.10 * depth * noise(columns / 30, rows / 3, seed), 0, width - 1)
    for channel in range(3):
        mirror = ndimage.gaussian_filter(town[:shore, :, channel], (5, 0.8))
        seen = ndimage.map_coordinates(mirror, [source, side], order=1)
        town[shore:, :, channel] = seen * (0.55 + 0.2 * swell) + 0.004
    return develop(bloom(town, 0.35, 3.5), WIDE, seed, exposure=1.3, grain=1.2)


def _tower(
    town: Array,
    random: np.random.Generator,
    left: int,
    wide: int,
    high: int,
    shore: int,
    layer: int,
) -> None:
    top = shore - high
    right = min(left + wide, town.shape[1])
    left = max(left, 0)
    if right - left < 8:
        return
    wall = np.array([0.035, 0.035, 0.05]) * (1.5 - 0.33 * layer) * random.uniform(0.6, 1.4)
    body = town[top:shore, left:right]
    body[:] = wall * np.linspace(1.0, 2.2, high)[:, None, None]
    body[:, : (right - left) // 3] *= 0.6
    if random.random() < 0.35:
        inset = (right - left) // 4
        town[top - 14 : top, left + inset : right - inset] = wall
    if random.random() < 0.2:
        town[max(top - 45, 0) : top, (left + right) // 2] = wall * 1.3
        town[max(top - 46, 0), (left + right) // 2] = (6.0, 0.4, 0.3)
    tone = np.array([1.0, 0.72, 0.36]) if random.random() < 0.75 else np.array([0.75, 0.9, 1.0])
    pitch_x, pitch_y, share = (
        int(random.integers(4, 7)),
        int(random.integers(6, 10)),
        random.uniform(0.15, 0.6),
    )
    for row in range(5, high - 8, pitch_y):
        whole_floor = random.random() < 0.07
        for column in range(3, right - left - 3, pitch_x):
            if whole_floor or random.random() < share:
                lit = random.lognormal(-0.6, 0.6) * (0.45 + 0.2 * layer)
                body[row : row + pitch_y // 2, column : column + pitch_x - 2] += tone * lit


def street(seed: int, *, eye: float, horizon: float = 0.56) -> Image.Image:
    """Render a narrow street between tall houses; `eye` is how far right the camera stands."""
    width, height = 600, 800
    columns, rows = grid(width, height)
    right, up = (columns - width / 2) / 520, (height * horizon - rows) / 520
    sky = Sky((0.5, 0.7, 0.4), (0.09, 0.24, 0.58), (0.62, 0.7, 0.82), (1, 0.9, 0.72), 0.6, seed)
    light = sky.colour(right, np.maximum(up, 0.01), np.ones_like(up))
    random = np.random.default_rng(seed)
    wall = np.where(right < 0, -1.0 - eye, 1.0 - eye) * 2.0
    depth = wall / np.where(np.abs(right) < 1e-4, 1e-4, right)
    high = up * depth + 1.0  # above the pavement; the camera is at 1.0
    house = np.floor(depth / 3.1 + 0.3 * (right < 0)).astype(int)
    left_side = (right < 0).astype(int)
    seeds = random.random((2, 64, 8))[left_side, np.clip(house, 0, 63)]
    roof = 3.6 + 2.2 * seeds[..., 0]
    inside = depth / 3.1 + 0.3 * (right < 0) - house
    tint = palette(
        seeds[..., 1],
        [
            (0, (0.5, 0.27, 0.14)),
            (0.35, (0.55, 0.42, 0.24)),
            (0.7, (0.6, 0.54, 0.45)),
            (1, (0.45, 0.2, 0.15)),
        ],
    )
    stain = fractal(depth * 1.5, high * 1.5, seed + 1, 6, 0.62)
    fine = fractal(depth * 14, high * 14, seed + 2, 3, 0.7)
    tint = tint * (0.9 + 0.3 * stain + 0.1 * fine)[..., None]
    tint = tint * (0.6 + 0.4 * step(0.0, 0.9, high))[..., None]
    place_x, place_y = (inside * 3 % 1 - 0.5), (high / 1.25 + 0.12) % 1 - 0.5
    floor_one = high > 1.25
    shutter = (np.abs(place_x) < 0.36) & (np.abs(place_y) < 0.31) & floor_one
    window = (np.abs(place_x) < 0.19) & (np.abs(place_y) < 0.31) & floor_one
    green = palette(
        seeds[..., 2], [(0, (0.05, 0.16, 0.1)), (0.5, (0.08, 0.14, 0.24)), (1, (0.25, 0.1, 0.05))]
    )
    slat = 0.7 + 0.4 * (place_y * 26 % 1)
    tint = np.where(shutter[..., None], green * slat[..., None], tint)
    cross = (np.abs(place_x) < 0.02) | (np.abs(place_y) < 0.015) | (np.abs(place_x) > 0.165)
    pane = mix((0.015, 0.02, 0.03), (0.3, 0.36, 0.45), step(-0.2, 0.6, place_y + 0.4 * stain))
    tint = np.where(window[..., None], np.where(cross[..., None], 0.5, pane), tint)
    ledge = (
        (np.abs(place_y - 0.0) > 0.31)
        & (np.abs(place_y) < 0.37)
        & (np.abs(place_x) < 0.26)
        & floor_one
    )
    tint = np.where(ledge[..., None], np.where(place_y[..., None] > 0, 0.2, 0.6) * np.ones(3), tint)
    door = (np.abs(place_x) < 0.26) & (high < 1.0) & (high > 0)
    tint = np.where(
        door[..., None],
        green * (0.35 + 0.5 * (np.abs(place_x * 8 % 1 - 0.5) < 0.42))[..., None],
        tint,
    )
    cornice = high > roof - 0.16
    tint = np.where(
        cornice[..., None], np.array([0.3, 0.2, 0.15]) * (1 + 0.5 * fine)[..., None], tint
    )
    seam = np.minimum(inside, 1 - inside) < 0.012
    tint = tint * np.where(seam, 0.4, 1.0)[..., None]
    shade_line = 1.9 + 0.5 * seeds[..., 3] + 0.22 * (depth % 3.1)
    sun = np.where(
        right < 0, step(-0.06, 0.06, high - shade_line), 0.0
    )  # only one side sees the sun
    walls = tint * mix((0.24, 0.28, 0.36), (1.6, 1.4, 1.1), sun)
    is_wall = (high < roof) & (depth > 0) & (depth < 60)
    light = np.where(is_wall[..., None], mix(walls, sky.horizon, 1 - np.exp(-depth / 60)), light)
    far = 1.0 / np.maximum(-up, 0.004)
    ground_x, ground_z = right * far, far
    kerb = np.abs(ground_x + 2 * eye)
    stone_x, stone_z = ground_x * 7 + 0.5 * (np.floor(ground_z * 9) % 2), ground_z * 9
    cobble = (1 - np.abs(stone_x % 1 - 0.5) ** 4 * 12) * (1 - np.abs(stone_z % 1 - 0.5) ** 4 * 12)
    each = noise(np.floor(stone_x) * 3.7, np.floor(stone_z) * 5.3, seed + 3)
    blend = np.clip(12 / far**1.5, 0, 1)
    shade = (
        0.62 + (0.3 * cobble + 0.16 * each) * blend + 0.2 * fractal(ground_x, ground_z, seed + 4, 5)
    )
    paving = (
        np.array([0.26, 0.24, 0.23])
        * shade[..., None]
        * np.where(kerb > 1.45, 1.45, 1.0)[..., None]
    )
    paving = paving * np.where(np.abs(kerb - 1.45) < 0.04, 0.5, 1.0)[..., None]
    lit = step(
        -0.05, 0.05, -1.3 + 0.3 * np.sin(np.floor(ground_z / 3.1) * 9.1) - (ground_x + 2 * eye)
    )
    paving = paving * mix((0.4, 0.45, 0.55), (1.7, 1.45, 1.15), lit)
    light = np.where(
        ((high < 0) & (up < 0))[..., None], mix(paving, sky.horizon, 1 - np.exp(-far / 60)), light
    )
    return develop(light, TALL, seed, exposure=1.15)
