"""Draw frames: clips, portraits, and things that moved before a still camera."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from lookalike.brush import Draw, Kind, Rng, choose_font, code, colour, photo


def _grain(image: Image.Image, content: Rng, spread: float) -> Image.Image:
    pixels = np.asarray(image, np.float32)
    return Image.fromarray((pixels + content.normal(0, spread, pixels.shape)).clip(0, 255).astype(np.uint8))  # fmt: skip  # noqa: E501


def _paste_softly(image: Image.Image, patch: Image.Image, place: tuple[int, int]) -> None:
    """Paste a patch through an ellipse with a soft edge."""
    mask = Image.new("L", patch.size, 0)
    inset = min(patch.size) // 12
    ImageDraw.Draw(mask).ellipse(
        (inset, inset, patch.width - inset, patch.height - inset), fill=255
    )
    image.paste(patch, place, mask.filter(ImageFilter.GaussianBlur(inset / 2)))


def _frame(look: Rng) -> tuple[int, int]:
    width = int(look.choice([320, 480, 640, 960]))
    return width, round(width * float(look.choice([9 / 16, 3 / 4])))


def moved_subject(look: Rng, content: Rng) -> Image.Image:
    """A thing of 1 to 6 % of the frame at another place before the same scene."""
    size = _frame(look)
    image = photo(look, size)
    side = round(float(look.uniform(0.1, 0.25)) * size[1])
    thing = photo(look, (side, side))
    place = (int(content.integers(0, size[0] - side)), int(content.integers(0, size[1] - side)))
    _paste_softly(image, thing, place)
    return _grain(image, content, float(look.uniform(0.5, 3)))


def clip(look: Rng, content: Rng) -> Image.Image:
    """Another frame of a slow camera move over a scene with a thing that moves against it."""
    size = _frame(look)
    scene = np.asarray(photo(look, (size[0] * 5 // 4, size[1] * 5 // 4)))
    time = float(content.uniform(0.1, 1))
    zoom = 1 + 0.06 * time * float(look.uniform(-1, 1))
    matrix = np.array([[zoom, 0, -0.1 * size[0] * time], [0, zoom, -0.06 * size[1] * time]])
    image = Image.fromarray(cv2.warpAffine(scene, matrix, size, flags=cv2.INTER_LINEAR,
                                           borderMode=cv2.BORDER_REFLECT))  # fmt: skip
    side = size[1] // 4
    place = (int((size[0] - side) * time), int((size[1] - side) * (0.3 + 0.4 * time)))
    _paste_softly(image, photo(look, (side, side)), place)
    return _grain(image, content, 2)


def portrait(look: Rng, content: Rng) -> Image.Image:
    """One person before one wall: another turn of the head and another mouth."""
    size = (int(look.integers(200, 500)), int(look.integers(260, 600)))
    image = photo(look, size).filter(ImageFilter.GaussianBlur(4))
    draw = ImageDraw.Draw(image)
    skin, hair, cloth = colour(look, 140, 240), colour(look, 0, 120), colour(look)
    x = size[0] * (0.5 + float(content.uniform(-0.05, 0.05)))
    y, wide = size[1] * (0.42 + float(content.uniform(-0.03, 0.03))), size[0] * 0.2
    turn = float(content.uniform(-0.4, 0.4)) * wide
    draw.ellipse((x - 2 * wide, y + 1.4 * wide, x + 2 * wide, y + 5 * wide), fill=cloth)
    draw.ellipse((x - 1.15 * wide, y - 1.6 * wide, x + 1.15 * wide, y + wide), fill=hair)
    draw.ellipse((x - wide, y - 1.3 * wide, x + wide, y + 1.5 * wide), fill=skin)
    for eye in (-0.4, 0.4):
        ex, ey = x + turn + eye * wide, y - 0.1 * wide
        draw.ellipse(
            (ex - wide / 6, ey - wide / 10, ex + wide / 6, ey + wide / 10), fill=(255, 255, 255)
        )
        draw.ellipse(
            (ex - wide / 12, ey - wide / 12, ex + wide / 12, ey + wide / 12), fill=(40, 30, 20)
        )
    mouth = float(content.uniform(0.05, 0.3)) * wide
    draw.chord((x + turn - wide / 3, y + 0.6 * wide, x + turn + wide / 3, y + 0.6 * wide + mouth), 0, 180, fill=(150, 50, 50))  # fmt: skip  # noqa: E501
    return _grain(image.filter(ImageFilter.GaussianBlur(size[0] / 400)), content, 2)


def labelled_thing(look: Rng, content: Rng) -> Image.Image:
    """A photo of a parcel or machine; its label has another code."""
    size = _frame(look)
    image = photo(look, size)
    high = max(14, size[1] // 16)
    font, text = choose_font(look)(high), code(content)
    width = int(font.getlength(text)) + 20
    label = Image.new("RGB", (width, 2 * high), (245, 245, 235))
    ImageDraw.Draw(label).text((10, high // 2), text, font=font, fill=(10, 10, 10))
    at = (
        int(look.integers(0, max(1, size[0] - width))),
        int(look.integers(0, size[1] - 2 * high)),
    )
    image.paste(label, at)
    return _grain(image, content, 2)


def _kind(draw: Draw, *, held_out: bool = False) -> Kind:
    return Kind(draw.__name__.replace("_", " "), draw, held_out, variants=4)


KINDS = (
    *(_kind(draw) for draw in (moved_subject, portrait)),
    *(_kind(draw, held_out=True) for draw in (clip, labelled_thing)),
)
