"""Draw text and shapes from seeded generators: fonts, words, numbers, colours, backgrounds."""

from __future__ import annotations

import functools
import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Rng = np.random.Generator
Draw = Callable[[Rng, Rng], Image.Image]
"""Draws one picture from a generator of the layout and a generator of the content."""

Colour = tuple[int, int, int]

SYSTEM_FONTS = Path("/usr/share/fonts")
OWN_FONTS = (
    *("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf"),
    *("STIXGeneral.ttf", "STIXGeneralBol.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSans-Oblique.ttf"),
)
PHOTOS = Path(__file__).parents[3] / "sample_data"
_SYLLABLES = tuple(
    "bacedifogulameniporusatevivokaleminopurasetizuhe"[i : i + 2] for i in range(0, 48, 2)
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of similar pictures."""

    name: str
    draw: Draw
    held_out: bool = False  # never used to choose a mechanism or a bound
    variants: int = 3  # contents of each layout
    small: bool = False  # 128 pixels or fewer


@functools.cache
def font_files() -> tuple[str, ...]:
    """Return the files of matplotlib's text fonts and of the system's Latin fonts, sorted."""
    own = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    found = [str(own / name) for name in OWN_FONTS]
    for path in sorted(SYSTEM_FONTS.rglob("*.[ot]tf")):
        try:
            width = ImageFont.truetype(str(path), 20).getlength("Ag0")
        except OSError:
            continue
        if width > 12 and not any(word in path.name for word in ("Symbol", "Dingbat", "Emoji")):
            found.append(str(path))
    return tuple(found)


@functools.lru_cache(maxsize=512)
def _open_font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def choose_font(rng: Rng) -> Callable[[int], ImageFont.FreeTypeFont]:
    """Choose a font; the result returns it at a height in pixels."""
    files = font_files()
    path = files[int(rng.integers(len(files)))]
    return lambda size: _open_font(path, size)


def word(rng: Rng) -> str:
    return "".join(rng.choice(_SYLLABLES, int(rng.integers(1, 5))))


def words(rng: Rng, least: int, most: int) -> str:
    """Return words of syllables, the first with a capital letter."""
    return " ".join(word(rng) for _ in range(int(rng.integers(least, most + 1)))).capitalize()


def number(rng: Rng, digits: int) -> str:
    return "".join(str(digit) for digit in rng.integers(0, 10, digits))


def amount(rng: Rng) -> str:
    return f"{rng.integers(1, 9999)}.{rng.integers(0, 100):02}"


def code(rng: Rng) -> str:
    letters = "".join(rng.choice(list(string.ascii_uppercase), 3))
    return f"{letters}-{number(rng, 5)}"


def date(rng: Rng) -> str:
    return f"{rng.integers(1, 29):02}.{rng.integers(1, 13):02}.{rng.integers(1990, 2030)}"


def colour(rng: Rng, low: int = 0, high: int = 256) -> Colour:
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return red, green, blue


def page(
    size: tuple[int, int], fill: Colour = (255, 255, 255)
) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", size, fill)
    return image, ImageDraw.Draw(image)


@functools.cache
def photo_files() -> tuple[str, ...]:
    """Return the sample photos that are not edited copies, sorted."""
    folders = ("2023", "2024")
    return tuple(sorted(str(p) for folder in folders for p in (PHOTOS / folder).rglob("*.jpg")))


def photo(rng: Rng, size: tuple[int, int]) -> Image.Image:
    """Return a random crop of a sample photo in `size` (width, height)."""
    files = photo_files()
    with Image.open(files[int(rng.integers(len(files)))]) as opened:
        image = opened.convert("RGB")
    share = float(rng.uniform(0.6, 1.0))
    ratio = size[0] / size[1]
    width = share * min(image.width, image.height * ratio)
    height = width / ratio
    left = float(rng.uniform(0, image.width - width))
    top = float(rng.uniform(0, image.height - height))
    box = (left, top, left + width, top + height)
    return image.resize(size, Image.Resampling.LANCZOS, box)


def noise_field(rng: Rng, size: tuple[int, int], octaves: int = 6) -> np.ndarray:
    """Return (height, width) float32 fractal noise in [0, 1]."""
    width, height = size
    field = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = rng.normal(0, 1, (3 * 2**octave + 1, 3 * 2**octave + 1)).astype(np.float32)
        field += cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    low, high = float(field.min()), float(field.max())
    return (field - low) / (high - low)
