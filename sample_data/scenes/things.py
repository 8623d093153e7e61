"""Solid things for a table, each as its distance function and its colour.

Lengths are about decimetres; y is up, and every thing stands on y = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scenes.light import Array, Colour, mix, noise, step


@dataclass(frozen=True, slots=True)
class Thing:
    """A solid round `centre`: how far it is from a point, and its colour at a point."""

    centre: Colour
    reach: float  # radius of a ball that holds it
    distance: Callable[[Array], Array]  # of points relative to the centre
    colour: Callable[[Array], Array]
    gloss: float = 0.3


def ball(p: Array, radius: float) -> Array:
    """Return the distance of points to a ball at the origin."""
    return np.asarray(np.linalg.norm(p, axis=-1) - radius)


def soft_union(a: Array, b: Array, round_by: float) -> Array:
    """Join two distances with a rounded seam."""
    part = np.clip(0.5 + 0.5 * (b - a) / round_by, 0.0, 1.0)
    return np.asarray(b * (1 - part) + a * part - round_by * part * (1 - part))


def speckled(seed: int, low: Colour, high: Colour, fine: float = 3.0) -> Callable[[Array], Array]:
    """Return a skin colour that runs between two colours, with streaks from pole to pole."""

    def colour(p: Array) -> Array:
        around = np.arctan2(p[..., 2], p[..., 0])
        blush = noise(around * 0.8 + seed, p[..., 1] * 0.8, seed) + 0.7 * p[..., 0]
        streak = noise(around * 9, p[..., 1] * fine, seed + 1) * 0.35
        return mix(low, high, step(-0.8, 0.8, blush + streak))

    return colour


def apple(x: float, z: float, seed: int, low: Colour, high: Colour, size: float = 0.42) -> Thing:
    """Return an apple with its dents and its stalk."""

    def distance(p: Array) -> Array:
        out = np.hypot(p[..., 0], p[..., 2]) / size
        up = p[..., 1] / size
        dent = 0.32 * np.exp(-(out**2) * 7) * (up > 0) + 0.12 * np.exp(-(out**2) * 9) * (up < 0)
        body = ball(p, size * 1.0) + size * (dent + 0.06 * np.clip(-up, 0, 1))
        stalk = np.maximum(
            np.hypot(p[..., 0] - 0.1 * p[..., 1], p[..., 2]) - 0.022, p[..., 1] - size * 1.15
        )
        return np.minimum(body * 0.8, np.maximum(stalk, -p[..., 1]))

    def colour(p: Array) -> Array:
        out = np.hypot(p[..., 0], p[..., 2])
        skin = speckled(seed, low, high)(p)
        return np.where((out < 0.04)[..., None], np.array([0.08, 0.05, 0.03]), skin)

    return Thing((x, size * 0.93, z), size * 1.25, distance, colour, 0.5)


def pear(x: float, z: float, seed: int) -> Thing:
    """Return a pear with its stalk."""

    def distance(p: Array) -> Array:
        neck = ball(p - np.array([0.03, 0.5, 0.02]), 0.2)
        body = soft_union(ball(p, 0.4), neck, 0.32)
        stalk = np.maximum(
            np.hypot(p[..., 0] - 0.2 * p[..., 1] + 0.06, p[..., 2] - 0.02) - 0.02, p[..., 1] - 0.9
        )
        return np.minimum(body * 0.9, np.maximum(stalk, 0.4 - p[..., 1]))

    skin = speckled(seed, (0.3, 0.33, 0.05), (0.6, 0.42, 0.08), 20.0)
    return Thing((x, 0.39, z), 0.95, distance, skin, 0.25)


def orange(x: float, z: float, seed: int, size: float = 0.38, lemon: bool = False) -> Thing:
    """Return an orange, or a lemon, with its pores."""
    stretch = np.array([0.78, 1.0, 1.0]) if lemon else np.ones(3)

    def distance(p: Array) -> Array:
        tip = 0.06 * np.exp(-((np.hypot(p[..., 1], p[..., 2]) / 0.1) ** 2)) if lemon else 0.0
        pores = 0.004 * noise(p[..., 0] * 28 + p[..., 2] * 9, p[..., 1] * 28 + p[..., 2] * 17, seed)
        return (ball(p * stretch, size) - tip - pores) * 0.85

    low, high = (
        ((0.62, 0.42, 0.02), (0.75, 0.6, 0.06)) if lemon else ((0.72, 0.2, 0.01), (0.8, 0.32, 0.03))
    )
    return Thing((x, size, z), size * 1.5, distance, speckled(seed, low, high, 9.0), 0.35)


def sphere(x: float, z: float, size: float, colour: Colour, gloss: float) -> Thing:
    """Return a ball of marbled stone."""
    marble = speckled(
        int(size * 100), colour, (colour[0] * 0.5, colour[1] * 0.5, colour[2] * 0.5), 4.0
    )
    return Thing((x, size, z), size, lambda p: ball(p, size), marble, gloss)


def block(x: float, z: float, half: Colour, turn: float, colour: Colour, y: float = 0.0) -> Thing:
    """Return a wooden or painted box that stands at height y and is turned about its axis."""
    cos, sin = np.cos(turn), np.sin(turn)

    def local(p: Array) -> Array:
        side, deep = cos * p[..., 0] + sin * p[..., 2], cos * p[..., 2] - sin * p[..., 0]
        return np.stack([side, p[..., 1], deep], axis=-1)

    def distance(p: Array) -> Array:
        out = np.abs(local(p)) - np.asarray(half) + 0.03
        outside = np.linalg.norm(np.maximum(out, 0), axis=-1)
        return np.asarray(outside + np.minimum(out.max(axis=-1), 0) - 0.03)

    def paint(p: Array) -> Array:
        q = local(p)
        vein = noise(q[..., 0] * 3, q[..., 1] * 30 + q[..., 2] * 22, 5)
        return np.asarray(colour) * (1.0 + 0.28 * vein)[..., None]

    return Thing((x, y + half[1], z), float(np.linalg.norm(half)), distance, paint, 0.12)


def vase(x: float, z: float, size: float, colour: Colour, seed: int) -> Thing:
    """Return a turned vessel with a glazed band."""

    def distance(p: Array) -> Array:
        up = p[..., 1] / size
        profile = 0.34 + 0.2 * np.sin(2.6 * up + 0.9) + 0.06 * step(0.75, 1.0, up)
        side = np.hypot(p[..., 0], p[..., 2]) - size * profile
        shell = np.maximum(np.maximum(side, -(side + 0.06 * size)), np.abs(p[..., 1]) - size)
        return shell * 0.6

    def paint(p: Array) -> Array:
        bands = step(0.2, 0.5, np.sin(p[..., 1] / size * 11)) * (np.abs(p[..., 1]) < 0.6 * size)
        glaze = 1.0 + 0.3 * noise(p[..., 0] * 7, p[..., 1] * 7, seed)
        return mix(colour, (0.75, 0.7, 0.6), bands * 0.8) * glaze[..., None]

    return Thing((x, size, z), size * 1.25, distance, paint, 0.6)
