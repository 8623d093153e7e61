"""Pictures drawn from a seed: each another scene, with broad shapes and some texture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def draw_photo(seed: int, *, width: int = 64, height: int = 64) -> Pixels:
    """Return (height, width, 3) uint8 RGB: a gradient, discs and boxes, and grain."""
    rng = np.random.default_rng((1979, seed))
    corners = rng.uniform(0, 255, (2, 2, 3)).astype(np.float32)
    scene = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    for _ in range(6):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size = int(rng.uniform(0.08, 0.3) * min(width, height)) + 1
        colour = rng.uniform(0, 255, 3).tolist()
        if rng.random() < 0.5:
            cv2.circle(scene, (x, y), size, colour, -1)
        else:
            cv2.rectangle(scene, (x, y), (x + 2 * size, y + size), colour, -1)
    scene = scene + rng.normal(0, 4, scene.shape)
    return scene.clip(0, 255).astype(np.uint8)


def draw_photos(count: int, *, side: int = 64) -> Pixels:
    """Return (count, side, side, 3) uint8: the scenes of the seeds from 0 on."""
    return np.stack([draw_photo(seed, width=side, height=side) for seed in range(count)])


def save_photos(folder: Path, count: int, *, side: int = 64) -> list[Path]:
    """Write the scenes of the seeds from 0 on as PNG files and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{seed:03}.png" for seed in range(count)]
    for path, photo in zip(paths, draw_photos(count, side=side), strict=True):
        Image.fromarray(photo).save(path)
    return paths
