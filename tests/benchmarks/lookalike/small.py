"""Draw small pictures: icons, emoji, flags, sprites, glyphs, faces; each set in one manner."""

from __future__ import annotations

import math
import string

import cv2
import numpy as np
from PIL import Image, ImageDraw

from lookalike.brush import Colour, Draw, Kind, Rng, choose_font, colour, page

_SCALE = 4  # drawn so many times larger, then reduced


def _reduce(image: Image.Image) -> Image.Image:
    size = (image.width // _SCALE, image.height // _SCALE)
    return image.resize(size, Image.Resampling.LANCZOS)


def _symbol(draw: ImageDraw.ImageDraw, rng: Rng, side: int, ink: Colour) -> None:
    """Draw one of several simple symbols into the middle of a square."""
    low, high = side * 0.28, side * 0.72
    middle, thick = side / 2, max(2, side // 16)
    style = int(rng.integers(7))
    if style == 0:
        draw.ellipse((low, low, high, high), outline=ink, width=thick)
        end = middle + (high - low) / 2
        draw.line((middle, middle, end, end + thick), fill=ink, width=2 * thick)
    elif style == 1:
        turn = float(rng.uniform(0, 360))
        draw.regular_polygon((middle, middle, side / 4), int(rng.integers(3, 8)), turn, fill=ink)
    elif style == 2:
        for bar in range(int(rng.integers(2, 5))):
            y = low + bar * (high - low) / 4
            draw.rectangle(
                (low, y, low + float(rng.uniform(0.3, 1)) * (high - low), y + thick), ink
            )
    elif style == 3:
        start = float(rng.uniform(0, 360))
        draw.pieslice((low, low, high, high), start, start + float(rng.uniform(60, 300)), fill=ink)
    elif style == 4:
        points = [(float(x), float(y)) for x, y in rng.uniform(low, high, (3, 2))]
        draw.line(points, fill=ink, width=2 * thick, joint="curve")
    elif style == 5:
        draw.rectangle((low, low, high, high), outline=ink, width=thick)
        draw.line((low, middle, high, middle), fill=ink, width=thick)
        x = float(rng.uniform(low, high))
        draw.line((x, low, x, high), fill=ink, width=thick)
    else:
        draw.arc((low, low, high, high), 200, 340, fill=ink, width=2 * thick)
        y = middle + float(rng.uniform(-0.1, 0.15)) * side
        draw.ellipse((middle - thick, y, middle + 2 * thick, y + 3 * thick), fill=ink)


def icon(look: Rng, content: Rng) -> Image.Image:
    """One base (sheet, folder, disc, tile) with other symbols."""
    side = int(look.choice([48, 64, 128])) * _SCALE
    image, draw = page((side, side))
    base, fill, edge = int(look.integers(4)), colour(look, 120, 256), colour(look, 0, 120)
    low, high, thick = side * 0.1, side * 0.9, max(4, side // 40)
    if base == 0:
        draw.rectangle((side * 0.2, low, side * 0.8, high), fill=fill, outline=edge, width=thick)
    elif base == 1:
        draw.rectangle((low, side * 0.2, side * 0.5, side * 0.4), fill=edge)
        draw.rounded_rectangle((low, side * 0.28, high, side * 0.85), side // 20, fill, edge, thick)
    elif base == 2:
        draw.ellipse((low, low, high, high), fill=fill, outline=edge, width=thick)
    else:
        draw.rounded_rectangle((low, low, high, high), side // 6, fill=fill)
    _symbol(draw, content, side, edge if look.random() < 0.5 else colour(look))
    return _reduce(image)


def letter_icon(look: Rng, content: Rng) -> Image.Image:
    """A coloured tile with another letter or digit."""
    side = int(look.choice([32, 48, 96, 128])) * _SCALE
    image, draw = page((side, side))
    box = (side // 16, side // 16, side * 15 // 16, side * 15 // 16)
    draw.rounded_rectangle(box, side // int(look.integers(3, 12)), fill=colour(look, 0, 200))
    text = "".join(content.choice(list(string.ascii_uppercase), 2))
    font = choose_font(look)(side // 2)
    draw.text((side / 2, side / 2), text, font=font, fill=(255, 255, 255), anchor="mm")
    return _reduce(image)


def emoji(look: Rng, content: Rng) -> Image.Image:
    """One face with other eyes, brows, mouths and extras."""
    side = int(look.choice([64, 72, 96])) * _SCALE
    image, draw = page((side, side))
    skin, ink = (255, 204, int(look.integers(40, 120))), (60, 40, 10)
    draw.ellipse((side * 0.05, side * 0.05, side * 0.95, side * 0.95), fill=skin)
    thick = side // 24
    for x in (0.33, 0.67):
        box = (side * (x - 0.07), side * 0.32, side * (x + 0.07), side * 0.48)
        style = int(content.integers(4))
        if style == 0:
            draw.ellipse(box, fill=ink)
        elif style == 1:
            draw.arc(box, 180, 360, fill=ink, width=thick)
        elif style == 2:
            draw.ellipse(box, fill=(255, 255, 255), outline=ink, width=thick // 2)
            draw.ellipse((side * x - thick, side * 0.38, side * x + thick, side * 0.44), fill=ink)
        else:
            draw.line((box[0], side * 0.4, box[2], side * 0.4), fill=ink, width=thick)
    wide, y = float(content.uniform(0.12, 0.28)), side * float(content.uniform(0.6, 0.68))
    box = (side * (0.5 - wide), y - side * 0.1, side * (0.5 + wide), y + side * 0.16)
    style = int(content.integers(4))
    if style == 0:
        draw.arc(box, 20, 160, fill=ink, width=thick)
    elif style == 1:
        draw.arc(box, 200, 340, fill=ink, width=thick)
    elif style == 2:
        draw.chord(box, 0, 180, fill=(120, 30, 30))
    else:
        draw.ellipse((side * 0.44, y, side * 0.56, y + side * 0.14), fill=(120, 30, 30))
    if content.random() < 0.3:
        drop = side * float(content.choice([0.2, 0.72]))
        draw.ellipse((drop, side * 0.5, drop + side * 0.08, side * 0.64), fill=(80, 160, 255))
    return _reduce(image)


def flag(look: Rng, content: Rng) -> Image.Image:
    """Stripes and an emblem in other colours."""
    width = int(look.choice([48, 64, 120])) * _SCALE
    height = width * 2 // 3
    image, draw = page((width, height))
    count, lying = int(look.integers(2, 5)), look.random() < 0.5
    palette = [(200, 16, 46), (0, 90, 180), (0, 140, 70), (255, 205, 0), (255, 255, 255), (0, 0, 0)]
    picks = content.permutation(len(palette))
    for stripe in range(count):
        start, end = stripe / count, (stripe + 1) / count
        box = (0, start * height, width, end * height) if lying else (start * width, 0, end * width, height)  # fmt: skip  # noqa: E501
        draw.rectangle(box, fill=palette[int(picks[stripe])])
    if look.random() < 0.5:
        place = (width / 2, height / 2, height / 6)
        draw.regular_polygon(place, int(content.integers(3, 7)), fill=palette[int(picks[-1])])
    return _reduce(image)


def _sprite(look: Rng, content: Rng, cells: int) -> Image.Image:
    """A symmetric figure of square cells of which some differ."""
    palette = np.array([colour(look) for _ in range(4)] + [colour(look, 200, 256)], np.uint8)
    half = look.integers(0, 5, (cells, cells // 2))
    changed = content.random(half.shape) < float(look.uniform(0.05, 0.3))
    half = np.where(changed, content.integers(0, 5, half.shape), half)
    pixels = palette[np.hstack([half, half[:, ::-1]])]
    scale = int(look.choice([2, 3, 4]))
    return Image.fromarray(np.kron(pixels, np.ones((scale, scale, 1), np.uint8)))


def sprite(look: Rng, content: Rng) -> Image.Image:
    """A figure of 12 or 16 cells; other cells."""
    return _sprite(look, content, int(look.choice([12, 16])))


def recoloured_sprite(look: Rng, content: Rng) -> Image.Image:
    """A figure in another set of colours, as of another team."""
    cells = int(look.choice([12, 16, 24]))
    half = look.integers(0, 4, (cells, cells // 2))
    palette = np.array([(255, 255, 255), colour(content), colour(content), colour(look)], np.uint8)
    pixels = palette[np.hstack([half, half[:, ::-1]])]
    return Image.fromarray(np.kron(pixels, np.ones((3, 3, 1), np.uint8)))


def walker(look: Rng, content: Rng) -> Image.Image:
    """A figure with arms and legs that swing."""
    side = int(look.choice([32, 48, 64])) * _SCALE
    image, draw = page((side, side))
    skin, cloth, thick = colour(look, 120, 256), colour(look), side // 12
    head, hip = (side / 2, side * 0.2), (side / 2, side * 0.6)
    draw.line((side / 2, side * 0.28, *hip), fill=cloth, width=2 * thick)
    draw.ellipse((head[0] - thick, head[1] - thick, head[0] + thick, head[1] + thick), fill=skin)
    for joint, length in ((hip, 0.32), (hip, 0.32), ((side / 2, side * 0.35), 0.25)):
        angle = float(content.uniform(-0.9, 0.9))
        end = (
            joint[0] + math.sin(angle) * length * side,
            joint[1] + math.cos(angle) * length * side,
        )
        draw.line((*joint, *end), fill=cloth, width=thick)
    return _reduce(image)


def face(look: Rng, content: Rng) -> Image.Image:
    """A grey face of 24 to 32 pixels: another person in the same light."""
    side = int(look.choice([24, 28, 32])) * 8
    pixels = np.full((side, side), float(look.uniform(40, 120)), np.float32)

    def spot(x: float, y: float, wide: float, high: float, level: float) -> None:
        axes = (int(wide * side), int(high * side))
        cv2.ellipse(pixels, (int(x * side), int(y * side)), axes, 0, 0, 360, level, -1)

    wide = float(content.uniform(0.3, 0.4))
    spot(0.5, 0.45, wide + 0.06, 0.44, float(content.uniform(10, 120)))
    spot(0.5, 0.55, wide, 0.42, float(look.uniform(150, 200)))
    eyes, apart = float(content.uniform(0.42, 0.5)), float(content.uniform(0.13, 0.2))
    for x in (0.5 - apart, 0.5 + apart):
        spot(x, eyes, 0.07, float(content.uniform(0.02, 0.05)), 60)
        spot(x, eyes - 0.08, 0.09, 0.02, float(content.uniform(40, 130)))
    spot(0.5, 0.62, float(content.uniform(0.03, 0.07)), 0.1, 140)
    spot(0.5, 0.78, float(content.uniform(0.08, 0.18)), float(content.uniform(0.02, 0.05)), 90)
    small = cv2.resize(cv2.GaussianBlur(pixels, (0, 0), 6), None, fx=1 / 8, fy=1 / 8,
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    noise = content.normal(0, 3, small.shape)
    return Image.fromarray((small + noise).clip(0, 255).astype(np.uint8)).convert("RGB")


def _kind(draw: Draw, *, held_out: bool = False) -> Kind:
    return Kind(draw.__name__.replace("_", " "), draw, held_out, variants=5, small=True)


KINDS = (
    *(_kind(draw) for draw in (icon, emoji, sprite, face)),
    *(_kind(draw, held_out=True) for draw in (letter_icon, flag, recoloured_sprite, walker)),
)
