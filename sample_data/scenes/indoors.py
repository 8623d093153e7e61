"""Things on a table before a wall, ray-marched: soft shadows, window light, wood, plaster.

The table is y = 0 and the wall stands at z = 0 behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from scenes.light import WIDE, Array, Colour, develop, fractal, grid, noise, step, unit
from scenes.things import Thing, apple, block, orange, pear, sphere, vase


@dataclass(frozen=True, slots=True)
class Lamp:
    """A window or lamp far away that throws soft shadows, and the light of the room itself."""

    toward: Colour
    colour: Colour
    room: Colour
    window: float | None = None  # where the light of a window with bars falls, along x


def march(thing: Thing, start: Array, ray: Array, limit: Array, steps: int) -> tuple[Array, Array]:
    """Follow rays to a thing: the distance (infinite if missed) and how closely it was passed."""
    offset = start - np.asarray(thing.centre)
    along = -(offset * ray).sum(axis=-1)
    miss = np.sqrt(np.maximum((offset**2).sum(axis=-1) - along**2, 0.0))
    hit, close = np.full(along.shape, np.inf), np.ones(along.shape)
    wide = thing.reach * 1.5
    active = np.flatnonzero((miss < wide) & (along > -wide))
    at = np.maximum(along[active] - np.sqrt(wide**2 - miss[active] ** 2), 0.02)
    for _ in range(steps):
        away = thing.distance(offset[active] + ray[active] * at[:, None])
        close[active] = np.minimum(close[active], 9.0 * away / at)
        found = away < 0.002
        hit[active[found]] = at[found]
        at = at + np.maximum(away, 0.004)
        going = ~found & (at < along[active] + wide) & (at < limit[active])
        active, at = active[going], at[going]
        if not active.size:
            break
    return hit, np.clip(close, 0.0, 1.0)


def table_colour(p: Array, tint: Colour, seed: int) -> Array:
    """Return planks of wood, grain along x."""
    plank = np.floor(p[..., 2] / 0.9)
    x = p[..., 0] + plank * 7.7
    ring = p[..., 2] * 5 + 0.5 * noise(x * 0.5, p[..., 2] * 2, seed) + plank * 3.1
    vein = np.sin(ring * 6 + 4 * noise(x * 0.35, ring * 0.4, seed + 1))
    fibre = fractal(x * 2.5, p[..., 2] * 70, seed + 2, 3, 0.7)
    gap = step(0.012, 0.03, np.abs(p[..., 2] / 0.9 - plank - 0.5) * -1 + 0.5)
    shade = (0.75 + 0.14 * vein + 0.2 * fibre + 0.15 * noise(plank * 5.3, 0 * plank, seed)) * (
        0.35 + 0.65 * gap
    )
    return np.asarray(tint) * np.clip(shade, 0.1, 1.4)[..., None]


def wall_colour(p: Array, tint: Colour, seed: int) -> tuple[Array, Array]:
    """Return plaster: its colour and the relief that catches the light."""
    stain = fractal(p[..., 0] * 0.5, p[..., 1] * 0.5, seed, 5, 0.6)
    trowel = fractal(p[..., 0] * 5, p[..., 1] * 7, seed + 7, 4, 0.7)
    return np.asarray(tint) * (0.95 + 0.22 * stain)[..., None], 0.14 * trowel


def falling(p: Array, lamp: Lamp) -> Array:
    """Return how much of the lamp's light passes the window on its way to a point."""
    toward = unit(lamp.toward)
    side = p[..., 0] - p[..., 2] * toward[0] / toward[2]
    up = p[..., 1] - p[..., 2] * toward[1] / toward[2]
    if lamp.window is None:
        return np.asarray(0.55 + 0.45 * np.exp(-((side / 3.2) ** 2) - ((up - 0.6) / 2.4) ** 2))
    blur = 0.07
    side = np.abs(side - lamp.window)
    frame = step(-blur, blur, 1.5 - side) * step(-blur, blur, 1.35 - np.abs(up - 1.0))
    upright, level = (step(0.03, 0.03 + blur, np.abs(away)) for away in (side - 0.5, up - 1.1))
    return 0.06 + 0.94 * frame * upright * level


