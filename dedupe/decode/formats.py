"""Define the image formats: extensions, signatures, decoder and fidelity of each.

Loads no decoder. A new format is one row of `FORMATS`.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from typing import Literal

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


_CAMERAS = (
    *("3fr", "arw", "cr2", "cr3", "dng", "erf", "iiq", "kdc", "mef", "mos", "mrw", "nef"),
    *("nrw", "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f"),
)  # fmt: skip

FORMATS: dict[str, Format] = {
    "RAW": Format(
        _CAMERAS,
        "rawpy",
        0,
        (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM"),
        brands=frozenset((b"crx ",)),
    ),
    "JPEG": Format(("jpg", "jpeg", "jpe", "jfif"), "PIL.JpegImagePlugin", 11, (b"\xff\xd8\xff",)),
    "PNG": Format(("png", "apng"), "PIL.PngImagePlugin", 3, (b"\x89PNG\r\n\x1a\n",)),
    "GIF": Format(("gif",), "PIL.GifImagePlugin", 14, (b"GIF87a", b"GIF89a")),
    "TIFF": Format(
        ("tif", "tiff"), "PIL.TiffImagePlugin", 1, (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    ),
    "PSD": Format(("psd",), "PIL.PsdImagePlugin", 2, (b"8BPS\0\1",)),
    "JXL": Format(("jxl",), "pillow_jxl", 8, (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")),
    "BMP": Format(("bmp", "dib"), "PIL.BmpImagePlugin", 4, (b"BM",)),
    "PPM": Format(
        ("pbm", "pgm", "ppm", "pnm", "pfm"),
        "PIL.PpmImagePlugin",
        5,
        tuple(b"P%c%c" % (kind, end) for kind in b"123456f" for end in b"\n \r"),
    ),
    "JPEG2000": Format(
        ("jp2", "j2k", "jpx", "jpf", "j2c"),
        "PIL.Jpeg2KImagePlugin",
        7,
        (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    ),
    "ICO": Format(("ico",), "PIL.IcoImagePlugin", 13, (b"\0\0\1\0",)),
    "WEBP": Format(("webp",), "PIL.WebPImagePlugin", 12),
    "AVIF": Format(("avif",), "PIL.AvifImagePlugin", 9, brands=frozenset((b"avif", b"avis"))),
    "HEIF": Format(
        ("heic", "heif", "hif"),
        "pillow_heif",
        10,
        brands=frozenset(b"heic heix heim heis hevc hevx hevm hevs mif1 msf1".split()),
    ),
    "TGA": Format(("tga",), "PIL.TgaImagePlugin", 6),
}
"""By the name of the decoder, as Pillow spells it; RAW are the files of cameras."""

RAW_EXTENSIONS = frozenset(FORMATS["RAW"].extensions)
"""Files of these names are sidecars of a picture of the same name, and photos without one."""

NOT_EXAMINED = "not examined"
"""Reason of a document, which may contain pictures. `--strict` does not count it."""

_OTHERS = {
    "unsupported format": (
        "ai bpg cdr dds djvu emf eps exr hdr icns jng jxr kra odg pcx psb svg svgz wdp wmf xcf xpm"
    ),
    NOT_EXAMINED: "pdf",
}

_DNG_VERSION, _SUBFILE_TYPE = 50706, 254  # tags of TIFF; bit 0: of reduced resolution
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


@functools.cache
def unsupported_extensions() -> dict[str, tuple[str, str]]:
    """Return reason and detail of the files that are listed and not read, by their extension."""
    missing = {
        extension: ("unsupported format", f"{form.decoder} is not installed")
        for form in FORMATS.values()
        if not importlib.util.find_spec(form.decoder)
        for extension in form.extensions
    }
    others = {
        extension: (reason, f"dedupe decodes no {extension.upper()}")
        for reason, extensions in _OTHERS.items()
        for extension in extensions.split()
    }
    return missing | others


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
            return "RAW" if container == "TIFF" and _is_raw(head) else container
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if _is_targa(head):
        return "TGA"
    if head[4:8] != b"ftyp":
        raise Unreadable("not an image")
    end = min(int.from_bytes(head[:4], "big"), len(head), _MOST_BRANDS)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    for container, form in FORMATS.items():
        if brands & form.brands:
            return container
    raise Unreadable("unsupported format", f"a media file of brand {head[8:12]!r}")


def _is_raw(head: bytes) -> bool:
    """Return whether a TIFF is the raw file of a camera: a DNG, or its first image is a preview."""
    if head[8:10] == b"CR":
        return True
    order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
    at = int.from_bytes(head[4:8], order)
    for entry in range(at + 2, at + 2 + 12 * int.from_bytes(head[at : at + 2], order), 12):
        tag = int.from_bytes(head[entry : entry + 2], order)
        if tag == _DNG_VERSION:
            return True
        if tag == _SUBFILE_TYPE and int.from_bytes(head[entry + 8 : entry + 12], order) & 1:
            return True
    return False


def _is_targa(head: bytes) -> bool:
    """Return whether a header without a signature is one of Targa (Truevision TGA 2.0)."""
    if len(head) < 18 or head[1] > 1 or head[2] not in (1, 2, 3, 9, 10, 11):
        return False
    return head[1] == (head[2] in (1, 9)) and head[16] in (8, 15, 16, 24, 32) and head[17] < 64
