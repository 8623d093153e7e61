"""Draw documents: one layout, other names, digits, words or notes."""

from __future__ import annotations

import calendar

from PIL import Image

from lookalike.brush import (
    Draw,
    Kind,
    Rng,
    amount,
    choose_font,
    code,
    colour,
    date,
    number,
    page,
    word,
    words,
)

PAPERS = ((1240, 1754), (850, 1100), (1654, 2339), (620, 877))  # width, height in pixels


def _paper(look: Rng) -> tuple[tuple[int, int], int]:
    """Return a size of paper and the height of its text in pixels."""
    width, height = PAPERS[int(look.integers(len(PAPERS)))]
    return (width, height), max(10, round(width / float(look.uniform(45, 75))))


def invoice(look: Rng, content: Rng) -> Image.Image:
    """A letterhead and a table; other numbers, dates and amounts."""
    (width, height), size = _paper(look)
    image, draw = page((width, height))
    font, ink = choose_font(look), colour(look, 0, 90)
    line = round(size * float(look.uniform(1.4, 2)))
    left, y = width // 10, height // 14
    draw.text((left, y), words(look, 2, 3), font=font(2 * size), fill=colour(look, 0, 160))
    y += 4 * line
    for label in ("Invoice", "Date", "Customer", "Order")[: int(look.integers(2, 5))]:
        value = date(content) if label == "Date" else code(content)
        draw.text((left, y), f"{label}: {value}", font=font(size), fill=ink)
        y += line
    y += line
    ends = (0.62, 0.75, 0.9)
    if look.random() < 0.6:
        draw.rectangle((left, y, width - left, y + line), fill=colour(look, 200, 256))
    for label, end in zip(("Number", "Price", "Total"), ends, strict=True):
        draw.text((width * end, y), label, font=font(size), fill=ink, anchor="ra")
    for _ in range(int(look.integers(3, 14))):
        y += line
        draw.text((left, y), words(look, 1, 4)[:28], font=font(size), fill=ink)
        for end in ends:
            text = number(content, 2) if end == ends[0] else amount(content)
            draw.text((width * end, y), text, font=font(size), fill=ink, anchor="ra")
    draw.line((left, y + line, width - left, y + line), fill=ink, width=2)
    text = f"Total {amount(content)}"
    draw.text((width * ends[2], y + 2 * line), text, font=font(size), fill=ink, anchor="ra")
    return image


