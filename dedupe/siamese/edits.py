"""What people and programs do to photos, at full size, one edit at a time: for measuring.

Training draws its changes from `augment`, on small squares; these are other code on other sizes, so
that a measurement does not test an encoder with its own exercises.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Level = Literal["easy", "medium", "hard", "turn"]
LEVELS: tuple[Level, ...] = ("easy", "medium", "hard", "turn")
Change = Callable[[Image.Image, random.Random], Image.Image]


@dataclass(frozen=True, slots=True)
class Edit:
    """One way to make a copy."""

    level: Level
    change: Change
    format: str = "JPEG"
    quality: int = 90

    def apply(self, photo: Image.Image, rng: random.Random) -> bytes:
        """Return the content of the copy's file; `photo` is RGB and stays as it is."""
        return encode(self.change(photo, rng).convert("RGB"), self.format, self.quality)


def encode(picture: Image.Image, container: str, quality: int) -> bytes:
    """Return a picture as the content of a file."""
    stream = io.BytesIO()
    picture.save(stream, container, quality=quality)
    return stream.getvalue()


def _same(photo: Image.Image, _rng: random.Random) -> Image.Image:
    return photo


def _scale(x: float, y: float) -> Change:
    def change(photo: Image.Image, _rng: random.Random) -> Image.Image:
        size = (max(8, round(photo.width * x)), max(8, round(photo.height * y)))
        return photo.resize(size, Image.Resampling.LANCZOS)

    return change


def _zoom_into(photo: Image.Image, factor: float) -> Image.Image:
    """Enlarge the middle by `factor` and cut to the old size."""
    width, height = photo.size
    left, top = width * (1 - 1 / factor) / 2, height * (1 - 1 / factor) / 2
    return photo.resize(
        photo.size, Image.Resampling.BICUBIC, box=(left, top, width - left, height - top)
    )


def _zoom(factor: float) -> Change:
    return lambda photo, _rng: _zoom_into(photo, factor)


def _crop_to(photo: Image.Image, share: float, rng: random.Random) -> Image.Image:
    """A window anywhere with `share` of each side."""
    width, height = int(photo.width * share), int(photo.height * share)
    left, top = rng.randint(0, photo.width - width), rng.randint(0, photo.height - height)
    return photo.crop((left, top, left + width, top + height))


def _crop(share: float) -> Change:
    return lambda photo, rng: _crop_to(photo, share, rng)


def _turn_by(photo: Image.Image, degrees: float, *, fill: bool) -> Image.Image:
    """Rotate; without `fill`, zoom in until no corner is empty."""
    turned = photo.rotate(degrees, Image.Resampling.BICUBIC)
    if fill:
        return turned
    angle, ratio = math.radians(abs(degrees)), photo.width / photo.height
    c, s = math.cos(angle), math.sin(angle)
    return _zoom_into(turned, max(c + s / ratio, c + s * ratio))


def _rotate(least: float, most: float, *, fill: bool = False) -> Change:
    return lambda photo, rng: _turn_by(
        photo, rng.uniform(least, most) * rng.choice((-1, 1)), fill=fill
    )


def _transpose(method: Image.Transpose) -> Change:
    return lambda photo, _rng: photo.transpose(method)


def _brightness(factor: float) -> Change:
    return lambda photo, _rng: ImageEnhance.Brightness(photo).enhance(factor)


def _gamma(photo: Image.Image, rng: random.Random) -> Image.Image:
    exponent = rng.choice((0.6, 1.6))
    return photo.point([round(255 * (value / 255) ** exponent) for value in range(256)] * 3)


def _warm(photo: Image.Image, _rng: random.Random) -> Image.Image:
    gains = (1.15, 1.0, 0.85)
    return photo.point([min(255, int(value * gain)) for gain in gains for value in range(256)])


def _grey(photo: Image.Image, _rng: random.Random) -> Image.Image:
    return ImageOps.grayscale(photo)


def _blur(photo: Image.Image, _rng: random.Random) -> Image.Image:
    return photo.filter(ImageFilter.GaussianBlur(max(photo.size) / 200))


def _noise(photo: Image.Image, rng: random.Random) -> Image.Image:
    pixels = np.asarray(photo, np.float32)
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, 14, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def _watermark(photo: Image.Image, _rng: random.Random) -> Image.Image:
    layer = Image.new("RGBA", photo.size, (0, 0, 0, 0))
    size = max(12, photo.width // 9)
    at = (photo.width * 0.1, photo.height * 0.45)
    ImageDraw.Draw(layer).text(at, "© Sample Photo", fill=(255, 255, 255, 110), font_size=size)
    return Image.alpha_composite(photo.convert("RGBA"), layer)


def _caption(photo: Image.Image, _rng: random.Random) -> Image.Image:
    picture, (width, height) = photo.copy(), photo.size
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, int(height * 0.86), width, height), fill="black")
    size = max(10, height // 14)
    draw.text((width * 0.05, height * 0.88), "wish you were here", fill="white", font_size=size)
    return picture


def _border(photo: Image.Image, _rng: random.Random) -> Image.Image:
    return ImageOps.expand(photo, int(min(photo.size) * 0.06), "white")


def _letterbox(photo: Image.Image, _rng: random.Random) -> Image.Image:
    side = max(photo.size)
    square = Image.new("RGB", (side, side))
    square.paste(photo, ((side - photo.width) // 2, (side - photo.height) // 2))
    return square


def _several(photo: Image.Image, rng: random.Random) -> Image.Image:
    """Rotated, cropped, halved and paled: what a screenshot of a post does."""
    picture = _crop_to(_turn_by(photo, rng.uniform(-6, 6), fill=False), 0.88, rng)
    return ImageEnhance.Contrast(_scale(0.5, 0.5)(picture, rng)).enhance(0.8)


def _stretch(photo: Image.Image, rng: random.Random) -> Image.Image:
    return _scale(rng.choice((0.85, 1.15)), 1)(photo, rng)


EDITS: dict[str, Edit] = {
    "copy_q90": Edit("easy", _same),
    "jpeg_q50": Edit("easy", _same, quality=50),
    "half_size": Edit("easy", _scale(0.5, 0.5)),
    "webp": Edit("easy", _same, "WEBP", 70),
    "bright_up": Edit("easy", _brightness(1.25)),
    "jpeg_q10": Edit("medium", _same, quality=10),
    "quarter_size": Edit("medium", _scale(0.25, 0.25)),
    "rotate_3": Edit("medium", _rotate(3, 3)),
    "zoom_110": Edit("medium", _zoom(1.10)),
    "greyscale": Edit("medium", _grey),
    "gamma": Edit("medium", _gamma),
    "warm": Edit("medium", _warm),
    "blur": Edit("medium", _blur),
    "noise": Edit("medium", _noise),
    "watermark": Edit("medium", _watermark),
    "border": Edit("medium", _border),
    "stretch": Edit("medium", _stretch),
    "rotate_10_fill": Edit("hard", _rotate(7, 10, fill=True)),
    "rotate_10": Edit("hard", _rotate(7, 10)),
    "zoom_130": Edit("hard", _zoom(1.30)),
    "crop_80": Edit("hard", _crop(0.80)),
    "crop_60": Edit("hard", _crop(0.60)),
    "caption": Edit("hard", _caption),
    "letterbox": Edit("hard", _letterbox),
    "several": Edit("hard", _several, quality=40),
    "mirror": Edit("turn", _transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    "turn_90": Edit("turn", _transpose(Image.Transpose.ROTATE_90)),
    "turn_180": Edit("turn", _transpose(Image.Transpose.ROTATE_180)),
}