def photograph(
    things: Sequence[Thing],
    lamp: Lamp,
    eye: Colour,
    aim: Colour,
    seed: int,
    *,
    focal: float = 1.15,
    wood: Colour = (0.36, 0.19, 0.09),
    wall: Colour = (0.42, 0.40, 0.36),
    exposure: float = 1.0,
) -> Image.Image:
    """Render things on the table in front of the wall."""
    width, height = (round(side * 1.15) for side in WIDE)
    columns, rows = grid(width, height)
    ahead = unit(np.subtract(aim, eye))
    right = unit(np.cross((0.0, 1.0, 0.0), ahead))
    lens = np.stack(
        [(columns - width / 2) / (focal * width), (height / 2 - rows) / (focal * width)]
    )
    up = np.cross(ahead, right)
    ray = unit(ahead + lens[0][..., None] * right + lens[1][..., None] * up).reshape(-1, 3)
    start = np.broadcast_to(np.asarray(eye), ray.shape)
    to_table = np.where(ray[:, 1] < -1e-6, -start[:, 1] / np.minimum(ray[:, 1], -1e-6), np.inf)
    to_wall = np.where(ray[:, 2] > 1e-6, -start[:, 2] / np.maximum(ray[:, 2], 1e-6), np.inf)
    nearest, which = np.minimum(to_table, to_wall), np.where(to_table < to_wall, -1, -2)
    for index, thing in enumerate(things):
        far, _ = march(thing, start, ray, nearest, 90)
        which = np.where(far < nearest, index, which)
        nearest = np.minimum(far, nearest)
    point = start + ray * nearest[:, None]
    normal, colour = np.zeros_like(point), np.zeros_like(point)
    gloss = np.full(len(point), 0.18)
    on_table, on_wall = which == -1, which == -2
    normal[on_table, 1] = 1.0
    colour[on_table] = table_colour(point[on_table], wood, seed)
    colour[on_wall], bump = wall_colour(point[on_wall], wall, seed + 20)
    normal[on_wall] = unit(np.stack([bump, bump * 0.6, -np.ones_like(bump)], axis=-1))
    gloss[on_wall] = 0.0
    for index, thing in enumerate(things):
        here = which == index
        p = point[here] - np.asarray(thing.centre)
        bent = [thing.distance(p + e) - thing.distance(p - e) for e in np.eye(3) * 0.003]
        normal[here], colour[here], gloss[here] = (
            unit(np.stack(bent, axis=-1)),
            thing.colour(p),
            thing.gloss,
        )
    toward = unit(lamp.toward)
    shade, open_sky = np.ones(len(point)), np.ones(len(point))
    far_away = np.full(len(point), 9.0)
    for index, thing in enumerate(things):
        lamp_ray = np.broadcast_to(toward, point.shape)
        hit, close = march(thing, point + normal * 0.012, lamp_ray, far_away, 28)
        shade *= np.where(np.isfinite(hit), 0.0, step(0.0, 1.0, close))
        to_thing = np.asarray(thing.centre) - point
        gap = np.linalg.norm(to_thing, axis=-1) + 1e-9
        cover = (
            np.clip((normal * to_thing).sum(axis=-1) / gap, 0, 1)
            * np.minimum(thing.reach * 0.75 / gap, 1) ** 2
        )
        open_sky *= np.where(which == index, 1.0, 1.0 - 0.75 * cover)
    open_sky *= 0.55 + 0.45 * step(
        0.0, 0.9, np.where(on_wall, point[:, 1], np.where(on_table, -point[:, 2], 1.0))
    )
    direct = np.clip(normal @ toward, 0, 1) * shade * falling(point, lamp)
    half = unit(toward - ray)
    shine = (
        gloss
        * np.clip((normal * half).sum(axis=-1), 0, 1) ** (20 + 120 * gloss)
        * shade
        * (direct > 0)
    )
    rim = gloss * 0.3 * (1.0 - np.clip(-(normal * ray).sum(axis=-1), 0, 1)) ** 4
    fill = (open_sky * (0.7 + 0.3 * normal[:, 1]))[:, None] * np.asarray(lamp.room)
    light = colour * (direct[:, None] * np.asarray(lamp.colour) + fill)
    light += (shine[:, None] * np.asarray(lamp.colour)) * 0.8 + rim[:, None] * np.asarray(lamp.room)
    return develop(light.reshape(height, width, 3), WIDE, seed, exposure=exposure)


