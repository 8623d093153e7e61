"""Flat things close by: a brick facade with a door, and a bookcase."""

from __future__ import annotations

import numpy as np
from PIL import Image

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
    relief,
    step,
)


def facade(seed: int) -> Image.Image:
    """Render a weathered brick wall with a recessed green door and a window."""
    width, height = 600, 800
    x, y = grid(width, height)
    x, y = x + 1.5 * noise(x / 60, y / 60, seed), y + 2.5 * noise(x / 90, y / 40, seed + 1)
    course = np.floor(y / 20)
    along = x / 48 + 0.5 * (course % 2)
    brick = np.floor(along)
    tint = np.random.default_rng(seed).random((256, 256))[
        course.astype(int) % 256, brick.astype(int) % 256
    ]
    edge = np.minimum(
        np.minimum(along - brick, 1 - along + brick) * 48, np.minimum(y % 20, 20 - y % 20)
    )
    rough = fractal(x / 9, y / 9, seed + 2, 4, 0.65)
    stone = step(1.2, 3.4, edge + 1.2 * rough)
    bump = stone * (3.0 + 2.5 * tint) + 1.3 * rough
    clay = [
        (0, (0.16, 0.055, 0.035)),
        (0.5, (0.33, 0.12, 0.07)),
        (0.85, (0.42, 0.2, 0.12)),
        (1, (0.5, 0.34, 0.24)),
    ]
    colour = mix((0.36, 0.33, 0.29), palette(tint + 0.12 * rough, [(a, b) for a, b in clay]), stone)
    worn = fractal(x / 150, y / 110, seed + 3, 6, 0.6)
    colour = mix(colour, (0.5, 0.46, 0.4), 0.75 * step(0.32, 0.5, worn))  # plaster left over
    bump = bump + 5.0 * step(0.32, 0.42, worn)
    streak = fractal(x / 14, y / 300, seed + 4, 4) + 0.5 * worn
    colour = colour * (1.0 - 0.6 * step(0.05, 0.7, streak) * step(900, 200, y))[..., None]
    moss = step(0.25, 0.8, 0.9 * fractal(x / 60, y / 60, seed + 6, 5) + (y - 560) / 260)
    colour = mix(colour, (0.06, 0.10, 0.025), 0.85 * moss)
    light = colour * (0.25 + 1.3 * relief(bump, (-0.65, -0.5, 0.6)))[..., None]
    opening = (x > 290) & (x < 490) & (y > 250) & (y < 745)
    arch = np.hypot(x - 390, (y - 300) * 1.1)
    frame = ((x > 270) & (x < 510) & (y > 300) & (y < 750)) | ((arch < 120) & (y <= 300))
    inside = (opening & (y > 300)) | ((arch < 100) & (y <= 300))
    block = np.abs((np.arctan2(y - 300, x - 390) * 8 / np.pi) % 1 - 0.5) < 0.47
    dressed = (np.abs((y / 62) % 1 - 0.5) < 0.47) & (y > 300) | block & (y <= 300)
    jamb = (
        np.array([0.46, 0.4, 0.32])
        * ((0.72 + 0.25 * rough) * np.where(dressed, 1.0, 0.45))[..., None]
    )
    light = np.where(frame[..., None], jamb, light)
    board = np.abs(((x - 290) / 33) % 1 - 0.5) < 0.46
    grain = fractal(x / 3.5, y / 90, seed + 7, 4, 0.6)
    peeled = step(0.3, 0.45, fractal(x / 16, y / 40, seed + 8, 5, 0.6) + 0.35 * (y - 420) / 300)
    paint = mix((0.03, 0.14, 0.11), (0.26, 0.2, 0.14), peeled)
    paint = paint * ((0.85 + 0.3 * grain) * np.where(board, 1.0, 0.3))[..., None]
    for bar in (370.0, 640.0):
        strap = (np.abs(y - bar) < 9) & (x < 460)
        paint = np.where(
            strap[..., None], (np.array([0.05, 0.045, 0.04]) * (1 + rough)[..., None]), paint
        )
    recess = 1.0 - 0.8 * step(1, 0, (x - 290) / 46 - 0.12 * (y < 320)) - 0.6 * step(60, 20, y - 205)
    light = np.where(inside[..., None], paint * np.clip(recess, 0.12, 1)[..., None], light)
    pane = (np.abs(x - 130) < 80) & (np.abs(y - 330) < 105)
    mullion = (
        (np.abs(x - 130) < 5)
        | (np.abs((y - 330) % 70 - 35) > 31)
        | (np.abs(np.abs(x - 130) - 75) < 6)
    )
    glass = Sky((0.4, 0.5, 1), (0.06, 0.12, 0.25), (0.35, 0.4, 0.45), (0.8, 0.8, 0.8), 0.7, seed)
    seen = glass.colour((x - 130) / 120, (470 - y) / 260 + 0.1 * rough, np.ones_like(x)) * 0.45
    seen = np.where(
        mullion[..., None], np.array([0.5, 0.47, 0.4]) * (0.8 + 0.3 * rough)[..., None], seen
    )
    seen = (
        seen * (1 - 0.7 * step(26, 8, x - 50) - 0.5 * step(26, 6, y - 225)).clip(0.15, 1)[..., None]
    )
    light = np.where(pane[..., None], seen, light)
    sill = (np.abs(x - 130) < 98) & (y > 435) & (y < 455)
    light = np.where(sill[..., None], jamb * 1.25, light)
    below = (np.abs(x - 122) < 98) & (y >= 455) & (y < 475)
    light = light * np.where(below, 0.45, 1.0)[..., None]
    slant = step(-60, 60, x * 0.55 + y - 270 + 40 * noise(x / 40, y / 40, seed))  # a roof's shadow
    pavement = step(742, 752, y)
    slabs = (
        np.array([0.3, 0.28, 0.26])
        * (0.8 + 0.3 * fractal(x / 30, y / 8, seed + 9, 5, 0.7))[..., None]
    )
    light = mix(light, slabs, pavement) * (0.5 + 0.6 * slant)[..., None]
    return develop(light, TALL, seed, exposure=1.2)


