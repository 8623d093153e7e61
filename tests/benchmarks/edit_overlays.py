"""Everyday edits that add something: letters, figures, lines, margins, bars of a program."""

from __future__ import annotations

import math
import random

import numpy as np
from edit_families import Change, Colour, to_image
from PIL import Image, ImageDraw, ImageFont


def meme(upper: str, lower: str, size: float) -> Change:
    """Write white letters with a black outline at the upper and lower edge."""

    def change(photo: Image.Image, _rng: random.Random) -> Image.Image:
        picture = photo.copy()
        draw = ImageDraw.Draw(picture)
        font = ImageFont.load_default(max(10, size * photo.height))
        stroke = max(1, round(size * photo.height / 12))
        for text, y, anchor in ((upper, 0.02, "ma"), (lower, 0.98, "md")):
            draw.text(
                (photo.width / 2, y * photo.height), text, "white", font,
                anchor=anchor, stroke_width=stroke, stroke_fill="black",
            )  # fmt: skip
        return picture

    return change


def caption(
    text: str, band: tuple[float, float], fill: Colour, ink: Colour, alpha: float
) -> Change:
    """Lay a band of one colour over part of the height, and write on it."""

    def change(photo: Image.Image, _rng: random.Random) -> Image.Image:
        layer = photo.copy()
        draw = ImageDraw.Draw(layer)
        top, bottom = (share * photo.height for share in band)
        draw.rectangle((0, top, photo.width, bottom), fill)
        mixed = Image.blend(photo, layer, alpha)
        font = ImageFont.load_default(max(9, 0.5 * (bottom - top)))
        ImageDraw.Draw(mixed).text((0.04 * photo.width, (top + bottom) / 2), text, ink, font,
                                   anchor="lm")  # fmt: skip
        return mixed

    return change


def stickers(shape: str, number: int, size: float, colours: tuple[Colour, ...]) -> Change:
    """Paste figures anywhere: `smile`, `star`, `heart`, `arrow` or `photo` (another picture)."""

    def change(photo: Image.Image, rng: random.Random) -> Image.Image:
        picture = photo.copy()
        side = round(size * min(photo.size))
        for count in range(number):
            figure, mask = _figure(shape, 4 * max(8, side), colours, count)
            at = (rng.randint(0, photo.width - side), rng.randint(0, photo.height - side))
            box = (side, side)
            picture.paste(figure.resize(box, Image.Resampling.LANCZOS), at, mask.resize(box))
        return picture

    return change


