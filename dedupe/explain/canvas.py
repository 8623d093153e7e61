"""The paper that a figure is drawn on: margins, rows of pictures with labels, text that wraps."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from dedupe.errors import ReportError, UsageError
from dedupe.files.outputs import check_output
from dedupe.files.replace import replace_file

Colour = tuple[int, int, int]

INK, FAINT, GREY, PAPER = (34, 34, 38), (104, 104, 112), (232, 232, 235), (255, 255, 255)
RED, BLUE, ORANGE, AMBER = (206, 42, 42), (28, 98, 196), (236, 112, 20), (224, 148, 0)

TILE, PANEL = 160, 336  # widths of a picture in a row of six and in a row of three, pixels
_MARGIN, _GAP = 24, 16
_WIDTH = 2 * _MARGIN + 6 * TILE + 5 * _GAP
_LARGE, _MIDDLE, _SMALL = 20, 14, 12  # text, pixels
_DEEPEST = 12  # steps to the right; a deeper picture is drawn there
_LEAF, _INDENT = 112, 56  # largest side of a picture of a tree, step of its depth, pixels
_SOFTWARE = "dedupe explain"  # in the file, so that a figure may replace an older one


def check_out(out: str) -> None:
    """Make sure that a figure may be written to `out`, which must not be anyone's picture.

    Raises:
        UsageError: the name is not that of a PNG file, or something else than a figure is there.
        ReportError: the file cannot be written.
    """
    path = Path(out)
    if path.suffix.lower() != ".png":
        raise UsageError(f"a figure is a PNG file: name it {path.with_suffix('.png')}")
    check_output(out, "figure")


def write(figure: Image.Image, out: str) -> None:
    """Write a figure as PNG, whole or not at all.

    Raises:
        UsageError: as `check_out`.
        ReportError: the file cannot be written.
    """
    check_out(out)
    note = PngImagePlugin.PngInfo()
    note.add_text("Software", _SOFTWARE)
    content = io.BytesIO()
    # Without the two lowest bits, which no eye misses, a PNG takes a third less.
    figure.point(lambda value: int(value) & 0xFC | int(value) >> 6).save(
        content, "PNG", optimize=True, pnginfo=note
    )
    try:
        replace_file(out, [content.getvalue()])
    except OSError as error:
        raise ReportError(f"cannot write {out}: {error.strerror or error}") from error


class Sheet:
    """A figure in the making; what is added goes below what is there."""

    def __init__(self, title: str, subtitle: str, colour: Colour) -> None:
        """Begin with a title, in one colour, and a line below it."""
        self._image = Image.new("RGB", (_WIDTH, 2000), PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._y = _MARGIN
        self._line(title, _LARGE, colour)
        self._line(subtitle, _MIDDLE, FAINT)
        self._y += _GAP // 2

    def row(self, width: int, pictures: Sequence[tuple[str, NDArray[np.uint8], str]]) -> None:
        """Add pictures side by side, each with a label above and a caption below.

        Args:
            width: of a picture, pixels; `TILE` or `PANEL`.
            pictures: label, (H, width, 3) RGB, caption.
        """
        top = self._y + _MIDDLE + 8
        lowest = top
        tallest = max(pixels.shape[0] for _, pixels, _ in pictures)
        for number, (label, pixels, caption) in enumerate(pictures):
            x = _MARGIN + number * (width + _GAP)
            self._text(x, self._y, label, _MIDDLE, INK)
            self._image.paste(Image.fromarray(pixels), (x, top + (tallest - len(pixels)) // 2))
            y = top + tallest + 6
            for line in _wrap(caption, width, _SMALL):
                self._text(x, y, line, _SMALL, FAINT)
                y += _SMALL + 4
            lowest = max(lowest, y)
        self._y = lowest + _GAP

    def hang(
        self, pixels: NDArray[np.uint8], depth: int, parent: int | None, label: str, words: str
    ) -> int:
        """Add a picture of a tree below the others, with its text beside it.

        Args:
            pixels: (H, W, 3) RGB, shown at 112 pixels at most.
            depth: 0 for the root; the picture is moved to the right by it.
            parent: place of its parent, as returned by this method; None for the root.
            label: one line.
            words: a paragraph below the label.

        Returns:
            The place of the picture.
        """
        self._make_room(_LEAF + _GAP + _MARGIN)
        scale = min(1.0, _LEAF / max(pixels.shape[:2]))
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        x, middle = _MARGIN + min(depth, _DEEPEST) * _INDENT, self._y + _LEAF // 2
        if parent is not None:
            corner = x - _INDENT // 2
            self._draw.line([(corner, parent), (corner, middle), (x - 4, middle)], FAINT, 2)
        picture = Image.fromarray(pixels).resize(size, Image.Resampling.BOX)
        self._image.paste(picture, (x, middle - size[1] // 2))
        left, y = x + _LEAF + _GAP, middle - _MIDDLE - 8
        self._text(left, y, label, _MIDDLE, INK)
        lines = _wrap(words, _WIDTH - _MARGIN - left, _SMALL)
        for number, line in enumerate(lines[:3]):
            self._text(left, y + _MIDDLE + 6 + number * (_SMALL + 4), line, _SMALL, FAINT)
        self._y += _LEAF + _GAP
        return int(middle + size[1] // 2 + 2)

    def _make_room(self, height: int) -> None:
        """Extend the paper if less than `height` pixels are left."""
        if self._y + height > self._image.height:
            taller = Image.new("RGB", (_WIDTH, 2 * self._image.height), PAPER)
            taller.paste(self._image)
            self._image, self._draw = taller, ImageDraw.Draw(taller)

    def write(self, text: str) -> None:
        """Add a paragraph over the whole width."""
        for line in _wrap(text, _WIDTH - 2 * _MARGIN, _SMALL):
            self._line(line, _SMALL, FAINT)

    def finish(self) -> Image.Image:
        """Return the figure, cut below its last line."""
        return self._image.crop((0, 0, _WIDTH, self._y + _MARGIN))

    def _line(self, text: str, size: int, colour: Colour) -> None:
        lines = _wrap(text, _WIDTH - 2 * _MARGIN, size)
        for line in lines:
            self._text(_MARGIN, self._y, line, size, colour)
            self._y += size + 6

    def _text(self, x: int, y: int, text: str, size: int, colour: Colour) -> None:
        self._draw.text((x, y), _plain(text), fill=colour, font=ImageFont.load_default(size))


def _wrap(text: str, width: int, size: int) -> list[str]:
    """Break text into lines of at most `width` pixels; a longer word gets its own line."""
    font = ImageFont.load_default(size)
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if line and font.getlength(_plain(longer)) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def _plain(text: str) -> str:
    """Write letters without their accents, and ? for others, as Pillow's own font has no more."""
    parts = unicodedata.normalize("NFKD", text)
    kept = (c for c in parts if not unicodedata.combining(c))
    return "".join(c if (c.isascii() and c.isprintable()) or c == "°" else "?" for c in kept)
