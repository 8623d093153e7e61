"""Draw screenshots and captioned pictures: one window or template, other text."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont

from lookalike.brush import (
    Colour,
    Draw,
    Kind,
    Rng,
    amount,
    choose_font,
    code,
    colour,
    number,
    page,
    photo,
    word,
    words,
)

Fonts = Callable[[int], ImageFont.FreeTypeFont]


def _window(
    look: Rng, size: tuple[int, int]
) -> tuple[Image.Image, ImageDraw.ImageDraw, Fonts, Colour]:
    """Draw the frame of a window; return its picture, font and ink."""
    dark = look.random() < 0.3
    image, draw = page(size, colour(look, 30, 60) if dark else colour(look, 220, 250))
    font = choose_font(look)
    draw.rectangle((0, 0, size[0], 26), fill=colour(look, 60, 200))
    draw.text((10, 4), words(look, 1, 3), font=font(15), fill=(255, 255, 255))
    for button in range(3):
        x = size[0] - 20 - 22 * button
        draw.ellipse((x, 7, x + 12, 19), fill=colour(look))
    return image, draw, font, ((230, 230, 230) if dark else (20, 20, 20))


def dialog(look: Rng, content: Rng) -> Image.Image:
    """Labels, fields, check boxes and a slider in other states."""
    width, height = int(look.integers(320, 700)), int(look.integers(220, 560))
    image, draw, font, ink = _window(look, (width, height))
    size, y = int(look.integers(12, 17)), 40
    while y < height - 50:
        draw.text((16, y), words(look, 1, 2), font=font(size), fill=ink)
        x, style = width // 2, int(look.integers(3))
        if style == 0:
            draw.rectangle((x, y - 2, width - 20, y + size + 6), fill=(255, 255, 255), outline=ink)
            draw.text((x + 5, y), number(content, 3), font=font(size), fill=(0, 0, 0))
        elif style == 1:
            draw.rectangle((x, y, x + size, y + size), outline=ink, fill=(255, 255, 255))
            if content.random() < 0.5:
                draw.rectangle((x + 3, y + 3, x + size - 3, y + size - 3), fill=(20, 90, 200))
        else:
            knob = x + int(content.integers(0, width - 40 - x))
            draw.line((x, y + size // 2, width - 20, y + size // 2), fill=ink, width=2)
            draw.rectangle((knob, y, knob + 10, y + size), fill=(80, 120, 200), outline=ink)
        y += 2 * size + 6
    draw.text((16, height - 30), words(content, 2, 3), font=font(size), fill=ink)
    return image


def spreadsheet(look: Rng, content: Rng) -> Image.Image:
    """A grid of other numbers."""
    width, height = int(look.integers(500, 1300)), int(look.integers(300, 800))
    image, draw, font, _ = _window(look, (width, height))
    size = int(look.integers(11, 16))
    step, line = int(look.integers(70, 120)), round(1.7 * size)
    draw.rectangle((0, 27, width, height), fill=(255, 255, 255))
    for row, y in enumerate(range(30, height, line)):
        draw.line((0, y, width, y), fill=(210, 210, 210))
        for x in range(0, width, step):
            draw.line((x, 27, x, height), fill=(210, 210, 210))
            text = word(look) if row == 0 or x == 0 else amount(content)
            draw.text((x + 4, y + 2), text[:9], font=font(size), fill=(0, 0, 0))
    return image


def editor(look: Rng, content: Rng) -> Image.Image:
    """Lines of coloured code, of which some differ."""
    width, height = int(look.integers(600, 1300)), int(look.integers(400, 900))
    image, draw, font, ink = _window(look, (width, height))
    size, share = int(look.integers(12, 18)), float(look.uniform(0.1, 0.6))
    shades = [colour(look, 60, 200) for _ in range(3)] + [ink]
    for row, y in enumerate(range(36, height - size, round(1.5 * size))):
        rng = content if content.random() < share else look
        x = 50.0 + 24 * int(rng.integers(0, 4))
        draw.text((8, y), str(row + 1), font=font(size), fill=(128, 128, 128))
        for _ in range(int(rng.integers(0, 7))):
            text = word(rng) + str(rng.choice([" ", "(", ").", " = ", ", "]))
            draw.text((x, y), text, font=font(size), fill=shades[int(rng.integers(4))])
            x += font(size).getlength(text)
    return image


def chat(look: Rng, content: Rng) -> Image.Image:
    """A phone with other messages."""
    width = int(look.choice([360, 540, 720]))
    image, draw, font, _ = _window(look, (width, width * 2))
    size, y = width // 22, 50
    mine, theirs = colour(look, 150, 256), colour(look, 200, 256)
    while y < width * 2 - 5 * size:
        text = words(content, 1, 4)
        wide = font(size).getlength(text) + 2 * size
        own = content.random() < 0.5
        x = width - wide - size if own else size
        box = (x, y, x + wide, y + 2 * size)
        draw.rounded_rectangle(box, size, fill=mine if own else theirs)
        draw.text((x + size, y + size // 3), text, font=font(size), fill=(0, 0, 0))
        y += 3 * size
    return image


def web_page(look: Rng, content: Rng) -> Image.Image:
    """One site: photos and headings of other articles."""
    width, height = int(look.integers(700, 1300)), int(look.integers(600, 1000))
    image, draw, font, ink = _window(look, (width, height))
    draw.rectangle((0, 27, width, 90), fill=colour(look))
    draw.text((20, 40), words(look, 1, 2), font=font(30), fill=(255, 255, 255))
    columns = int(look.integers(2, 5))
    side = (width - 20) // columns - 20
    for y in range(110, height, side + 60):
        for column in range(columns):
            x = 20 + column * (side + 20)
            image.paste(photo(look, (side, side * 2 // 3)), (x, y))
            text = words(content, 2, 4)[: side // 9]
            draw.text((x, y + side * 2 // 3 + 4), text, font=font(16), fill=ink)
            text = f"{code(content)} {amount(content)}"
            draw.text((x, y + side * 2 // 3 + 26), text, font=font(12), fill=ink)
    return image


def _fit(font: Fonts, text: str, width: float, largest: int) -> ImageFont.FreeTypeFont:
    return font(
        max(10, min(largest, int(largest * width / max(1.0, font(largest).getlength(text)))))
    )


def meme(look: Rng, content: Rng) -> Image.Image:
    """White capitals with a black outline over the top and the bottom of a photo."""
    width = int(look.integers(300, 700))
    height = int(width * float(look.uniform(0.7, 1.2)))
    image, font = photo(look, (width, height)), choose_font(look)
    draw = ImageDraw.Draw(image)
    both = look.random() < 0.7
    for y, anchor in ((0.03, "ma"), (0.97, "md"))[: 2 if both else 1]:
        text = words(content, 2, 5).upper()
        fitted = _fit(font, text, width * 0.94, width // 9)
        place = (width / 2, height * y)
        draw.text(place, text, font=fitted, fill=(255, 255, 255), anchor=anchor,
                  stroke_width=max(1, width // 220), stroke_fill=(0, 0, 0))  # fmt: skip
    return image


def caption_bar(look: Rng, content: Rng) -> Image.Image:
    """Black words on a white bar above or below a photo."""
    width = int(look.integers(300, 700))
    height = int(width * float(look.uniform(0.7, 1.2)))
    bar = int(width * float(look.uniform(0.12, 0.3)))
    image, draw = page((width, height + bar))
    above = look.random() < 0.6
    image.paste(photo(look, (width, height)), (0, bar if above else 0))
    font, text = choose_font(look), words(content, 3, 6)
    fitted = _fit(font, text, width * 0.92, int(bar * 0.5))
    place = (width * 0.04, (0 if above else height) + bar / 2)
    draw.text(place, text, font=fitted, fill=(0, 0, 0), anchor="lm")
    return image


def poster(look: Rng, content: Rng) -> Image.Image:
    """A photo in a black frame with a title and a line below."""
    width = int(look.integers(400, 900))
    image, draw = page((width, width), (0, 0, 0))
    inner = (width * 4 // 5, width * 3 // 5)
    image.paste(photo(look, inner), (width // 10, width // 12))
    font = choose_font(look)
    title, line = word(content).upper(), words(content, 3, 7)
    at = (width / 2, width * 0.78)
    draw.text(at, title, font=font(width // 12), fill=(255, 255, 255), anchor="mm")
    fitted = _fit(font, line, width * 0.8, width // 26)
    draw.text((width / 2, width * 0.89), line, font=fitted, fill=(200, 200, 200), anchor="mm")
    return image


def _kind(draw: Draw, *, held_out: bool = False) -> Kind:
    return Kind(draw.__name__.replace("_", " "), draw, held_out)


KINDS = (
    *(_kind(draw) for draw in (dialog, spreadsheet, meme, caption_bar)),
    *(_kind(draw, held_out=True) for draw in (editor, chat, web_page, poster)),
)
