"""Layouts that show a photo inside something: screens of programs, frames, collages, slides.

Each takes the photo, other photos and a random source, and returns the picture. TUNING and HELD_OUT
have the same kinds in different layouts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

Layout = Callable[[Image.Image, Sequence[Image.Image], random.Random], Image.Image]
Box = tuple[int, int, int, int]

_WORDS = ("the", "last", "day", "of", "summer", "by", "lake", "with", "all", "us", "and", "dog")


def fit(photo: Image.Image, width: int, height: int) -> Image.Image:
    """Return the whole photo at the largest size in a frame."""
    return ImageOps.contain(photo, (max(8, width), max(8, height)), Image.Resampling.LANCZOS)


def cover(photo: Image.Image, width: int, height: int) -> Image.Image:
    """Return the middle of the photo that fills a frame."""
    return ImageOps.fit(photo, (width, height), Image.Resampling.LANCZOS)


def write(screen: Image.Image, box: Box, lines: int, ink: str, rng: random.Random) -> None:
    """Fill a box with lines of words."""
    draw = ImageDraw.Draw(screen)
    left, top, right, bottom = box
    height = (bottom - top) / max(1, lines)
    font = ImageFont.load_default(max(8, 0.62 * height))
    for line in range(lines):
        text, limit = "", (right - left) * rng.uniform(0.6, 1.0)
        while draw.textlength(text, font) < limit - 6 * height / 2:
            text += rng.choice(_WORDS) + " "
        draw.text((left, top + line * height), text, ink, font)


def icons(screen: Image.Image, box: Box, count: int, ink: str, rng: random.Random) -> None:
    """Draw a row of simple icons that fills a box."""
    draw = ImageDraw.Draw(screen)
    left, top, right, bottom = box
    side = bottom - top
    for number in range(count):
        x = left + (right - left - side) * number / max(1, count - 1)
        place = (x, top, x + side, bottom)
        kind = rng.randrange(4)
        width = max(1, side // 12)
        if kind == 0:
            draw.ellipse(place, outline=ink, width=width)
        elif kind == 1:
            draw.rounded_rectangle(place, side // 5, outline=ink, width=width)
        elif kind == 2:
            draw.line((x, top, x + side, bottom), ink, width)
            draw.line((x, bottom, x + side, top), ink, width)
        else:
            draw.polygon([(x, bottom), (x + side / 2, top), (x + side, bottom)], outline=ink)


def paste_round(screen: Image.Image, photo: Image.Image, at: tuple[int, int], radius: int) -> None:
    """Paste a photo with round corners."""
    mask = Image.new("L", photo.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, *photo.size), radius, 255)
    screen.paste(photo, at, mask)


def gradient(width: int, height: int, top: Sequence[float], bottom: Sequence[float]) -> Image.Image:
    """Return a vertical gradient."""
    share = np.linspace(0, 1, height)[:, None, None]
    rows = (1 - share) * np.array(top) + share * np.array(bottom)
    return Image.fromarray(np.repeat(rows, width, axis=1).astype(np.uint8))


def status(screen: Image.Image, ink: str, rng: random.Random) -> None:
    """Draw time and icons along the upper edge of a telephone's screen."""
    bar = max(10, screen.width // 24)
    draw = ImageDraw.Draw(screen)
    clock = f"{rng.randrange(24)}:{rng.randrange(60):02}"
    draw.text((bar, bar // 2), clock, ink, ImageFont.load_default(0.8 * bar))
    icons(screen, (screen.width - 5 * bar, bar // 2, screen.width - bar, 3 * bar // 2), 3, ink, rng)


def _phone(rng: random.Random) -> tuple[int, int]:
    return rng.choice(((720, 1560), (750, 1334), (828, 1792), (640, 1136)))


def gallery_phone(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    width, height = _phone(rng)
    dark = rng.random() < 0.6
    screen = Image.new("RGB", (width, height), "black" if dark else "white")
    ink = "white" if dark else "black"
    shown = fit(photo, width, round(0.8 * height))
    screen.paste(shown, ((width - shown.width) // 2, (height - shown.height) // 2))
    status(screen, ink, rng)
    low = round(0.93 * height)
    icons(screen, (width // 10, low, width - width // 10, low + width // 16), 5, ink, rng)
    return screen


def gallery_desktop(
    photo: Image.Image, others: Sequence[Image.Image], rng: random.Random
) -> Image.Image:
    width, height = rng.choice(((1280, 800), (1366, 768), (1440, 900)))
    screen = Image.new("RGB", (width, height), rng.choice(("#202124", "#2b2b2b", "#e8e8e8")))
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, width, 40), "#3a3d42")
    icons(screen, (20, 12, width // 4, 28), 6, "white", rng)
    write(screen, (width // 3, 10, 2 * width // 3, 30), 1, "white", rng)
    shown = fit(photo, width - 80, height - 180)
    screen.paste(shown, ((width - shown.width) // 2, 52 + (height - 180 - shown.height) // 2))
    side = 72
    for place in range((width - 40) // (side + 6)):
        thumb = cover(others[place % len(others)], side, side)
        screen.paste(thumb, (20 + place * (side + 6), height - 90))
    return screen


def feed_light(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    width, height = _phone(rng)
    screen = Image.new("RGB", (width, height), "white")
    status(screen, "black", rng)
    draw = ImageDraw.Draw(screen)
    unit = width // 20
    top = round(rng.uniform(0.08, 0.16) * height)
    draw.ellipse((unit, top, 3 * unit, top + 2 * unit), rng.choice(("#c33", "#39c", "#595")))
    write(screen, (4 * unit, top, 12 * unit, top + 2 * unit), 2, "black", rng)
    shown = fit(photo, width, round(0.62 * height))
    if shown.width < width:
        shown = cover(photo, width, round(0.6 * height))
    top += 3 * unit
    screen.paste(shown, (0, top))
    top += shown.height + unit
    icons(screen, (unit, top, 9 * unit, top + unit + unit // 3), 4, "black", rng)
    write(screen, (unit, top + 2 * unit, width - unit, top + 6 * unit), 3, "#222", rng)
    return screen


def feed_cards(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    width, height = _phone(rng)
    screen = Image.new("RGB", (width, height), "#15202b")
    status(screen, "white", rng)
    unit = width // 20
    draw = ImageDraw.Draw(screen)
    top = round(rng.uniform(0.07, 0.12) * height)
    draw.ellipse((unit, top, 3 * unit, top + 2 * unit), rng.choice(("#fb3", "#39c", "#b6e")))
    write(screen, (4 * unit, top, width - unit, top + 5 * unit), 4, "#eee", rng)
    top += 6 * unit
    shown = fit(photo, width - 5 * unit, round(0.5 * height))
    paste_round(screen, shown, (4 * unit, top), unit // 2)
    top += shown.height + unit
    icons(screen, (4 * unit, top, width - 2 * unit, top + unit), 4, "#8899a6", rng)
    top += 3 * unit
    draw.line((0, top, width, top), "#38444d")
    draw.ellipse((unit, top + unit, 3 * unit, top + 3 * unit), "#777")
    write(screen, (4 * unit, top + unit, width - unit, top + 7 * unit), 5, "#eee", rng)
    return screen


def chat_wallpaper(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    width, height = _phone(rng)
    screen = Image.new("RGB", (width, height), rng.choice(("#e5ddd5", "#d8e6d0", "#cfdcec")))
    unit = width // 20
    for _number in range(90):
        x, y = rng.randrange(width), rng.randrange(height)
        icons(screen, (x, y, x + unit, y + unit), 1, "#d3cbc2", rng)
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, width, 4 * unit), "#075e54")
    write(screen, (3 * unit, 2 * unit, 12 * unit, 3 * unit), 1, "white", rng)
    status(screen, "white", rng)
    top = 5 * unit
    draw.rounded_rectangle((unit, top, 13 * unit, top + 4 * unit), unit // 2, "white")
    write(screen, (2 * unit, top + unit // 2, 12 * unit, top + 7 * unit // 2), 3, "#111", rng)
    top += 5 * unit
    shown = fit(photo, round(rng.uniform(0.6, 0.72) * width), round(0.45 * height))
    left = width - shown.width - 2 * unit
    pad = max(3, unit // 4)
    bubble = (left - pad, top - pad, left + shown.width + pad, top + shown.height + pad)
    draw.rounded_rectangle(bubble, unit // 2, "#dcf8c6")
    paste_round(screen, shown, (left, top), unit // 3)
    top += shown.height + 2 * unit
    draw.rounded_rectangle((unit, top, 10 * unit, top + 3 * unit), unit // 2, "white")
    write(screen, (2 * unit, top + unit // 2, 9 * unit, top + 5 * unit // 2), 2, "#111", rng)
    draw.rounded_rectangle(
        (unit, height - 3 * unit, width - 3 * unit, height - unit), unit, "white"
    )
    return screen


def chat_plain(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    width, height = _phone(rng)
    dark = rng.random() < 0.5
    screen = Image.new("RGB", (width, height), "#000000" if dark else "#ffffff")
    status(screen, "white" if dark else "black", rng)
    unit = width // 20
    draw = ImageDraw.Draw(screen)
    bubble, ink = ("#26252a", "white") if dark else ("#e9e9eb", "black")
    top = 4 * unit
    for _number in range(rng.randrange(1, 3)):
        draw.rounded_rectangle((unit, top, 12 * unit, top + 3 * unit), unit, bubble)
        write(screen, (2 * unit, top + unit // 2, 11 * unit, top + 5 * unit // 2), 2, ink, rng)
        top += 4 * unit
    shown = fit(photo, round(rng.uniform(0.55, 0.68) * width), round(0.42 * height))
    at = unit if rng.random() < 0.5 else width - shown.width - unit
    paste_round(screen, shown, (at, top), unit)
    top += shown.height + unit
    draw.rounded_rectangle((8 * unit, top, 19 * unit, top + 3 * unit), unit, "#0b84fe")
    write(screen, (9 * unit, top + unit // 2, 18 * unit, top + 5 * unit // 2), 2, "white", rng)
    return screen