RED: Colour = (0.45, 0.03, 0.02)
YELLOW: Colour = (0.55, 0.4, 0.05)
GREEN: Colour = (0.2, 0.33, 0.04)


def still_life(arrangement: int) -> Image.Image:
    """Render fruit and a vase; each arrangement is another photo of the same table."""
    if arrangement == 0:
        lamp = Lamp((-0.75, 0.7, -0.45), (2.3, 2.0, 1.6), (0.16, 0.19, 0.25))
        things = [
            vase(-1.15, -0.9, 0.85, (0.05, 0.12, 0.25), 3),
            apple(-0.15, -1.25, 4, RED, YELLOW),
            pear(0.7, -0.95, 5),
            orange(0.42, -1.95, 6),
            apple(-0.75, -2.05, 7, GREEN, YELLOW, 0.36),
            orange(1.35, -1.75, 8, 0.3, lemon=True),
        ]
        return photograph(things, lamp, (0.4, 1.75, -5.2), (0.05, 0.5, -1.0), 41)
    lamp = Lamp((-0.55, 0.75, -0.6), (2.3, 2.0, 1.6), (0.16, 0.19, 0.25))
    things = [
        vase(0.95, -1.0, 0.85, (0.05, 0.12, 0.25), 3),
        apple(-1.3, -1.2, 4, RED, YELLOW),
        pear(-0.35, -0.85, 5),
        orange(-0.55, -1.9, 6),
        apple(0.25, -1.75, 7, GREEN, YELLOW, 0.36),
        orange(1.25, -2.3, 8, 0.3, lemon=True),
    ]
    return photograph(things, lamp, (-1.3, 2.5, -4.7), (-0.05, 0.45, -1.1), 43)


def room(arrangement: int) -> Image.Image:
    """Render the corner of a room in window light; arrangement 1 is another day."""
    wall, wood = (0.5, 0.46, 0.38), (0.42, 0.25, 0.13)
    if arrangement == 0:
        lamp = Lamp((-0.8, 0.62, -0.75), (2.6, 2.1, 1.5), (0.26, 0.29, 0.35), window=-0.1)
        things = [
            sphere(-0.9, -1.1, 0.5, (0.3, 0.05, 0.04), 0.7),
            sphere(0.25, -1.7, 0.33, (0.7, 0.68, 0.62), 0.4),
            block(0.95, -0.9, (0.4, 0.65, 0.4), 0.5, (0.1, 0.22, 0.25)),
            sphere(-0.35, -2.2, 0.2, (0.55, 0.4, 0.1), 0.8),
        ]
        return photograph(
            things, lamp, (0.2, 1.5, -5.4), (0.0, 0.85, 0.0), 51, wall=wall, wood=wood
        )
    lamp = Lamp((0.95, 0.5, -0.6), (2.7, 2.0, 1.25), (0.26, 0.29, 0.35), window=1.2)
    things = [
        block(-1.0, -1.0, (0.55, 0.12, 0.4), 0.2, (0.35, 0.08, 0.05)),
        block(-0.95, -1.0, (0.45, 0.1, 0.33), -0.2, (0.1, 0.16, 0.3), 0.24),
        vase(0.9, -1.0, 0.62, (0.25, 0.1, 0.05), 9),
        sphere(0.05, -1.9, 0.3, (0.1, 0.3, 0.16), 0.7),
    ]
    return photograph(things, lamp, (-0.9, 1.7, -5.0), (0.1, 0.8, 0.0), 53, wall=wall, wood=wood)