def form(look: Rng, content: Rng) -> Image.Image:
    """Boxes with labels; other entries and ticks."""
    (width, height), size = _paper(look)
    image, draw = page((width, height), colour(look, 240, 256))
    label, entry = choose_font(look), choose_font(look)
    draw.text((width // 12, height // 20), words(look, 2, 4), font=label(2 * size), fill=(0, 0, 0))
    y = height // 8
    columns = int(look.integers(1, 3))
    for _ in range(int(look.integers(5, 12))):
        for column in range(columns):
            left = width // 12 + column * (width * 5 // 6) // columns
            right = left + (width * 5 // 6) // columns - size
            draw.text((left, y), words(look, 1, 2), font=label(size * 3 // 4), fill=(60, 60, 60))
            draw.rectangle((left, y + size, right, y + 3 * size), outline=(90, 90, 90), width=2)
            text = (word, date, code, amount)[int(look.integers(4))](content)
            draw.text((left + size // 2, y + 1.4 * size), text, font=entry(size), fill=(0, 0, 80))
        y += 4 * size
    for tick in range(int(look.integers(2, 6))):
        x = width // 12 + tick * 5 * size
        draw.rectangle((x, y, x + size, y + size), outline=(0, 0, 0), width=2)
        if content.random() < 0.5:
            draw.line((x, y, x + size, y + size), fill=(0, 0, 0), width=3)
            draw.line((x, y + size, x + size, y), fill=(0, 0, 0), width=3)
    return image


def letter(look: Rng, content: Rng) -> Image.Image:
    """Paragraphs of which a few words differ."""
    (width, height), size = _paper(look)
    image, draw = page((width, height))
    font, y = choose_font(look), height // 10
    share = float(look.uniform(0.02, 0.2))
    while y < height * 0.85:
        text = ""
        while font(size).getlength(text) < width * 0.72:
            text += (word(content) if content.random() < share else word(look)) + " "
        draw.text((width // 9, y), text, font=font(size), fill=(20, 20, 20))
        y += round(1.5 * size) if look.random() < 0.85 else 3 * size
    return image


def nearly_empty(look: Rng, content: Rng) -> Image.Image:
    """A page number, one line or three lines on white."""
    (width, height), size = _paper(look)
    image, draw = page((width, height))
    font = choose_font(look)
    style = int(look.integers(3))
    if style == 0:
        draw.text((width // 2, height * 0.95), number(content, 2), font=font(size), fill=(0, 0, 0))
    for line in range((0, 1, 3)[style]):
        text = words(content, 3, 6)
        draw.text(
            (width // 8, height // 8 + 2 * line * size), text, font=font(size), fill=(0, 0, 0)
        )
    return image


def receipt(look: Rng, content: Rng) -> Image.Image:
    """A narrow strip of articles and prices."""
    width = int(look.integers(260, 520))
    size = width // int(look.integers(18, 26))
    lines = int(look.integers(6, 16))
    image, draw = page((width, (lines + 10) * 2 * size), (250, 250, 246))
    font, ink = choose_font(look), colour(look, 0, 80)
    draw.text((width // 2, size), words(look, 1, 2), font=font(2 * size), fill=ink, anchor="ma")
    draw.text((size, 5 * size), f"{date(content)}  {number(content, 4)}", font=font(size), fill=ink)
    for line in range(lines):
        y = (8 + 2 * line) * size
        draw.text((size, y), words(look, 1, 2)[:14], font=font(size), fill=ink)
        draw.text((width - size, y), amount(content), font=font(size), fill=ink, anchor="ra")
    y = (10 + 2 * lines) * size
    draw.text((width - size, y), amount(content), font=font(2 * size), fill=ink, anchor="ra")
    return image


def slide(look: Rng, content: Rng) -> Image.Image:
    """One master; other bullets."""
    height = int(look.choice([540, 720, 1080]))
    width = height * 16 // 9 if look.random() < 0.7 else height * 4 // 3
    dark = look.random() < 0.3
    image, draw = page((width, height), colour(look, 0, 60) if dark else colour(look, 225, 256))
    ink = (240, 240, 240) if dark else colour(look, 0, 90)
    font, size = choose_font(look), height // int(look.integers(18, 28))
    bar = height // int(look.integers(6, 12))
    draw.rectangle((0, 0, width, bar), fill=colour(look))
    title = words(look, 2, 4) if look.random() < 0.5 else words(content, 2, 4)
    draw.text((size, bar // 4), title, font=font(bar // 2), fill=(255, 255, 255))
    for bullet in range(int(look.integers(3, 7))):
        y = bar + size + 2 * bullet * size
        draw.ellipse((size, y + size // 3, size + size // 3, y + 2 * size // 3), fill=ink)
        draw.text((2 * size, y), words(content, 2, 6), font=font(size), fill=ink)
    draw.text((width - 2 * size, height - 2 * size), number(content, 2), font=font(size), fill=ink)
    return image


def title_slide(look: Rng, content: Rng) -> Image.Image:
    """A background with a large title in the middle; other titles."""
    height = int(look.choice([600, 768, 900]))
    width = height * 4 // 3
    image, draw = page((width, height), colour(look))
    for _ in range(int(look.integers(1, 6))):
        x, y = (int(v) for v in look.integers(0, width, 2))
        side = int(look.integers(height // 6, height // 2))
        draw.ellipse((x, y, x + side, y + side), fill=colour(look))
    font, ink = choose_font(look), (255, 255, 255)
    size = height // int(look.integers(10, 16))
    for level in (0.4, 0.6):
        draw.text(
            (width / 2, height * level), words(content, 1, 3)[:24], font=font(size), fill=ink,
            anchor="mm", stroke_width=2, stroke_fill=(0, 0, 0),
        )  # fmt: skip
    return image


def month(look: Rng, content: Rng) -> Image.Image:
    """A calendar sheet of another month."""
    width = int(look.choice([480, 800, 1200]))
    image, draw = page((width, width * 3 // 4))
    font, cell = choose_font(look), width // 8
    year, name = int(content.integers(1980, 2040)), int(content.integers(1, 13))
    title = f"{calendar.month_name[name]} {year}"
    draw.text((cell // 2, cell // 4), title, font=font(cell // 3), fill=colour(look, 0, 150))
    for row, week in enumerate(calendar.monthcalendar(year, name)):
        for column, day in enumerate(week):
            x, y = cell // 2 + column * cell, cell + row * cell * 3 // 4
            draw.rectangle((x, y, x + cell, y + cell * 3 // 4), outline=(180, 180, 180))
            if day:
                draw.text((x + 6, y + 4), str(day), font=font(cell // 4), fill=(30, 30, 30))
    return image


def music(look: Rng, content: Rng) -> Image.Image:
    """Staves with other notes."""
    (width, height), _ = _paper(look)
    image, draw = page((width, height))
    gap = width // int(look.integers(90, 130))
    font = choose_font(look)
    title = words(look, 2, 4)
    draw.text((width / 2, 4 * gap), title, font=font(3 * gap), fill=(0, 0, 0), anchor="mm")
    for staff in range(int(look.integers(4, 9))):
        top = 10 * gap + staff * 12 * gap
        for line in range(5):
            y = top + line * gap
            draw.line((width // 12, y, width * 11 // 12, y), fill=(0, 0, 0), width=1)
        x = width / 12 + 3 * gap
        while x < width * 11 // 12 - 2 * gap:
            pitch = top + int(content.integers(-2, 9)) * gap / 2
            filled = (0, 0, 0) if content.random() < 0.8 else (255, 255, 255)
            box = (x - 0.6 * gap, pitch - 0.45 * gap, x + 0.6 * gap, pitch + 0.45 * gap)
            draw.ellipse(box, fill=filled, outline=(0, 0, 0), width=2)
            draw.line(
                (x + 0.6 * gap, pitch, x + 0.6 * gap, pitch - 3.2 * gap), fill=(0, 0, 0), width=2
            )
            x += float(look.choice([2, 2.5, 3])) * gap
    return image


def _kind(draw: Draw, *, held_out: bool = False) -> Kind:
    return Kind(draw.__name__.replace("_", " "), draw, held_out)


KINDS = (
    *(_kind(draw) for draw in (invoice, nearly_empty, slide, music)),
    *(_kind(draw, held_out=True) for draw in (form, letter, receipt, title_slide, month)),
)
