"""Decode the bytes of an image file to pixels and facts. Does not know files, trees or encoders.

The bytes may be hostile: the signature chooses the one decoder, the header is checked against a
limit of pixels before decoding, and every failure of a decoder is raised as `Unreadable`.
"""

from __future__ import annotations

import importlib
import io
import logging
import re
import threading
import warnings
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError, features

from dedupe.decode import jpeg
from dedupe.decode.damage import find_damage
from dedupe.decode.facts import has_colour, read_exif, read_facts
from dedupe.decode.formats import DEFAULT_MAX_PIXELS, FORMATS, sniff
from dedupe.decode.memory import PIXELS, estimate_bytes, measure_webp
from dedupe.decode.raw import decode_raw
from dedupe.decode.read import Unreadable
from dedupe.decode.rgb import to_rgb
from dedupe.types import Facts

DECODER_VERSION = 9
"""Part of the key of embeddings in the index: raise it if pixels, facts or panels change."""

_T = Image.Transpose
_SIDEWAYS = {5: _T.TRANSPOSE, 6: _T.ROTATE_270, 7: _T.TRANSVERSE, 8: _T.ROTATE_90}
_TURNS = {2: _T.FLIP_LEFT_RIGHT, 3: _T.ROTATE_180, 4: _T.FLIP_TOP_BOTTOM} | _SIDEWAYS

_HALF_TURN = 3  # LibRaw's flip
_QUARTER_TURNS = {3: 2, 5: 1, 6: 3}  # counter-clockwise, by LibRaw's flip
_RAW_BYTES = 384 << 20  # LibRaw's peak for the largest sensors, of 100 megapixels
_LARGE = 1 << 24  # pixels of an image that Pillow squashes itself, to save memory
_MOST_WEBP = PIXELS.total // 12  # pixels, see `dedupe.decode.memory`

_loaded: set[str] = set()  # formats with an imported decoder
_settings = threading.Lock()
_silence = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as filterwarnings stores it
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else Python prints its errors


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded image."""

    pixels: NDArray[np.uint8]  # (H, W, 3) RGB in [0, 255], upright, read-only
    width: int  # pixels of the whole image after EXIF orientation, also if `pixels` is squashed
    height: int  # as width
    format: str  # format of the bytes, as Pillow names it: JPEG, MPO, PNG, WEBP ...
    facts: Facts


def decode(
    data: bytes, *, side: int | None = None, max_pixels: int = DEFAULT_MAX_PIXELS
) -> Picture:
    """Decode an image; the same bytes give the same pixels. Safe to call from many threads.

    Pixels are 8-bit RGB after EXIF orientation. Transparency is laid on a colour that the image
    does not contain, an animation gives its first frame, and colour profiles are ignored.
    `dedupe.decode.rgb` describes other depths.

    With `side` the whole image is squashed to a square, whatever its shape, by averaging over
    areas. A JPEG is decoded at the smallest DCT scale that covers the square, which has the
    accuracy of a full decode for an encoder (docs/performance.md).

    Two settings change for the whole process, because Pillow has no narrower place for them that
    is safe among threads: warnings issued inside Pillow are silenced, and
    `PIL.Image.MAX_IMAGE_PIXELS` is raised, never lowered, to the largest limit asked for.

    Args:
        data: content of a file.
        side: edge of the square in pixels; None for every pixel.
        max_pixels: reject an image if its header states more; 0 for no limit.

    Returns:
        A Picture with pixels of shape (side, side, 3), or (height, width, 3) without `side`.

    Raises:
        Unreadable: with a `PictureTrouble` or "out of memory".
    """
    container = sniff(data)
    _register(container)
    _configure_pillow(max_pixels)
    try:
        warning = ""
        if container == "JPEG":
            picture = _decode_jpeg(data, side, max_pixels)
            if isinstance(picture, Picture):
                return picture
            warning = picture
        if container == "RAW":
            return _decode_raw(data, side, max_pixels)
        if container == "WEBP":
            _check_pixels(measure_webp(data), min(max_pixels or _MOST_WEBP, _MOST_WEBP))
        with Image.open(io.BytesIO(data), formats=(container,)) as image:
            _check_pixels(image.size, max_pixels)
            size = estimate_bytes(image, is_squashed=side is not None)
            with PIXELS.reserve(size, f"{image.width} x {image.height}"):
                return _to_picture(image, data, side, max_pixels, warning)
    except UnidentifiedImageError as error:
        if container == "AVIF" and not features.check("avif"):
            raise Unreadable("unsupported format", "this Pillow was built without AVIF") from error
        raise Unreadable("truncated or broken", f"its {container} header cannot be used") from error
    except Image.DecompressionBombError as error:
        raise Unreadable("too many pixels", str(error)) from error
    except MemoryError as error:
        raise Unreadable("out of memory", str(error)) from error
    except Exception as error:  # decoders of hostile bytes raise any exception
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("truncated or broken", f"{type(error).__name__}: {error}") from error


def _register(container: str) -> None:
    """Import the decoder of a format, once; `Image.open` alone would import all forty."""
    if container in Image.OPEN or container in _loaded:
        return
    name = FORMATS[container].decoder
    try:
        plugin = importlib.import_module(name)
    except ImportError as error:
        raise Unreadable("unsupported format", f"{name} is not installed") from error
    if container == "HEIF":
        plugin.register_heif_opener()
    _loaded.add(container)


def _configure_pillow(max_pixels: int) -> None:
    """Silence Pillow's warnings and raise its own limit above `max_pixels`.

    `warnings.catch_warnings` would be narrower, but it swaps process-wide state, which threads
    restore in any order. Checked on every call, because other code may reset filters.
    """
    allowed = Image.MAX_IMAGE_PIXELS  # Pillow rejects images above twice this
    if warnings.filters[:1] == [_silence] and (allowed is None or 0 < max_pixels <= 2 * allowed):
        return
    with _settings:
        warnings.filterwarnings("ignore", module=r"PIL\.")
        allowed = Image.MAX_IMAGE_PIXELS
        if max_pixels <= 0:
            Image.MAX_IMAGE_PIXELS = None
        elif allowed is not None:
            Image.MAX_IMAGE_PIXELS = max(allowed, (max_pixels + 1) // 2)


def _decode_jpeg(data: bytes, side: int | None, max_pixels: int) -> Picture | str:
    """Decode a JPEG with libjpeg-turbo; return its warning, or "", if Pillow must decode it."""
    header = jpeg.read_header(data)
    size = jpeg.measure(data)
    if size is None:
        return jpeg.find_warning(data)
    _check_pixels(size, max_pixels)
    needed = int(size[0] * size[1] * jpeg.BYTES_A_PIXEL[side is None, header.progressive])
    with PIXELS.reserve(needed, f"{size[0]} x {size[1]}"):
        pixels = jpeg.decode_jpeg(data, side)
    if isinstance(pixels, str):
        return pixels
    if header.plain:
        container, turn, facts = "JPEG", None, Facts(profile=header.profile)
    else:
        container, turn, facts = _inspect(data)
    facts = replace(facts, movie=jpeg.measure_movie(data))
    return _finish(pixels, side, turn, size, container, facts)


def _decode_raw(data: bytes, side: int | None, max_pixels: int) -> Picture:
    """Decode the raw file of a camera by the preview that the camera has developed."""
    with PIXELS.reserve(_RAW_BYTES, "a raw file"):
        pixels, size, flip, bits = decode_raw(data)
    _check_pixels(size, max_pixels)
    if isinstance(pixels, bytes):
        preview = _decode_jpeg(pixels, side, max_pixels)
        if isinstance(preview, str):
            raise Unreadable("truncated or broken", f"its preview: {preview}")
        is_upright = (preview.width > preview.height) == (size[0] > size[1])
        is_turned = is_upright if flip != _HALF_TURN else not jpeg.read_header(pixels).plain
        turns = 0 if is_turned else _QUARTER_TURNS.get(flip, 0)
        pixels = np.ascontiguousarray(np.rot90(preview.pixels, turns))
    return _finish(pixels, side, None, size, "RAW", replace(read_exif(data), bits=bits, raw=True))


def _inspect(data: bytes) -> tuple[str, Image.Transpose | None, Facts]:
    """Read from the header of a JPEG its format, the transposition to upright, and its facts."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        turn = _find_turn(image)
        return image.format or "", turn, read_facts(image, data)


