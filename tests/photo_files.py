"""Drawn photos as files: the bytes of an original and of copies that were made from it."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from drawings import draw_photo
from PIL import Image, ImageDraw

from dedupe.provenance.source import Source, read_source


def draw_scene(seed: int = 3, *, width: int = 360, height: int = 264) -> Image.Image:
    """Return a scene with detail at all scales, as a photo has: its amplitudes fall as 1 / f."""
    rng = np.random.default_rng(seed)
    shapes = draw_photo(seed, width=width, height=height).astype(np.float32)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    waves = np.fft.rfft2(rng.normal(size=(height, width))) / np.maximum(frequency, 0.01) ** 1.1
    texture = np.fft.irfft2(waves, (height, width))
    mask = cv2.GaussianBlur(rng.uniform(0, 1, (height, width)), (0, 0), 25)
    mask = np.clip((mask - mask.mean()) / mask.std() + 1, 0.1, 2)
    scene = cv2.GaussianBlur(shapes, (0, 0), 0.6) + (22 * mask * texture / texture.std())[..., None]
    return Image.fromarray(scene.clip(0, 255).astype(np.uint8))


def encode(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    """Return the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def an_original(seed: int = 3, **options: Any) -> bytes:
    """Return the bytes of a photo: a JPEG of quality 88 by default."""
    return encode(draw_scene(seed), **({"quality": 88} | options))


def reopen(data: bytes) -> Image.Image:
    """Return the decoded pixels of a file."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def source(data: bytes) -> Source:
    """Return a file as evidence reads it."""
    return read_source(data)


def gallery(photo: Image.Image) -> Image.Image:
    """Draw the screen of a telephone that shows a photo."""
    screen = Image.new("RGB", (720, 1440), "black")
    draw = ImageDraw.Draw(screen)
    for x in range(60, 700, 120):
        draw.ellipse((x, 1340, x + 44, 1384), outline="white", width=4)
    draw.text((30, 30), "9:41", "white", font_size=36)
    screen.paste(photo, (0, 480))
    return screen