def _figure(
    shape: str, side: int, colours: tuple[Colour, ...], count: int
) -> tuple[Image.Image, Image.Image]:
    figure, mask = Image.new("RGB", (side, side), colours[-1]), Image.new("L", (side, side))
    ink, cover = ImageDraw.Draw(figure), ImageDraw.Draw(mask)
    fill = colours[count % len(colours)]
    box = [0.05 * side, 0.05 * side, 0.95 * side, 0.95 * side]
    if shape == "photo":
        y, x = np.mgrid[:side, :side] / side
        waves = [np.sin(9 * x + k * y * 7 + count) * np.cos(5 * y - k) for k in range(3)]
        return to_image(128 + 110 * np.stack(waves, -1)), Image.new("L", (side, side), 255)
    if shape == "smile":
        cover.ellipse(box, 255)
        ink.ellipse(box, fill, "black", side // 40)
        for x in (0.33, 0.67):
            ink.ellipse([(x - 0.06) * side, 0.28 * side, (x + 0.06) * side, 0.46 * side], "black")
        ink.chord([0.25 * side, 0.4 * side, 0.75 * side, 0.8 * side], 0, 180, (200, 30, 40))
        return figure, mask
    outlines = {
        "star": [(0.5 + (0.48 if k % 2 == 0 else 0.2) * math.sin(math.pi * k / 5),
                  0.5 - (0.48 if k % 2 == 0 else 0.2) * math.cos(math.pi * k / 5))
                 for k in range(10)],
        "heart": [(0.5 + 0.029 * 16 * math.sin(t) ** 3,
                   0.47 - 0.029 * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t)))
                  for t in np.linspace(0, 2 * math.pi, 60)],
        "arrow": [(0.02, 0.4), (0.6, 0.4), (0.6, 0.15), (0.98, 0.5), (0.6, 0.85), (0.6, 0.6),
                  (0.02, 0.6)],
    }  # fmt: skip
    points = [(x * side, y * side) for x, y in outlines[shape]]
    cover.polygon(points, 255)
    ink.polygon(points, fill, colours[-1], side // 25)
    return figure, mask


def scribble(colour: Colour, width: float, turns: int) -> Change:
    """Draw a freehand line over the picture."""

    def change(photo: Image.Image, rng: random.Random) -> Image.Image:
        picture = photo.copy()
        points = [
            (rng.uniform(0.1, 0.9) * photo.width, rng.uniform(0.1, 0.9) * photo.height)
            for _ in range(turns)
        ]
        thick = max(2, round(width * min(photo.size)))
        ImageDraw.Draw(picture).line(points, colour, thick, "curve")
        return picture

    return change


def ellipse(colour: Colour, width: float, *, filled: bool = False) -> Change:
    """Ring a part of the picture, or cover it."""

    def change(photo: Image.Image, rng: random.Random) -> Image.Image:
        picture = photo.copy()
        x, y = rng.uniform(0.3, 0.7) * photo.width, rng.uniform(0.3, 0.7) * photo.height
        half = 0.2 * min(photo.size)
        box = (x - half, y - 0.7 * half, x + half, y + 0.7 * half)
        thick = max(2, round(width * min(photo.size)))
        ImageDraw.Draw(picture).ellipse(box, colour if filled else None, colour, thick)
        return picture

    return change


def stamp(text: str, colour: Colour, size: float, at: tuple[float, float]) -> Change:
    """Write a date or a name."""

    def change(photo: Image.Image, _rng: random.Random) -> Image.Image:
        picture = photo.copy()
        font = ImageFont.load_default(max(9, size * photo.height))
        place = (at[0] * photo.width, at[1] * photo.height)
        ImageDraw.Draw(picture).text(place, text, colour, font, anchor="mm")
        return picture

    return change


def tiled_mark(text: str, alpha: float, step: float) -> Change:
    """Repeat a pale slanted text over the whole picture."""

    def change(photo: Image.Image, _rng: random.Random) -> Image.Image:
        side = 2 * max(photo.size)
        mask = Image.new("L", (side, side))
        draw, font = ImageDraw.Draw(mask), ImageFont.load_default(max(10, 0.05 * photo.height))
        for y in range(0, side, max(8, round(step * photo.height))):
            for x in range(0, side, max(8, round(2.5 * step * photo.height))):
                draw.text((x, y), text, round(255 * alpha), font)
        mask = mask.rotate(30).crop((side // 4, side // 4, side // 4 + photo.width,
                                     side // 4 + photo.height))  # fmt: skip
        return Image.composite(Image.new("RGB", photo.size, "white"), photo, mask)

    return change


def frame(edges: tuple[float, float, float, float], colour: Colour) -> Change:
    """Add a margin of one colour; left, top, right, bottom as shares of the shorter side."""

    def change(photo: Image.Image, _rng: random.Random) -> Image.Image:
        left, top, right, bottom = (round(edge * min(photo.size)) for edge in edges)
        size = (photo.width + left + right, photo.height + top + bottom)
        framed = Image.new("RGB", size, colour)
        framed.paste(photo, (left, top))
        return framed

    return change


def interface(bar: float, *, dark: bool) -> Change:
    """Take a screenshot of a viewer: a bar with symbols above, one below, margins beside."""

    def change(photo: Image.Image, rng: random.Random) -> Image.Image:
        back, ink = ((24, 24, 28), (220, 220, 225)) if dark else ((250, 250, 252), (60, 60, 70))
        picture = frame((0.03, bar, 0.03, 1.4 * bar), back)(photo, rng)
        draw = ImageDraw.Draw(picture)
        side = bar * min(photo.size)
        for number in range(5):
            x = (0.15 + 0.17 * number) * picture.width
            y = picture.height - 0.7 * side
            draw.ellipse((x - 0.25 * side, y - 0.25 * side, x + 0.25 * side, y + 0.25 * side),
                         None, ink, max(1, round(side / 16)))  # fmt: skip
        font = ImageFont.load_default(max(9, 0.45 * side))
        draw.text((0.05 * picture.width, side / 2), "Album  12:40", ink, font, anchor="lm")
        return picture

    return change
