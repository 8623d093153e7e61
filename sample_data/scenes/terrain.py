"""A height map, cast column by column, lit by a sun and veiled by air.

World coordinates: x right, y ahead, heights up; the camera always looks along y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from scenes.light import WIDE, Array, Colour, Sky, fractal, grid, mix, step, unit


@dataclass(frozen=True, slots=True)
class Land:
    """A square height map, x in [-side / 2, side / 2], y in [0, side]."""

    height: Array
    side: float

    def sample(self, field: Array, x: Array, y: Array) -> Array:
        """Read a field of the map's shape at world positions."""
        scale = (len(field) - 1) / self.side
        at = [y * scale, (x + self.side / 2) * scale]
        return np.asarray(ndimage.map_coordinates(field, at, order=1, mode="nearest"))

    def shadow(self, sun: Colour) -> Array:
        """Return how much sun reaches each point, in [0, 1], on a map of half the size."""
        low = self.height[::2, ::2]
        cell = self.side / len(low)
        slope = sun[1] / np.hypot(sun[0], sun[2])
        along = np.array([sun[2], sun[0]]) / np.hypot(sun[0], sun[2])
        over = np.full_like(low, -1.0)
        for far in np.geomspace(1.5, 0.4 * len(low), 40):
            ahead = ndimage.shift(low, -along * far, order=1, mode="nearest")
            over = np.maximum(over, (ahead - low - slope * far * cell) / (far * cell))
        return 1.0 - step(-0.04, 0.04, over)


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera stands, and how it sees."""

    x: float
    y: float
    height: float
    horizon: float  # row of the horizon, 0 top .. 1 bottom
    focal: float = 1.0  # in picture widths
    size: tuple[int, int] = WIDE

    def rays(self) -> tuple[Array, Array]:
        """Return each pixel's direction (right, up) per unit ahead, at 1.25 times the size."""
        width, height = (round(side * 1.25) for side in self.size)
        columns, rows = grid(width, height)
        across = (columns - width / 2) / (self.focal * width)
        return across, (self.horizon * height - rows) / (self.focal * width)

    def cast(self, land: Land) -> tuple[Array, Array, Array]:
        """Return the world x, y and the distance of what each pixel sees (infinite for sky)."""
        across, up = self.rays()
        depths = np.geomspace(0.01 * land.side, land.side - self.y, 1000)
        x = self.x + depths[:, None] * across[0]
        ground = land.sample(land.height, x, np.broadcast_to(self.y + depths[:, None], x.shape))
        slopes = (ground - self.height) / depths[:, None]  # (depths, columns)
        highest = np.maximum.accumulate(slopes, axis=0)
        depth = np.full(up.shape, np.inf)
        for column in range(up.shape[1]):
            first = np.searchsorted(highest[:, column], up[:, column])
            seen = first < len(depths)
            after = first[seen]
            before = np.maximum(after - 1, 0)
            low, high = slopes[before, column], slopes[after, column]
            part = np.clip((up[seen, column] - low) / (high - low + 1e-12), 0.0, 1.0)
            depth[seen, column] = depths[before] + part * (depths[after] - depths[before])
        finite = np.where(np.isfinite(depth), depth, depths[-1])
        return self.x + across * finite, self.y + finite, depth


def plan(side: float, cells: int = 900) -> tuple[Array, Array]:
    """Return the world positions of a map's points."""
    ahead, across = np.meshgrid(np.linspace(0, side, cells), np.linspace(-0.5, 0.5, cells) * side)
    return across.T.copy(), ahead.T.copy()


def sunlit(
    land: Land, view: View, sky: Sky, rough: float, seed: int, *, ambient: float = 0.45
) -> tuple[Array, Array, Array, Array, Array]:
    """Cast a land and light it: x, y, distance, steepness and the light falling on each pixel."""
    x, y, depth = view.cast(land)
    cell = land.side / (len(land.height) - 1)
    ahead, across = (np.asarray(slope) for slope in np.gradient(land.height, cell))
    slope_x, slope_y = land.sample(across, x, y), land.sample(ahead, x, y)
    near = np.where(np.isfinite(depth), depth, land.side)
    grain = 6.0 / (cell * len(land.height)) * 60
    fade = rough * np.clip(0.25 * land.side / near, 0.0, 1.5)
    slope_x = slope_x + fade * fractal(x * grain, y * grain, seed + 90, 4, 0.7)
    slope_y = slope_y + fade * fractal(x * grain, y * grain, seed + 95, 4, 0.7)
    normal = unit(np.stack([-slope_x, np.ones_like(x), -slope_y], axis=-1))
    direct = np.clip(normal @ unit(sky.sun), 0, 1) * land.sample(land.shadow(sky.sun), x, y)
    hollow = land.height - ndimage.gaussian_filter(land.height, len(land.height) / 60)
    open_sky = np.clip(0.75 + 0.25 * land.sample(hollow, x, y) / (hollow.std() + 1e-9), 0.25, 1.2)
    light = direct[..., None] * np.asarray(sky.glow) * 1.6
    fill = (open_sky * (0.6 + 0.4 * normal[..., 1]))[..., None]
    light += ambient * fill * mix(sky.zenith, sky.horizon, np.full(x.shape, 0.5))
    return x, y, depth, np.hypot(slope_x, slope_y), light


def veil(colour: Array, view: View, depth: Array, sky: Sky, thick: float) -> Array:
    """Lay air between the camera and the land, and put the sky behind it."""
    across, up = view.rays()
    behind = sky.colour(across, np.maximum(up, 0.004), np.ones_like(up))
    air = Sky(sky.sun, sky.zenith, sky.horizon, sky.glow, cover=0.0, disc=False)
    haze = mix(
        air.colour(across, np.full_like(up, 0.03), np.ones_like(up)), sky.zenith, 0 * up + 0.2
    )
    finite = np.where(np.isfinite(depth), depth, 0.0)
    hazy = mix(colour, haze, 1.0 - np.exp(-thick * finite))
    return np.where(np.isfinite(depth)[..., None], hazy, behind)
