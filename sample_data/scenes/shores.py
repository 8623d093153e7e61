"""Land that meets water: the open sea, a coast from the air, a beach."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from scenes.light import (
    WIDE,
    Sky,
    develop,
    fractal,
    grid,
    mix,
    noise,
    palette,
    relief,
    ridged,
    step,
    unit,
)
from scenes.terrain import View


def sea(seed: int) -> Image.Image:
    """Render waves, a low sun's reflection and a rocky island."""
    view = View(0.0, 0.0, 1.0, 0.42, 1.0)
    across, up = view.rays()
    sky = Sky((-0.22, 0.13, 1.0), (0.10, 0.16, 0.38), (0.85, 0.5, 0.3), (1.5, 0.85, 0.4), 0.6, seed)
    far = 1.0 / np.maximum(-up, 0.002)
    x, z = across * far, far
    fine = np.clip(9.0 / far, 0.25, 1.0)
    slope_x = 0.26 * fractal(x * 1.6, z * 1.4, seed + 1, 6, 0.75)
    slope_z = 0.34 * fractal(x * 0.9 + 50, z * 2.0, seed + 8, 6, 0.75)
    swell = 0.13 * np.cos(z * 1.7 + 1.3 * noise(x * 0.4, z * 0.3, seed + 2))
    normal = unit(np.stack([slope_x * fine, np.ones_like(x), (slope_z + swell) * fine], axis=-1))
    ray = unit(np.stack([across, np.minimum(up, -0.002), np.ones_like(up)], axis=-1))
    facing = np.clip(-(ray * normal).sum(axis=-1), 0.0, 1.0)
    bounce = ray + 2.0 * facing[..., None] * normal
    mirror = sky.colour(bounce[..., 0], np.abs(bounce[..., 1]) + 0.02, bounce[..., 2])
    fresnel = 0.04 + 0.96 * (1.0 - facing) ** 5
    deep = mix((0.004, 0.03, 0.05), (0.02, 0.1, 0.1), step(-0.1, 0.35, slope_z))
    water = mix(deep, mirror, fresnel)
    crest = step(0.32, 0.5, slope_z + 0.5 * slope_x + 0.1 * noise(x * 9, z * 9, seed)) * step(
        40, 4, far
    )
    water = mix(water, (0.6, 0.5, 0.45), crest * 0.7)
    light = np.where((up > 0)[..., None], sky.colour(across, np.maximum(up, 0), 1 + 0 * up), water)
    ridge = 0.11 * step(0.05, 0.3, across) * step(0.62, 0.35, across)
    ridge = ridge * (0.75 + 0.5 * fractal(across * 14, 0 * across, seed + 5, 5, 0.6))
    rock = (0.35 + 0.5 * fractal(across * 60, up * 90, seed + 6, 4))[..., None] * np.array(
        [0.1, 0.06, 0.06]
    )
    light = np.where(((up < ridge) & (up > -0.012 * (ridge > 0.004)))[..., None], rock, light)
    return develop(light, WIDE, seed, exposure=1.0)


def aerial_coast(seed: int, *, turn: float) -> Image.Image:
    """Render a coast seen from an aeroplane: surf, beach, woods and fields."""
    columns, rows = grid(*WIDE)
    x, y = columns / 200.0, rows / 200.0
    slope = np.cos(turn) * (x - 1.6) + np.sin(turn) * (y - 1.2)
    rough = fractal(x, y, seed, 7, 0.52)
    level = 0.45 * slope + 0.95 * rough
    sea = level < 0
    land_height = np.where(sea, 0.0, level) * 90 + 2.0 * fractal(x * 14, y * 14, seed + 1, 3)
    light = 0.25 + 0.95 * relief(land_height, (-0.6, -0.5, 0.65))
    wood = palette(
        noise(columns / 2.2, rows / 2.2, seed), [(-1, (0.01, 0.03, 0.015)), (1, (0.08, 0.13, 0.04))]
    )
    plots_x, plots_y = x * 3.1 + 0.8 * y + 0.1 * rough, y * 4.0 - 0.9 * x + 0.1 * rough
    tint = np.random.default_rng(seed).random((256, 256))
    field = tint[np.floor(plots_y).astype(int) % 256, np.floor(plots_x).astype(int) % 256]
    hedge = np.minimum(np.abs(plots_x % 1 - 0.5), np.abs(plots_y % 1 - 0.5)) > 0.475
    furrow = 1.0 + 0.06 * np.sin(plots_x * 90) * (field > 0.5)
    crops = palette(
        field, [(0, (0.1, 0.16, 0.04)), (0.5, (0.3, 0.28, 0.1)), (1, (0.42, 0.3, 0.16))]
    )
    crops = crops * (furrow * np.where(hedge, 0.35, 1.0))[..., None]
    farmed = step(0.0, 0.08, noise(x * 1.3, y * 1.3, seed + 6)) * (level > 0.14)
    ground = mix(mix(wood, crops, farmed), (0.62, 0.52, 0.36), step(0.09, 0.03, level))
    ground = mix(ground, (0.33, 0.3, 0.27), step(0.75, 1.1, level + 0.3 * rough))
    swell = noise(x * 9 + 2 * slope, y * 22, seed + 3) * 0.02
    water = palette(
        level + swell,
        [(-0.7, (0.008, 0.05, 0.1)), (-0.25, (0.02, 0.15, 0.2)), (0, (0.2, 0.42, 0.38))],
    )
    foam = step(0.5, 0.9, np.sin(level * 130 + 4 * noise(x * 6, y * 6, seed + 4))) * step(
        -0.09, -0.01, level
    )
    water = mix(
        water, (0.85, 0.9, 0.9), foam * (0.6 + 0.4 * noise(x * 30, y * 30, seed)).clip(0, 1)
    )
    view = np.where(sea[..., None], water, ground * light[..., None] * 1.5)
    cloud = step(0.35, 0.9, fractal(x * 0.7 + 9, y * 0.9, seed + 60, 6))
    return develop(mix(view, (0.95, 0.96, 1.0), cloud * 0.85), WIDE, seed, exposure=1.15)


