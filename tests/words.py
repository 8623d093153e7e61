"""Words written by hand, or nearly: fonts of Matplotlib and strokes of OpenCV, bent and jittered.

A hand is a font, a slant, a pen and a gait that stay the same in all it writes; a sample is one
word by one hand, never twice the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]

_WORDS = """
able bread candle dove empire flask garden harbour island journey kettle lantern meadow needle
orchard pepper quarry ribbon saddle timber umbrella velvet window yellow zebra anchor bottle castle
drizzle engine feather gravel hollow insect jumble kitchen ladder magnet nettle oyster pillow quiver
ripple silver tunnel useful violin walnut yonder zephyr apron basket copper dragon eleven falcon
goblet hammer ivory jacket kernel lemon marble number olive parcel
"""
WORDS = tuple(_WORDS.split())

_STROKES = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hand:
    """What stays the same in all that one writer writes."""

    font: int
    slant: float  # pixels to the right for each upwards
    stretch: float  # of the width
    pen: int  # pixels that strokes are widened, or made thinner by where negative
    spacing: float  # pixels between letters
    gait: tuple[float, float]  # height in pixels, and waves along a word, of the line it writes on


def make_hand(number: int) -> Hand:
    """Return the hand of a number; the same number has the same hand."""
    rng = np.random.default_rng((2017, number))
    return Hand(
        font=int(rng.integers(len(_STROKES) + len(_fonts()))),
        slant=float(rng.uniform(-0.3, 0.6)),
        stretch=float(rng.uniform(0.75, 1.35)),
        pen=int(rng.integers(-1, 3)),
        spacing=float(rng.uniform(-2, 6)),
        gait=(float(rng.uniform(0, 5)), float(rng.uniform(0.3, 2))),
    )


def write(word: str, hand: Hand, rng: np.random.Generator, *, side: int) -> Pixels:
    """Return one sample: (side, side, 3) uint8, dark ink on light paper, the line squashed."""
    ink = _set_letters(word, hand, rng)
    ink = _bend(ink, hand, rng)
    if hand.pen:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (abs(hand.pen) + 1,) * 2)
        ink = np.asarray(cv2.dilate(ink, kernel) if hand.pen > 0 else cv2.erode(ink, kernel))
    small = cv2.resize(_crop(ink), (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    paper = rng.uniform(225, 255) - small * rng.uniform(0.7, 0.85)
    grey = (paper + rng.normal(0, 3, paper.shape)).clip(0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def staircase(
    hands: list[Hand], words: list[str], count: int, rng: np.random.Generator
) -> list[tuple[str, Hand]]:
    """Return `count` things, each by another hand or of another word than the one before.

    So the negatives of a loss of pairs, each thing and the next, are half the same word by another
    hand and half another word by the same one. No thing comes twice.
    """
    own = rng.permutation(len(hands))[: count // 2 + 1]
    chosen = rng.permutation(len(words))[: count // 2 + 1]
    steps = [((k + 1) // 2, k // 2) for k in range(count)]
    return [
        (words[chosen[w % len(chosen)]], hands[own[h % len(own)]]) for h, w in steps
    ]  # fmt: skip


def batches(
    hands: list[Hand], words: list[str], *, side: int, things: int, seed: int
) -> Callable[[int], Pixels]:
    """Return what makes the views of a step: two samples of each thing, as training wants them."""

    def make(step: int) -> Pixels:
        rng = np.random.default_rng((seed, step))
        chosen = staircase(hands, words, things, rng)
        return np.stack([write(*thing, rng, side=side) for _ in range(2) for thing in chosen])

    return make


@cache
def _fonts() -> tuple[str, ...]:
    """Latin fonts that come with Matplotlib, in a fixed order."""
    import matplotlib

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    names = ("DejaVuSans*", "DejaVuSerif*", "STIXGeneral*", "cmr10", "cmb10", "cmss10", "cmtt10")
    found = {path for name in names for path in folder.glob(f"{name}.ttf")}
    return tuple(str(path) for path in sorted(found) if "Display" not in path.name)


@cache
def _letter(font: int, letter: str) -> Pixels:
    """Return one letter, (96, W): ink 255, on a common line."""
    if font < len(_STROKES):
        (width, _), _ = cv2.getTextSize(letter, _STROKES[font], 1.6, 3)
        cell = np.zeros((96, width + 8), np.uint8)
        cv2.putText(cell, letter, (4, 66), _STROKES[font], 1.6, (255,), 3, cv2.LINE_AA)
        return cell
    face = ImageFont.truetype(_fonts()[font - len(_STROKES)], 56)
    image = Image.new("L", (round(face.getlength(letter)) + 8, 96))
    ImageDraw.Draw(image).text((4, 66), letter, 255, face, anchor="ls")
    return np.asarray(image, np.uint8)


def _set_letters(word: str, hand: Hand, rng: np.random.Generator) -> Pixels:
    """Set a word letter by letter, each a little up, down, larger or turned."""
    cells = [_letter(hand.font, letter) for letter in word]
    line = np.zeros((144, sum(c.shape[1] for c in cells) + 20 * len(cells) + 80), np.uint8)
    x = 30.0
    for cell in cells:
        height, width = cell.shape
        matrix = cv2.getRotationMatrix2D(
            (width / 2, height / 2), rng.normal(0, 3), 1 + rng.normal(0, 0.04)
        )
        matrix[:, 2] += np.array([x, 24 + rng.normal(0, 1.5)])
        moved = cv2.warpAffine(cell, matrix, (line.shape[1], line.shape[0]))
        line = np.maximum(line, moved).astype(np.uint8)
        x += width - 8 + hand.spacing + rng.normal(0, 1)
    return line


def _bend(ink: Pixels, hand: Hand, rng: np.random.Generator) -> Pixels:
    """Slant, stretch and wave a line as its hand does, and bend it as no two samples are bent."""
    height, width = ink.shape
    wide = round(width * hand.stretch) + 80
    x, y = np.meshgrid(np.arange(wide, dtype=np.float32), np.arange(height, dtype=np.float32))
    rise, waves = hand.gait
    wave = rise * np.sin(2 * np.pi * waves * x / wide + rng.uniform(0, 0.8))
    slant = hand.slant + rng.normal(0, 0.03)
    source_x = (x - 40 + slant * (y - 90)) / hand.stretch
    coarse = rng.normal(0, 1.6, (2, 3, 6)).astype(np.float32)
    off = [cv2.resize(c, (wide, height), interpolation=cv2.INTER_CUBIC) for c in coarse]
    at = [(source_x + off[0]).astype(np.float32), (y + wave + off[1]).astype(np.float32)]
    return np.asarray(cv2.remap(ink, at[0], at[1], cv2.INTER_LINEAR), np.uint8)


def _crop(ink: Pixels) -> Pixels:
    """Cut off what is empty, but for a margin."""
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 40) for axis in (1, 0))
    if not len(rows):
        return ink
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(cut, ((8, 8), (12, 12)))
