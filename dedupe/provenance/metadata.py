"""Read what the metadata of a file report about its history. Needs the bytes and the pixels."""

from __future__ import annotations

import io
import re
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

NAMES = ("maker_note", "editor", "derived", "other_thumbnail")
_HEAD = 262_144  # bytes that are searched for XMP
_EDITORS = re.compile(
    rb"photoshop|lightroom|gimp|picasa|snapseed|paint\.net|affinity|pixelmator|darktable|acdsee"
    rb"|instagram|vsco|picsart|canva|irfanview|imagemagick|luminar|capture one|rawtherapee",
    re.IGNORECASE,
)
_TOOL = re.compile(rb"xmp:CreatorTool[=>\"' ]{1,3}[^<\"']{0,80}")
_DERIVED = re.compile(rb"xmpMM:DerivedFrom|stEvt:action[=>\"' ]{1,3}(derived|converted)")
_SIDE = 24  # side of the squares that are compared, pixels
_AGREES = 0.8  # correlation of a thumbnail with its picture
_TURNS = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_270,
    8: Image.Transpose.ROTATE_90,
}


def read_metadata(data: bytes, pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Return 0 or 1 for each of `NAMES`.

    Args:
        data: the bytes of the file.
        pixels: (H, W, 3) RGB, upright.

    Returns:
        `maker_note`: the camera's own block is there. `editor`: a program that edits pictures is
        named. `derived`: XMP names a file that this one was derived from. `other_thumbnail`: the
        embedded thumbnail shows another picture.
    """
    head = data[:_HEAD]
    tool = b" ".join(_TOOL.findall(head))
    found = dict.fromkeys(NAMES, 0.0) | {
        "editor": float(_EDITORS.search(tool) is not None),
        "derived": float(_DERIVED.search(head) is not None),
    }
    if b"Exif\0" not in head and b"eXIf" not in head and b"EXIF" not in head:
        return found
    try:
        with Image.open(io.BytesIO(data)) as image:
            exif, raw = image.getexif(), image.info.get("exif", b"")
        software = str(exif.get(ExifTags.Base.Software, "")).encode()
        note = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.MakerNote)
        thumbnail = _read_thumbnail(exif, raw)
    except Exception:  # noqa: BLE001 - broken EXIF raises anything, and the pixels are still good
        return found
    if _EDITORS.search(software):
        found["editor"] = 1.0
    found["maker_note"] = float(note is not None)
    if thumbnail is not None:
        found["other_thumbnail"] = float(not _shows(thumbnail, pixels))
    return found


def _read_thumbnail(exif: Image.Exif, raw: bytes) -> NDArray[Any] | None:
    """Return the embedded thumbnail, upright, (h, w) uint8; None if there is none."""
    entries = exif.get_ifd(ExifTags.IFD.IFD1)
    start, size = (
        entries.get(tag) for tag in (ExifTags.Base.JpegIFOffset, ExifTags.Base.JpegIFByteCount)
    )
    if not start or not size:
        return None
    block = raw.removeprefix(b"Exif\0\0")[start : start + size]
    if not block.startswith(b"\xff\xd8"):
        return None
    with Image.open(io.BytesIO(block), formats=("JPEG",)) as image:
        grey = image.convert("L")
    turn = _TURNS.get(int(exif.get(ExifTags.Base.Orientation, 1)))
    return np.asarray(grey if turn is None else grey.transpose(turn))


def _shows(thumbnail: NDArray[Any], pixels: NDArray[np.uint8]) -> bool:
    """Return whether a thumbnail shows a picture: (h, w) and (H, W, 3) uint8.

    Cameras fill the thumbnail with black bars, or cut it to its shape: both are tried.
    """
    grey = cv2.cvtColor(cv2.resize(pixels, _scale(pixels.shape)), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    ratio = grey.shape[1] / grey.shape[0]
    whole = (grey, thumbnail), (grey, _cut(thumbnail, ratio))
    cut = (_cut(grey, thumbnail.shape[1] / thumbnail.shape[0]), thumbnail)
    if small.std() < 1:
        return True
    return any(_correlate(a, b) >= _AGREES for a, b in (*whole, cut))


def _scale(shape: tuple[int, ...]) -> tuple[int, int]:
    factor = min(1.0, 160 / max(shape[:2]))
    return max(8, round(shape[1] * factor)), max(8, round(shape[0] * factor))


def _cut(grey: NDArray[Any], ratio: float) -> NDArray[Any]:
    """Return the middle of (h, w) with a ratio of width to height."""
    height, width = grey.shape
    w, h = min(width, round(height * ratio)), min(height, round(width / ratio))
    x, y = (width - w) // 2, (height - h) // 2
    return grey[y : y + max(1, h), x : x + max(1, w)]


def _correlate(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the correlation of two pictures (h, w) at 24 x 24 pixels, in [-1, 1]."""
    x, y = (
        cv2.resize(v, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
        for v in (a, b)
    )
    if min(x.std(), y.std()) < 1:
        return 1.0
    return float(np.corrcoef(x, y)[0, 1])
