"""Random edits of the frame, and additions, for the data that the weights are fitted on.

An edit takes an RGB image and a random source and returns an RGB image.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

Picture = Image.Image
Floats = NDArray[np.float64]
Edit = Callable[[Picture, random.Random], Picture]

KERNELS = (Image.Resampling.LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)


def random_source(rng: random.Random) -> np.random.Generator:
    return np.random.default_rng(rng.randrange(2**31))


def to_array(image: Picture) -> Floats:
    return np.asarray(image.convert("RGB")).astype(np.float64)


def to_image(values: NDArray[Any]) -> Picture:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def any_colour(rng: random.Random) -> tuple[int, int, int]:
    mixed = (rng.randint(0, 255), rng.randint(0, 255), rng.randint(0, 255))
    return rng.choice(((0, 0, 0), (255, 255, 255), mixed))


def resize(image: Picture, factor: float, rng: random.Random) -> Picture:
    size = (max(48, round(image.width * factor)), max(48, round(image.height * factor)))
    kernels = KERNELS if factor > 1 else (*KERNELS, Image.Resampling.BOX)
    return image.resize(size, rng.choice(kernels), reducing_gap=rng.choice((None, 2.0)))


# Frames, crops and turns


def border(image: Picture, rng: random.Random) -> Picture:
    edge = round(min(image.size) * rng.uniform(0.01, 0.15))
    bottom = edge if rng.random() < 0.7 else 3 * edge
    return ImageOps.expand(image, (edge, edge, edge, bottom), any_colour(rng))


def letterbox(image: Picture, rng: random.Random) -> Picture:
    ratio = rng.choice((1, 16 / 9, 4 / 3, 9 / 16))
    size = (
        max(image.width, round(image.height * ratio)),
        max(image.height, round(image.width / ratio)),
    )
    page = Image.new("RGB", size, any_colour(rng))
    page.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return page


def textured_frame(image: Picture, rng: random.Random) -> Picture:
    left, top, right, bottom = (round(min(image.size) * rng.uniform(0.02, 0.2)) for _ in range(4))
    width, height = image.width + left + right, image.height + top + bottom
    kind = rng.randrange(3)
    if kind == 0:
        page = image.resize((width, height)).filter(ImageFilter.GaussianBlur(rng.uniform(8, 30)))
    elif kind == 1:
        grain = random_source(rng).normal(0, rng.uniform(2, 12), (height, width, 1))
        page = to_image(np.array(any_colour(rng), float) + grain)
    else:
        page = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    page.paste(image, (left, top))
    return page


def screenshot(image: Picture, rng: random.Random) -> Picture:
    width = rng.choice((720, 750, 1080, 1170))
    shown = image.resize((width, max(1, round(image.height * width / image.width))),
                         rng.choice(KERNELS))  # fmt: skip
    height = max(shown.height + rng.randint(100, 400), int(width * 1.4))
    page = Image.new("RGB", (width, height), rng.choice(((0, 0, 0), (18, 18, 22), (255, 255, 255))))
    page.paste(shown, (0, (height - shown.height) // 2))
    draw = ImageDraw.Draw(page)
    draw.text((40, 20), "9:41", fill=(128, 128, 128), font_size=40)
    draw.rectangle((width * 0.35, height - 24, width * 0.65, height - 16), fill=(128, 128, 128))
    return page


def crop(image: Picture, rng: random.Random) -> Picture:
    share = rng.uniform(0.6, 0.97)
    width, height = int(image.width * share), int(image.height * share)
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _warp(image: Picture, linear: Floats, kernel: Image.Resampling) -> Picture:
    """Sample an image by a (2, 2) map round its middle; the size stays."""
    middle = np.array([image.width / 2, image.height / 2])
    shift = middle - linear @ middle
    rows = (*linear[0].tolist(), float(shift[0]), *linear[1].tolist(), float(shift[1]))
    return image.transform(image.size, Image.Transform.AFFINE, rows, kernel)


def straighten(image: Picture, rng: random.Random) -> Picture:
    angle = np.radians(rng.choice((-1, 1)) * rng.uniform(0.7, 8))
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    ratio = max(image.width / image.height, image.height / image.width)
    return _warp(image, turned / (np.cos(angle) + ratio * abs(np.sin(angle))), KERNELS[1])


def affine(image: Picture, rng: random.Random) -> Picture:
    linear = np.eye(2) * rng.uniform(0.86, 0.95) + random_source(rng).normal(0, 0.012, (2, 2))
    return _warp(image, linear, rng.choice(KERNELS[1:]))


def zoom(image: Picture, rng: random.Random) -> Picture:
    return _warp(image, np.eye(2) / rng.uniform(1.05, 1.3), rng.choice(KERNELS[1:]))


def stretch(image: Picture, rng: random.Random) -> Picture:
    width = round(image.width * rng.choice((0.85, 0.92, 1.08, 1.15)))
    return image.resize((width, image.height), rng.choice(KERNELS))


def turn(image: Picture, rng: random.Random) -> Picture:
    ways = Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180
    return image.transpose(rng.choice(ways))


# Additions


def text(image: Picture, rng: random.Random) -> Picture:
    image = image.copy()
    draw, (width, height) = ImageDraw.Draw(image), image.size
    if rng.random() < 0.4:
        y = rng.choice((0, int(height * 0.86)))
        draw.rectangle((0, y, width, y + int(height * 0.14)), fill=any_colour(rng))
        place, size = (width * 0.05, y + height * 0.03), max(10, height // 14)
        draw.text(place, "some words here", fill=any_colour(rng), font_size=size)
        return image
    for _ in range(rng.randint(1, 3)):
        draw.text(
            (width * rng.uniform(0.02, 0.5), height * rng.uniform(0.02, 0.85)),
            rng.choice(("HELLO WORLD", "2021 summer", "x", "best day ever!")),
            fill=any_colour(rng), font_size=max(9, int(height * rng.uniform(0.03, 0.15))),
            stroke_width=rng.choice((0, 1, 2)), stroke_fill=any_colour(rng),
        )  # fmt: skip
    return image


def watermark(image: Picture, rng: random.Random) -> Picture:
    layer = Image.new("RGBA", image.size)
    draw = ImageDraw.Draw(layer)
    tone = rng.choice((0, 255))
    ink, size = (tone, tone, tone, rng.randint(50, 150)), int(image.width * rng.uniform(0.04, 0.13))
    for _ in range(rng.choice((1, 1, 4))):
        place = (image.width * rng.uniform(0, 0.5), image.height * rng.uniform(0.05, 0.85))
        draw.text(place, "SAMPLE PICTURE", fill=ink, font_size=max(12, size))
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def shapes(image: Picture, rng: random.Random) -> Picture:
    image = image.copy()
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(1, 3)):
        x, y = rng.uniform(0, 0.8) * image.width, rng.uniform(0, 0.8) * image.height
        side = rng.uniform(0.08, 0.3) * min(image.size)
        fill = any_colour(rng) if rng.random() < 0.7 else None
        if rng.random() < 0.5:
            corners = [(x, y), (x + side, y + side * 0.3), (x + side * 0.6, y + side)]
            draw.polygon(corners, fill=fill, outline=any_colour(rng))
        else:
            box = (x, y, x + side, y + side)
            width = rng.randint(1, 5)
            draw.rounded_rectangle(box, side / 4, fill=fill, outline=any_colour(rng), width=width)
    return image
