"""Draw maps: streets, regions, relief; other routes, values or neighbouring tiles."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw

from lookalike.brush import Draw, Kind, Rng, choose_font, colour, noise_field, words


def tile(look: Rng, content: Rng) -> Image.Image:
    """A street map at one scale: another tile of the same town."""
    side = int(look.choice([256, 512]))
    ground, street, edge = colour(look, 220, 250), colour(look, 240, 256), colour(look, 150, 210)
    image = Image.new("RGB", (side, side), ground)
    draw = ImageDraw.Draw(image)
    step = int(look.integers(30, 70))
    offset_x, offset_y = (int(value) for value in content.integers(0, step, 2))
    for _ in range(int(look.integers(2, 7))):
        x, y = (int(value) for value in content.integers(0, side, 2))
        size = int(content.integers(step, 3 * step))
        draw.rectangle((x, y, x + size, y + size), fill=colour(look, 180, 240))
    for width, shade in ((9, edge), (7, street)):
        for line in range(-1, side // step + 1):
            x, y = offset_x + line * step, offset_y + line * step
            draw.line((x, 0, x + step // 3, side), fill=shade, width=width)
            draw.line((0, y, side, y + step // 4), fill=shade, width=width)
    font = choose_font(look)(12)
    for _ in range(int(look.integers(3, 9))):
        x, y = (int(value) for value in content.integers(0, side - 60, 2))
        draw.text((x, y), words(content, 1, 2), font=font, fill=(80, 80, 80))
    return image


def _regions(look: Rng, size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """Return (height, width) int labels of regions around random seeds, and how many."""
    count = int(look.integers(15, 50))
    seeds = look.uniform(0, 1, (count, 2)) * size
    warp = [(noise_field(look, size, 4) - 0.5) * 60 for _ in range(2)]
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    far = np.stack([(x + warp[0] - a) ** 2 + (y + warp[1] - b) ** 2 for a, b in seeds])
    return far.argmin(axis=0), count


def choropleth(look: Rng, content: Rng) -> Image.Image:
    """One country; its regions in the colours of other values."""
    size = (int(look.integers(300, 600)), int(look.integers(300, 500)))
    labels, count = _regions(look, size)
    classes = int(look.integers(3, 7))
    dark, light = np.array(colour(look, 0, 130)), np.array(colour(look, 210, 256))
    shades = np.linspace(0, 1, classes)[content.integers(0, classes, count)][:, None]
    pixels = (light * (1 - shades) + dark * shades).astype(np.uint8)[labels]
    borders = cv2.morphologyEx(labels.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((2, 2)))
    pixels[borders > 0] = 255
    return Image.fromarray(pixels)


def route(look: Rng, content: Rng) -> Image.Image:
    """One relief with another route and other marks."""
    size = (int(look.integers(400, 800)), int(look.integers(300, 600)))
    field = noise_field(look, size)
    levels = (field * 10).astype(np.int32)
    ramp = np.linspace(colour(look, 150, 220), colour(look, 220, 256), 11).astype(np.uint8)
    image = Image.fromarray(ramp[levels])
    draw, shade = ImageDraw.Draw(image), colour(look, 0, 200)
    points = np.cumsum(content.normal(0, min(size) / 12, (12, 2)), axis=0) + np.array(size) / 2
    draw.line([(float(x), float(y)) for x, y in points], fill=shade, width=5, joint="curve")
    for x, y in (points[0], points[-1]):
        draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill=(220, 40, 40), outline=(255, 255, 255))
    return image


def relief(look: Rng, content: Rng) -> Image.Image:
    """A shaded relief tile: another place in the same light and colours."""
    side = int(look.choice([128, 256]))
    low, high = np.array(colour(look, 60, 160)), np.array(colour(look, 160, 256))
    field = noise_field(content, (side, side), 7)
    light = np.clip(0.7 + 12 * (np.gradient(field)[0] - np.gradient(field)[1]), 0.3, 1.2)[..., None]
    pixels = (low + (high - low) * field[..., None]) * light
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _kind(draw: Draw, *, held_out: bool = False) -> Kind:
    return Kind(f"map: {draw.__name__}", draw, held_out)


KINDS = (
    *(_kind(draw) for draw in (tile, route)),
    *(_kind(draw, held_out=True) for draw in (choropleth, relief)),
)
