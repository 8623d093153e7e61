"""Read the facts of an image that its 8-bit RGB pixels do not show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from dedupe.decode.boxes import measure_box
from dedupe.decode.rgb import is_transparent
from dedupe.types import INTACT, Facts

_COLOUR_SPREAD = 12
"""Levels of 255 by which two channels of a pixel differ in a colour picture. In a grey photo saved
as a colour JPEG they differ by at most 2."""

_STORED = {"CMYK": "CMYK", "P": "palette", "PA": "palette"}
_HDR_CURVES = (16, 18)  # transfer characteristics of ITU-T H.273: PQ, HLG
_GAIN_MAP = b"http://ns.adobe.com/hdr-gain-map/1.0/"  # namespace in the XMP of an Ultra HDR JPEG
_HEAD = 1 << 17  # bytes of a JPEG in which its XMP is sought
_MODE_BITS = {"1": 1, "I": 32, "F": 32}  # the other modes of Pillow have 8, or begin with I;16
_DATE_TIME_ORIGINAL = 0x9003  # tag of EXIF
_MOTION_VIDEO = b"mpvd"  # box of a HEIC motion photo (Android Motion Photo format 1.0)
_BITS_PER_SAMPLE = 258  # tag of TIFF


def read_facts(image: Image.Image, data: bytes) -> Facts:
    """Read all facts but colour, damage and movie of an image that Pillow has loaded.

    Args:
        image: loaded, in the mode of its file.
        data: content of the file.
    """
    facts = replace(
        _read_exif(image.getexif),
        transparent=is_transparent(image),
        bits=_count_bits(image, data),
        profile=bool(image.info.get("icc_profile")),
        hdr=_is_hdr(image.format, data),
        stored=_STORED.get(image.mode, ""),
        maps=_count_maps(image),
        movie=measure_box(data, _MOTION_VIDEO) if image.format in ("HEIF", "AVIF") else 0,
    )
    return replace(facts, frames=_count_frames(image))  # last: it may seek other frames


def read_exif(data: bytes) -> Facts:
    """Return the facts that the EXIF of a raw file contains; those of no EXIF if it is broken."""
    exif = Image.Exif()

    def load() -> Image.Exif:
        exif.load(data)
        return exif

    return _read_exif(load)


def _read_exif(load: Callable[[], Image.Exif]) -> Facts:
    """Return the facts that EXIF contains; those of no EXIF if it is broken."""
    try:
        exif = load()
        if not exif:
            return INTACT
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        return Facts(
            captured=_is_filled(exif.get_ifd(ExifTags.IFD.Exif).get(_DATE_TIME_ORIGINAL)),
            located=ExifTags.GPS.GPSLatitude in gps and ExifTags.GPS.GPSLongitude in gps,
            camera=_is_filled(exif.get(ExifTags.Base.Make)),
        )
    except Exception:  # noqa: BLE001 - broken EXIF raises anything, and the pixels are still good
        return INTACT


def has_colour(pixels: NDArray[np.uint8]) -> bool:
    """Return whether some pixel of an RGB picture (H, W, 3) is not grey."""
    for some in (pixels[::8, ::8], pixels):  # the first decides for most photos
        spread = some.max(axis=2) - some.min(axis=2)  # (h, w)
        if spread.max(initial=0) > _COLOUR_SPREAD:
            return True
    return False


def _is_filled(value: Any) -> bool:
    """Return whether a text tag has a character other than blank, zero and punctuation."""
    return any(letter.isalnum() and letter != "0" for letter in str(value or ""))


def _count_frames(image: Image.Image) -> int:
    try:
        return max(1, int(getattr(image, "n_frames", 1)))
    except Exception:  # noqa: BLE001 - a later frame may be broken in any way
        return 1


def _count_maps(image: Image.Image) -> int:
    """Return how many depth and auxiliary pictures a HEIF has; an alpha channel is none."""
    auxiliary = image.info.get("aux") or {}
    others = sum(len(ids) for kind, ids in auxiliary.items() if "alpha" not in kind)
    return len(image.info.get("depth_images") or ()) + others


def _count_bits(image: Image.Image, data: bytes) -> int:
    """Return the bits per channel as stored; 8 if the format does not say."""
    if image.format == "PNG":
        return data[24]  # bit depth of the IHDR chunk
    if image.format == "TIFF":
        return int(max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,))))  # type: ignore[attr-defined]
    if image.format == "HEIF":
        return int(image.info.get("bit_depth", 8))
    if image.format == "AVIF":
        return _count_av1_bits(data)
    return 16 if image.mode.startswith("I;16") else _MODE_BITS.get(image.mode, 8)


def _is_hdr(container: str | None, data: bytes) -> bool:
    """Return whether a file states colours brighter than white.

    PNG has the chunk cICP (PNG, third edition, 11.3.2.6), HEIF and AVIF the box `colr` of type
    `nclx` (ISO 14496-12, 12.1.5), JPEG a gain map beside it.
    """
    if container in ("JPEG", "MPO"):
        return data.find(_GAIN_MAP, 0, _HEAD) >= 0
    if container == "PNG":
        at = data.find(b"cICP", 0, _HEAD)
        return at >= 0 and int.from_bytes(data[at + 5 : at + 6]) in _HDR_CURVES
    if container in ("HEIF", "AVIF"):
        at = data.find(b"colrnclx", 0, _HEAD)
        return at >= 0 and int.from_bytes(data[at + 10 : at + 12]) in _HDR_CURVES
    return False


def _count_av1_bits(data: bytes) -> int:
    """Return the bits per channel of the av1C box (AV1 codec ISO media file format, 2.3)."""
    at = data.find(b"av1C")
    if at < 0 or at + 6 >= len(data):
        return 8
    high, twelve = data[at + 6] & 0x40, data[at + 6] & 0x20
    return 12 if high and twelve else 10 if high else 8