def _to_picture(
    image: Image.Image, data: bytes, side: int | None, max_pixels: int, warning: str
) -> Picture:
    container = image.format or ""
    width, height = image.size
    if side is not None and container in ("JPEG", "MPO"):
        image.draft("RGB", (side, side))
        image.load()
    else:
        image.load()  # turns a TIFF upright, and may correct the size of a HEIF
        width, height = image.size
        _check_pixels(image.size, max_pixels)
    turn = _find_turn(image)
    try:
        flat = to_rgb(image)
        if side is not None and flat.width * flat.height > _LARGE:
            flat = flat.resize((side, side), Image.Resampling.BOX)  # makes no copy of all pixels
        pixels = np.asarray(flat)
    except ValueError as error:
        raise Unreadable("unsupported format", f"pixels of mode {image.mode}") from error
    damage = warning or find_damage(image, data)
    facts = replace(read_facts(image, data), damage=damage)  # last: it seeks other frames
    return _finish(pixels, side, turn, (width, height), container, facts)


def _finish(
    pixels: NDArray[np.uint8],
    side: int | None,
    turn: Image.Transpose | None,
    size: tuple[int, int],
    container: str,
    facts: Facts,
) -> Picture:
    """Squash pixels, (H, W) or (H, W, 3), to a square if asked to, and turn them upright."""
    if side is not None:
        pixels = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA).astype(
            np.uint8, copy=False
        )
    colour = pixels.ndim == 3 and has_colour(pixels)
    if pixels.ndim == 2:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB).astype(np.uint8, copy=False)
    width, height = size
    if turn is not None:
        pixels = np.array(Image.fromarray(pixels).transpose(turn))
        if turn in _SIDEWAYS.values():
            width, height = height, width
    pixels.flags.writeable = False
    return Picture(pixels, width, height, container, replace(facts, colour=colour))


def _check_pixels(size: tuple[int, int], max_pixels: int) -> None:
    if 0 < max_pixels < size[0] * size[1]:
        raise Unreadable("too many pixels", f"{size[0]} x {size[1]}, the limit is {max_pixels}")


def _find_turn(image: Image.Image) -> Image.Transpose | None:
    """Return the transposition that makes the image upright; None for none or broken EXIF."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - broken EXIF raises anything, and the pixels are still good
        return None