def pebbles(seed: int) -> Image.Image:
    """Render wet pebbles from above, with a shell-white one and the edge of a wave."""
    width, height = 800, 600
    x, y = grid(width, height)
    random = np.random.default_rng(seed)
    level = 3.0 * fractal(x / 30, y / 30, seed, 4)
    colour = palette(
        noise(x / 1.3, y / 1.3, seed), [(-1, (0.1, 0.08, 0.06)), (1, (0.4, 0.33, 0.25))]
    )
    kinds = np.array(
        [
            [0.16, 0.16, 0.17],
            [0.32, 0.3, 0.28],
            [0.3, 0.18, 0.12],
            [0.5, 0.45, 0.38],
            [0.12, 0.15, 0.15],
            [0.38, 0.3, 0.18],
        ]
    )
    sizes = np.clip(8 + 13 * random.pareto(2.0, 1300), 0, 72)
    for size in sizes:
        at_x, at_y, turn = (
            random.uniform(0, width),
            random.uniform(0, height),
            random.uniform(0, 3.14),
        )
        flat, tall = random.uniform(0.6, 1.0), random.uniform(0.35, 0.6)
        box = (
            slice(max(int(at_y - size), 0), int(at_y + size) + 1),
            slice(max(int(at_x - size), 0), int(at_x + size) + 1),
        )
        dx, dy = x[box] - at_x, y[box] - at_y
        if not dx.size:
            continue
        u, v = (
            (dx * np.cos(turn) + dy * np.sin(turn)) / size,
            (dy * np.cos(turn) - dx * np.sin(turn)) / size / flat,
        )
        bend = 0.12 * noise(np.arctan2(v, u) + at_x, 0 * u + at_y, seed)
        inside = 1.0 - np.abs(u + bend) ** 2.4 - np.abs(v) ** 2.4
        dome = size * tall * np.sqrt(np.clip(inside, 0, 1)) + 0.02 * size
        over = (inside > 0) & (dome > level[box])
        vein = noise(u * 2.2 + at_x, v * 9 + at_y, seed + 1)
        speck = noise(dx / 1.6, dy / 1.6, seed + 2)
        tint = (
            kinds[int(random.integers(6))]
            * random.uniform(0.7, 1.3)
            * (1 + 0.22 * vein + 0.16 * speck)[..., None]
        )
        level[box] = np.where(over, dome, level[box])
        colour[box] = np.where(over[..., None], tint, colour[box])
    soft = ndimage.gaussian_filter(level, 0.8)
    hollow = np.clip(0.9 + 0.045 * (level - ndimage.gaussian_filter(level, 14)), 0.2, 1.15)
    cast = np.zeros_like(level)
    for far in range(2, 44, 2):
        moved = ndimage.shift(level, (far * 0.55, far * 0.83), order=1, mode="nearest")
        cast = np.maximum(cast, moved - level - far * 0.62)
    shade = relief(soft * 0.9, (-0.75, -0.5, 0.55))
    sun = (shade * step(2.5, 0.0, cast))[..., None] * np.array([1.7, 1.5, 1.2])
    light = colour * (sun + hollow[..., None] * np.array([0.26, 0.3, 0.36]))
    edge = (
        y - 0.42 * x - 250 + 70 * fractal(x / 140, y / 140, seed + 9, 5)
    ) / 60  # the sea, lower left
    wet = step(-1.3, 0.0, edge)[..., None]
    light = light * (1 - 0.45 * wet) + wet * 0.35 * shade[..., None] ** 24
    ripple = ridged(x / 70, y / 70, seed + 10, 5)
    water = mix(
        light * np.array([0.5, 0.85, 0.85]),
        (0.3, 0.42, 0.42),
        0.25 + 0.55 * step(0.35, 0.8, ripple),
    )
    light = mix(light, water, step(0.2, 0.9, edge) * 0.9)
    foam = step(0.75, 0.1, np.abs(edge - 0.5)) * step(
        0.1, 0.75, fractal(x / 11, y / 11, seed + 12, 4, 0.7) + 0.35
    )
    return develop(mix(light, (0.9, 0.93, 0.93), foam), WIDE, seed, exposure=1.15)
