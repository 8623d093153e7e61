"""Read image files and turn their bytes into pixels. Knows no tree and no encoder.

A file may be anything, also hostile. Its first bytes choose the one decoder that may see it (never
its name, and never the interpreters behind EPS or PDF), its header is checked against a limit of
pixels before anything is decoded, and whatever a decoder throws comes out as `Unreadable`.

Pixels are 8-bit RGB after EXIF orientation. Transparency is laid on white, an animation gives its
first frame, and colour profiles are ignored (to an encoder trained on colour casts they are one
more cast).

From the first decode on, two settings hold for the whole process, because Pillow has no narrower
place for them that is safe among threads: warnings issued inside Pillow are silenced, and
`PIL.Image.MAX_IMAGE_PIXELS` is raised, never lowered, to the largest limit asked for. What
libtiff prints on standard error about a broken TIFF cannot be caught from here.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import logging
import os
import re
import stat
import threading
import warnings
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError, features

from dedupe.decode import jpeg
from dedupe.decode.rgb import flatten

DECODER_VERSION = 2
"""Part of the key under which the index keeps embeddings: raise it when the pixels change."""

DEFAULT_MAX_PIXELS = 1 << 28  # 268 million: above the largest phone cameras (200 million)

FileTrouble = Literal[
    "vanished", "permission denied", "not a regular file", "file too large", "read error"
]
PictureTrouble = Literal[
    "empty file", "not an image", "unsupported format", "truncated or broken", "too many pixels"
]
Reason = Literal[FileTrouble, PictureTrouble, "out of memory"]

_EXTENSIONS = "jpg jpeg jpe jfif png webp bmp gif tif tiff heic heif avif"
_SIGNATURES = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "JXL": (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
    "BMP": (b"BM",),
}
_HEIF_BRANDS = frozenset(b"heic heix heim heis hevc hevx hevm hevs mif1 msf1".split())
_PLUGINS = {  # imported when the first file needs one; Image.open would import all forty
    "AVIF": "PIL.AvifImagePlugin",
    "TIFF": "PIL.TiffImagePlugin",
    "WEBP": "PIL.WebPImagePlugin",
    "HEIF": "pillow_heif",
    "JXL": "pillow_jxl",
}

_T = Image.Transpose
_SIDEWAYS = {5: _T.TRANSPOSE, 6: _T.ROTATE_270, 7: _T.TRANSVERSE, 8: _T.ROTATE_90}
_TURNS = {2: _T.FLIP_LEFT_RIGHT, 3: _T.ROTATE_180, 4: _T.FLIP_TOP_BOTTOM} | _SIDEWAYS
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # lets a pipe without a writer open at once

_settings = threading.Lock()
_silence = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as filterwarnings stores it
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else Python prints its errors


class Unreadable(Exception):  # noqa: N818 - it names a state of one file, not an error of the run
    """One file that cannot be used: a `reason` that other files share, and one line of `detail`."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        line = " ".join(detail.split())[:200]
        super().__init__(reason, line)
        self.reason: Reason = reason
        self.detail = line

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded image."""

    pixels: NDArray[np.uint8]  # (H, W, 3) RGB in [0, 255], upright, read-only
    width: int  # pixels of the whole image after EXIF orientation, also where `pixels` is squashed
    height: int  # as width
    format: str  # what the bytes are, as Pillow names it: JPEG, MPO, PNG, WEBP ...


def supported_extensions() -> frozenset[str]:
    """Return the extensions worth opening, lower case, no dot; jxl only with its plugin."""
    jxl = {"jxl"} if importlib.util.find_spec(_PLUGINS["JXL"]) else set()
    return frozenset(_EXTENSIONS.split()) | jxl


def read(path: str, *, max_bytes: int | None = None) -> bytes:
    """Read a regular file whole; anything else, such as a pipe, is refused without waiting for it.

    Raises:
        Unreadable: with a `FileTrouble`, also for a file of more than `max_bytes`.
    """
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable("not a regular file")
            data = file.read(-1 if max_bytes is None else max_bytes + 1)
    except MemoryError as error:
        raise Unreadable("out of memory") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Unreadable("vanished") from error
    except IsADirectoryError as error:
        raise Unreadable("not a regular file") from error
    except PermissionError as error:
        raise Unreadable("permission denied") from error
    except OSError as error:
        raise Unreadable("read error", error.strerror or str(error)) from error
    if max_bytes is not None and len(data) > max_bytes:
        raise Unreadable("file too large", f"more than {max_bytes} bytes")
    return data


def decode(
    data: bytes, *, side: int | None = None, max_pixels: int = DEFAULT_MAX_PIXELS
) -> Picture:
    """Decode an image; the same bytes give the same pixels. Safe to call from many threads.

    With `side` the whole image is squashed to a square, whatever its shape, by averaging over
    areas; a JPEG is decoded at the smallest DCT scale that covers the square, which to an encoder
    is as good as the whole (docs/performance.md). For other depths than 8 bits see
    `dedupe.decode.rgb`.

    Args:
        data: the content of a file.
        side: edge of the square in pixels; None for every pixel.
        max_pixels: refuse an image whose header claims more; 0 for no limit.

    Returns:
        A Picture with pixels of shape (side, side, 3), or (height, width, 3) without `side`.

    Raises:
        Unreadable: the bytes are no picture, or one that cannot be decoded.
    """
    container = _sniff(data)
    _register(container)
    _settle_pillow(max_pixels)
    try:
        if container == "JPEG":
            picture = _decode_jpeg(data, side, max_pixels)
            if picture is not None:
                return picture
        with Image.open(io.BytesIO(data), formats=(container,)) as image:
            return _to_picture(image, side, max_pixels)
    except UnidentifiedImageError as error:
        if container == "AVIF" and not features.check("avif"):
            raise Unreadable("unsupported format", "this Pillow was built without AVIF") from error
        raise Unreadable("truncated or broken", f"its {container} header cannot be used") from error
    except Image.DecompressionBombError as error:
        raise Unreadable("too many pixels", str(error)) from error
    except MemoryError as error:
        raise Unreadable("out of memory", str(error)) from error
    except Exception as error:  # decoders of hostile bytes throw whatever they like
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("truncated or broken", f"{type(error).__name__}: {error}") from error


def _sniff(data: bytes) -> str:
    """Return the name of the decoder for `data`, judged by its first bytes."""
    if not data:
        raise Unreadable("empty file")
    for container, starts in _SIGNATURES.items():
        if data.startswith(starts):
            return container
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] != b"ftyp":
        raise Unreadable("not an image")
    end = min(int.from_bytes(data[:4], "big"), len(data), 1024)  # ISO/IEC 14496-12, 4.3
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & _HEIF_BRANDS:
        return "HEIF"
    raise Unreadable("unsupported format", f"a media file of brand {data[8:12]!r}")


def _register(container: str) -> None:
    """Import the plugin that a format needs, once."""
    name = _PLUGINS.get(container)
    if name is None or container in Image.OPEN:
        return
    try:
        plugin = importlib.import_module(name)
    except ImportError as error:
        raise Unreadable("unsupported format", f"{name} is not installed") from error
    if container == "HEIF":
        plugin.register_heif_opener()


def _settle_pillow(max_pixels: int) -> None:
    """Silence Pillow's warnings and raise its own limit out of the way of `max_pixels`.

    `warnings.catch_warnings` would be narrower, but it swaps process-wide state and threads
    undo each other's. Looked at on every call, as others do reset filters.
    """
    allowed = Image.MAX_IMAGE_PIXELS  # Pillow refuses above twice this
    if warnings.filters[:1] == [_silence] and (allowed is None or 0 < max_pixels <= 2 * allowed):
        return
    with _settings:
        warnings.filterwarnings("ignore", module=r"PIL\.")
        allowed = Image.MAX_IMAGE_PIXELS
        if max_pixels <= 0:
            Image.MAX_IMAGE_PIXELS = None
        elif allowed is not None:
            Image.MAX_IMAGE_PIXELS = max(allowed, (max_pixels + 1) // 2)


def _decode_jpeg(data: bytes, side: int | None, max_pixels: int) -> Picture | None:
    """Decode a JPEG by the fast way; None where it does not lead there."""
    size = jpeg.measure(data)
    if size is None:
        return None
    _refuse_bomb(size, max_pixels)
    pixels = jpeg.decode_jpeg(data, side)
    if pixels is None:
        return None
    container, turn = ("JPEG", None) if jpeg.is_bare(data) else _inspect(data)
    return _finish(pixels, side, turn, size, container)


def _inspect(data: bytes) -> tuple[str, Image.Transpose | None]:
    """Read from a JPEG's header what its format is called and what makes it upright."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        return image.format or "", _find_turn(image)