CLOTHS: list[Colour] = [
    (0.26, 0.045, 0.035),
    (0.06, 0.09, 0.16),
    (0.06, 0.12, 0.08),
    (0.45, 0.39, 0.28),
    (0.18, 0.1, 0.06),
    (0.34, 0.22, 0.09),
    (0.12, 0.12, 0.13),
]


def shelf(seed: int) -> Image.Image:
    """Render a bookcase: worn spines, some leaning, under a lamp."""
    width, height = 800, 600
    x, y = grid(width, height)
    random = np.random.default_rng(seed)
    light = np.array([0.05, 0.03, 0.02]) * (1 + 0.3 * fractal(x / 60, y / 9, seed, 4))[..., None]
    for row in range(3):
        top, bottom = 14 + 196 * row, 190 + 196 * row
        left = 26.0
        while left < width - 60:
            left = _stand(light, random, left, bottom, bottom - top)
        depth = np.clip((y[top:bottom] - top) / 60, 0, 1)
        light[top:bottom] *= (0.25 + 0.75 * depth)[..., None]
    side = (x < 24) | (x > width - 24)
    board = (y % 196 > 190) | (y % 196 < 14) | side
    upright = fractal(x / 5, y / 120, seed + 4, 5, 0.6)
    grain = np.where(side, upright, fractal(x / 120, y / 4, seed + 5, 5, 0.6))
    edge = np.where(y % 196 < 3, 0.4, 1.0)
    timber = np.array([0.32, 0.17, 0.08]) * (edge * (0.85 + 0.45 * grain))[..., None]
    light = np.where(board[..., None], timber, light)
    lamp = np.exp(-(((x - 250) / 420) ** 2) - ((y - 170) / 330) ** 2)
    warm = np.array([1.1, 0.98, 0.8])
    return develop(light * (0.35 + 1.9 * lamp)[..., None] * warm, WIDE, seed)


def _stand(light: Array, random: np.random.Generator, left: float, bottom: int, room: int) -> float:
    """Paint one book in place; return where the next one begins."""
    wide, high = random.uniform(13, 42), random.uniform(0.62, 0.95) * room
    lean = random.uniform(0.12, 0.25) if random.random() < 0.09 else 0.0
    gap = random.uniform(20, 60) if random.random() < 0.05 else 0.0
    seed = int(random.integers(1000))
    start, end = int(left), int(left + wide + lean * high + 8)
    box = light[bottom - room : bottom, start:end]
    x, y = grid(box.shape[1], room)
    u = (x + start - left - lean * (room - y)) / wide
    v = (room - y) / high
    cloth = np.asarray(CLOTHS[int(random.integers(7))]) * random.uniform(0.6, 1.4)
    weave = 1.0 + 0.15 * noise(x / 1.7, y / 1.7, seed) + 0.35 * fractal(x / 25, y / 25, seed, 4)
    round_off = 0.3 + 0.8 * np.sqrt(np.clip(1 - (2 * u - 0.8) ** 2 * 0.8, 0, 1))
    rim = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v) * high / wide)
    worn = step(0.08, 0.0, rim + 0.05 * weave - 0.05)
    book = mix(cloth * (weave * round_off)[..., None], (0.5, 0.42, 0.33), worn * 0.5)
    rib = (np.abs(np.abs(v - 0.51) - 0.39) < 0.012) | (np.abs(v - 0.8) < 0.008)
    line = np.floor(y / 5)  # letters run down the spine in strokes
    stroke = noise(line * 0.9 + seed, u * 5 + line * 3.3, seed + 1) > 0.15
    title = (np.abs(u - 0.5) < 0.2) & (np.abs(v - 0.55) < 0.15) & stroke & (y % 5 < 3.6)
    gilt = (rib if random.random() < 0.6 else np.abs(v - 0.87) < 0.03) | title
    gold = np.array([0.5, 0.4, 0.2]) * (0.6 + 0.5 * weave * round_off)[..., None]
    book = np.where(gilt[..., None], gold, book)
    box[(u >= 1) & (u < 1 + 5 / wide) & (v < 1)] *= 0.35
    inside = (u > 0) & (u < 1) & (v < 1)
    box[inside] = book[inside]
    return left + wide + 1.5 + gap + lean * high
