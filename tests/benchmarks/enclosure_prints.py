"""Layouts without a program: stories, blurred margins, frames, collages, slides."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from enclosure_layouts import cover, fit, gradient, icons, paste_round, status, write
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter


def _mean(photo: Image.Image, gain: float) -> list[float]:
    mean = np.asarray(photo.resize((8, 8)), np.float64).mean(axis=(0, 1))
    return [float(min(255.0, gain * value)) for value in mean]


def story_gradient(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    width, height = 720, 1280
    screen = gradient(width, height, _mean(photo, 0.6), _mean(photo, 1.3))
    shown = fit(photo, width, round(0.75 * height))
    top = (height - shown.height) // 2
    screen.paste(shown, ((width - shown.width) // 2, top))
    draw = ImageDraw.Draw(screen)
    for part in range(3):
        draw.rectangle((20 + 230 * part, 16, 235 + 230 * part, 20), "white" if part < 2 else "#aaa")
    draw.ellipse((24, 36, 84, 96), "#e33")
    write(screen, (100, 50, 400, 84), 1, "white", rng)
    draw.rounded_rectangle((24, height - 90, width - 160, height - 30), 30, outline="white")
    icons(screen, (width - 140, height - 80, width - 20, height - 40), 2, "white", rng)
    return screen


def story_card(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    width, height = 720, 1280
    tone = rng.choice(("#ffd6e0", "#c8f0e0", "#2b1b4a", "#ffe9a8"))
    screen = Image.new("RGB", (width, height), tone)
    ink = "white" if tone == "#2b1b4a" else "#333"
    shown = fit(photo, round(0.82 * width), round(0.62 * height))
    at = ((width - shown.width) // 2, (height - shown.height) // 2)
    paste_round(screen, shown, at, 36)
    write(screen, (80, at[1] - 120, width - 80, at[1] - 30), 2, ink, rng)
    status(screen, ink, rng)
    write(screen, (160, at[1] + shown.height + 40, width - 160, at[1] + shown.height + 90), 1, ink,
          rng)  # fmt: skip
    return screen


def _blurred(photo: Image.Image, size: tuple[int, int], radius: float, gain: float) -> Image.Image:
    back = cover(photo, *size).filter(ImageFilter.GaussianBlur(radius))
    screen = ImageEnhance.Brightness(back).enhance(gain)
    shown = fit(photo, *size)
    screen.paste(shown, ((size[0] - shown.width) // 2, (size[1] - shown.height) // 2))
    return screen


def blurred_fill(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    size = (720, 1280) if photo.width >= photo.height else (1280, 720)
    return _blurred(photo, size, rng.uniform(14, 26), 1.0)


def blurred_square(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    wide = photo.width / photo.height
    size = (1080, 1080) if not 0.8 < wide < 1.25 else (1280, 720)
    return _blurred(photo, size, rng.uniform(20, 40), rng.uniform(0.6, 0.9))


def _texture(width: int, height: int, tone: Sequence[int], grain: float, seed: int) -> Image.Image:
    source = np.random.default_rng(seed)
    fine = source.normal(0, grain, (height, width, 1))
    coarse = np.asarray(
        Image.fromarray(source.normal(0, grain, (9, 9)).astype(np.float32)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
    )[..., None]
    return Image.fromarray((np.array(tone) + fine + 2 * coarse).clip(0, 255).astype(np.uint8))


def polaroid(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    shown = fit(photo, 640, 640)
    side, foot = round(0.06 * shown.width), round(0.22 * shown.width)
    width, height = shown.width + 2 * side, shown.height + side + foot
    card = Image.new("RGB", (width, height), (250, 248, 242))
    card.paste(shown, (side, side))
    lines = (2 * side, height - round(0.7 * foot), width - 2 * side, height - round(0.2 * foot))
    write(card, lines, 1, "#445", rng)
    tone = rng.choice(((120, 92, 66), (70, 80, 90), (190, 186, 178)))
    table = _texture(round(1.3 * width), round(1.25 * height), tone, 5, rng.randrange(1 << 30))
    table.paste(card, ((table.width - width) // 2, (table.height - height) // 2))
    return table


def wall_frame(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    shown = fit(photo, 620, 620)
    mat, wood = round(0.09 * max(shown.size)), round(0.05 * max(shown.size))
    edge = mat + wood
    tone = rng.choice(((92, 58, 34), (30, 30, 30), (188, 152, 92)))
    frame = _texture(shown.width + 2 * edge, shown.height + 2 * edge, tone, 6, rng.randrange(99))
    inner = Image.new("RGB", (shown.width + 2 * mat, shown.height + 2 * mat), (240, 238, 230))
    inner.paste(shown, (mat, mat))
    frame.paste(inner, (wood, wood))
    size = (round(1.5 * frame.width), round(1.4 * frame.height))
    wall = gradient(*size, (205, 200, 190), (170, 166, 160))
    at = (round(rng.uniform(0.3, 0.7) * (size[0] - frame.width)), (size[1] - frame.height) // 2)
    wall.paste(frame, at)
    return wall


def collage_grid(
    photo: Image.Image, others: Sequence[Image.Image], rng: random.Random
) -> Image.Image:
    cells = [photo, *others[:3]]
    rng.shuffle(cells)
    side, gap = 480, rng.choice((8, 14, 20))
    board = Image.new("RGB", (2 * side + 3 * gap,) * 2, rng.choice(("white", "black", "#f5e9d8")))
    for number, cell in enumerate(cells):
        x, y = (gap + (side + gap) * at for at in (number % 2, number // 2))
        board.paste(cover(cell, side, side), (x, y))
    return board


def collage_rows(
    photo: Image.Image, others: Sequence[Image.Image], rng: random.Random
) -> Image.Image:
    cells = [photo, *others[:2]]
    rng.shuffle(cells)
    gap = rng.choice((0, 4, 10))
    board = Image.new("RGB", (960, 960 + gap), rng.choice(("white", "#222")))
    board.paste(cover(cells[0], 960, 540), (0, 0))
    half = (960 - gap) // 2
    board.paste(cover(cells[1], half, 420), (0, 540 + gap))
    board.paste(cover(cells[2], half, 420), (960 - half, 540 + gap))
    return board


def slide_light(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    slide = Image.new("RGB", (1280, 720), "white")
    write(slide, (70, 50, 1000, 110), 1, "#1f3864", rng)
    shown = fit(photo, 600, 480)
    slide.paste(shown, (1220 - shown.width, 150 + (480 - shown.height) // 2))
    write(slide, (70, 170, 1180 - shown.width, 500), rng.randrange(4, 7), "#333", rng)
    ImageDraw.Draw(slide).rectangle((0, 700, 1280, 720), "#1f3864")
    return slide


def slide_dark(photo: Image.Image, _: Sequence[Image.Image], rng: random.Random) -> Image.Image:
    slide = gradient(1280, 720, (20, 30, 60), (50, 20, 70))
    shown = fit(photo, 520, 420)
    slide.paste(shown, (90, 160))
    write(slide, (90, 60, 900, 110), 1, "white", rng)
    write(slide, (90, 180 + shown.height, 90 + shown.width, 210 + shown.height), 1, "#ccc", rng)
    write(slide, (150 + shown.width, 180, 1200, 480), rng.randrange(4, 7), "#eee", rng)
    return slide


def inset_on_photo(
    photo: Image.Image, others: Sequence[Image.Image], rng: random.Random
) -> Image.Image:
    host = others[0].resize((1200, 900), Image.Resampling.LANCZOS)
    shown = fit(photo, round(rng.uniform(0.4, 0.5) * 1200), 400)
    x = rng.choice((40, 1160 - shown.width))
    y = rng.choice((40, 860 - shown.height))
    edge = rng.choice((4, 8))
    card = Image.new("RGB", (shown.width + 2 * edge, shown.height + 2 * edge), "white")
    card.paste(shown, (edge, edge))
    host.paste(card, (x - edge, y - edge))
    return host