def _to_picture(image: Image.Image, side: int | None, max_pixels: int) -> Picture:
    _refuse_bomb(image.size, max_pixels)
    container = image.format or ""
    width, height = image.size
    if side is not None and container in ("JPEG", "MPO"):
        image.draft("RGB", (side, side))
        image.load()
    else:
        image.load()  # turns a TIFF upright, and may correct the size of a HEIF
        width, height = image.size
        _refuse_bomb(image.size, max_pixels)
    turn = _find_turn(image)
    try:
        flat = flatten(image)
    except ValueError as error:
        raise Unreadable("unsupported format", f"pixels of mode {image.mode}") from error
    return _finish(np.asarray(flat), side, turn, (width, height), container)


def _finish(
    pixels: NDArray[np.uint8],
    side: int | None,
    turn: Image.Transpose | None,
    size: tuple[int, int],
    container: str,
) -> Picture:
    """Squash pixels, (H, W) or (H, W, 3), to a square if asked to, and turn them upright."""
    if side is not None:
        pixels = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA).astype(
            np.uint8, copy=False
        )
    if pixels.ndim == 2:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB).astype(np.uint8, copy=False)
    width, height = size
    if turn is not None:
        pixels = np.array(Image.fromarray(pixels).transpose(turn))
        if turn in _SIDEWAYS.values():
            width, height = height, width
    pixels.flags.writeable = False
    return Picture(pixels, width, height, container)


def _refuse_bomb(size: tuple[int, int], max_pixels: int) -> None:
    if 0 < max_pixels < size[0] * size[1]:
        raise Unreadable("too many pixels", f"{size[0]} x {size[1]}, the limit is {max_pixels}")


def _find_turn(image: Image.Image) -> Image.Transpose | None:
    """Return what makes the image upright; None where nothing does, or where its EXIF is broken."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - broken EXIF throws anything, and the pixels are still good
        return None
