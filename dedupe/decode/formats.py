"""Define the image formats: extensions, signatures, decoder and fidelity of each.

Loads no decoder. A new format is one row of `FORMATS`.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass

from dedupe.decode.read import Unreadable

DEFAULT_MAX_PIXELS = 1 << 28  # 268 million: above the largest phone cameras (200 million)


@dataclass(frozen=True, slots=True)
class Format:
    """One image format."""

    extensions: tuple[str, ...]  # lower case, without the dot
    decoder: str  # module that decodes it; the format is unsupported if it cannot be imported
    fidelity: int  # rank among formats, 0 for the one that loses least
    signatures: tuple[bytes, ...] = ()  # first bytes of a file; none if `sniff` reads further
    brands: frozenset[bytes] = frozenset()  # of the ftyp box (ISO/IEC 14496-12, 4.3)


FORMATS: dict[str, Format] = {
    "JPEG": Format(("jpg", "jpeg", "jpe", "jfif"), "PIL.JpegImagePlugin", 6, (b"\xff\xd8\xff",)),
    "PNG": Format(("png",), "PIL.PngImagePlugin", 1, (b"\x89PNG\r\n\x1a\n",)),
    "GIF": Format(("gif",), "PIL.GifImagePlugin", 8, (b"GIF87a", b"GIF89a")),
    "TIFF": Format(
        ("tif", "tiff"), "PIL.TiffImagePlugin", 0, (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    ),
    "JXL": Format(("jxl",), "pillow_jxl", 3, (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")),
    "BMP": Format(("bmp",), "PIL.BmpImagePlugin", 2, (b"BM",)),
    "WEBP": Format(("webp",), "PIL.WebPImagePlugin", 7),
    "AVIF": Format(("avif",), "PIL.AvifImagePlugin", 4, brands=frozenset((b"avif", b"avis"))),
    "HEIF": Format(
        ("heic", "heif"),
        "pillow_heif",
        5,
        brands=frozenset(b"heic heix heim heis hevc hevx hevm hevs mif1 msf1".split()),
    ),
}
"""By the name of the decoder, as Pillow spells it."""

_MOST_BRANDS = 1024  # bytes of an ftyp box that are read


@functools.cache
def supported_extensions() -> frozenset[str]:
    """Return the extensions of the formats that can be decoded here, lower case, without dot."""
    return frozenset(
        extension
        for form in FORMATS.values()
        if importlib.util.find_spec(form.decoder)
        for extension in form.extensions
    )


def rank_fidelity(container: str) -> int:
    """Return the rank of a format name, 0 for the one that loses least; unknown names come last.

    Args:
        container: a name of `FORMATS`, or "MPO", a JPEG with several pictures.
    """
    form = FORMATS.get("JPEG" if container == "MPO" else container)
    return form.fidelity if form else len(FORMATS)


def sniff(head: bytes) -> str:
    """Return the name in `FORMATS` of the format of a file.

    Args:
        head: the first bytes of the file, 1,024 or more if it has as many.

    Raises:
        Unreadable: empty file, not an image, or unsupported format.
    """
    if not head:
        raise Unreadable("empty file")
    for container, form in FORMATS.items():
        if form.signatures and head.startswith(form.signatures):
            return container
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] != b"ftyp":
        raise Unreadable("not an image")
    end = min(int.from_bytes(head[:4], "big"), len(head), _MOST_BRANDS)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    for container, form in FORMATS.items():
        if brands & form.brands:
            return container
    raise Unreadable("unsupported format", f"a media file of brand {head[8:12]!r}")
