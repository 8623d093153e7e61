"""Find damage that a decoder does not report: blocks of a file that were zeroed or erased.

Compressed data have no long run of one byte. In uncompressed data, a run that was not drawn begins
and ends inside a row.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dedupe.decode.boxes import find_boxes

_ERASED = (0x00, 0xFF)  # bytes of a block that was never written, or erased (flash memory)
_RUN = 64  # bytes of one value that compressed data do not contain
_PIXELS_A_BYTE = 4096  # lossy WebP: the longest run in a blank page has a byte for 10,000
_OTHER = 8  # levels by which a neighbour differs from an erased byte
_MOSTLY = 0.75  # share of the values around a run that differ from it
_LEAST = 64  # values around a run that are evidence
_BLOCK = 1 << 20  # bytes inflated at a time

_COMPRESSION, _STRIPS, _TILES = 259, (273, 279), (324, 325)  # tags of TIFF: offsets, byte counts
_PLANES = 284  # 1: the channels of a pixel lie together
_UNCOMPRESSED, _DEFLATE = 1, (8, 32946)

Bytes = NDArray[np.uint8]  # (N,)


def find_damage(image: Image.Image, data: bytes) -> str:
    """Return a short reason if data of the image are missing; "" if none is found.

    Args:
        image: opened by Pillow, at its first frame.
        data: content of the file.
    """
    if image.format == "PNG":
        return _check_png(data)
    if image.format == "TIFF":
        return _check_tiff(image, data)
    if image.format == "BMP":
        start, bits = struct.unpack_from("<I", data, 10)[0], struct.unpack_from("<H", data, 28)[0]
        if int.from_bytes(data[30:34], "little") not in (0, 3):  # run-length encoded
            return ""
        return _describe(has_erased_rows(data, start, (image.width * bits + 31) // 32 * 4))
    spans = {"WEBP": _webp_spans, "HEIF": _heif_spans, "AVIF": _heif_spans}.get(image.format or "")
    if spans is None:
        return ""
    metadata = image.info.get("exif") or b""
    least = _RUN
    if image.format == "WEBP":
        least = max(_RUN, image.width * image.height // _PIXELS_A_BYTE)
    return _describe(any(has_run(_cut_out(data[a:b], metadata), least) for a, b in spans(data)))


def has_run(data: bytes, least: int = _RUN) -> bool:
    """Return whether compressed data have a run of zeroed or erased bytes.

    Args:
        data: coded pixels.
        least: bytes of the run, at least `_RUN`.
    """
    values = np.frombuffer(data, np.uint8)
    step = _RUN // 2  # a run covers at least two samples
    samples = values[::step]
    same = (samples[1:] == samples[:-1]) & np.isin(samples[1:], _ERASED)
    for at in (np.flatnonzero(same) * step).tolist():
        around = values[max(0, at - least) : at + step + least] == values[at]
        if _longest_run(around) >= least:
            return True
    return False


def has_erased_rows(data: bytes | memoryview, start: int, stride: int) -> bool:
    """Return whether rows of uncompressed pixels were zeroed or erased.

    A bar or frame continues in the row above, and the outline of a shape crosses several rows. An
    erased block begins within a row, below and after other values, and ends so or with the file.

    Args:
        data: content of the file.
        start: offset of the first row.
        stride: bytes of a row, padding included.
    """
    values = np.frombuffer(data, np.uint8)[start:]
    for first, end in _find_long_runs(values, stride):
        value = values[first]
        left, right = -first % stride, end % stride  # bytes of its first and last row
        before = values[first - stride : first - stride + left] if first >= stride else values[:0]
        after = values[end + stride - right : end + stride]
        starts = _differs(before, value) and _differs(values[first - stride : first], value)
        ends = _differs(after, value) and _differs(values[end : end + stride], value)
        if starts and (ends or end == len(values)):
            return True
    return False


def _find_long_runs(values: Bytes, stride: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of the runs of erased bytes that are longer than a row."""
    step = max(1, stride // 2)
    samples = values[::step]
    same = (samples[1:] == samples[:-1]) & np.isin(samples[1:], _ERASED)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    for low, high in edges.reshape(-1, 2).tolist():  # samples low to high have one value
        first, last = low * step, high * step
        if (values[first : last + 1] != values[first]).any():
            continue
        before = values[max(0, first - step) : first][::-1] == values[first]
        after = values[last : last + step + 1] == values[first]
        first -= len(before) if before.all() else int(before.argmin())
        end = last + (len(after) if after.all() else int(after.argmin()))
        if end - first > stride:
            yield first, end


def _differs(neighbours: Bytes, value: np.uint8) -> bool:
    """Return whether enough bytes (N,) around a run differ from its value."""
    far = np.abs(neighbours.astype(np.int16) - int(value)) > _OTHER
    return len(far) >= _LEAST and bool(far.mean() >= _MOSTLY)


def _longest_run(flags: NDArray[np.bool_]) -> int:
    """Return the length of the longest run of true values in (N,) flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _check_png(data: bytes) -> str:
    """Check the checksums of all critical chunks (PNG specification, 5.4); Pillow does not."""
    view, at = memoryview(data), 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        is_critical = not kind[:1].islower()
        if is_critical and zlib.crc32(view[at + 4 : end]) != int.from_bytes(
            data[end : end + 4], "big"
        ):
            return "a PNG chunk does not fit its checksum"
        if kind == b"IEND":
            return ""
        at = end + 4
    return "the data end early"


def _check_tiff(image: Any, data: bytes) -> str:
    tags = image.tag_v2
    offsets, counts = next(
        ((tags[a], tags[b]) for a, b in (_STRIPS, _TILES) if a in tags and b in tags), ((), ())
    )
    compression = tags.get(_COMPRESSION, _UNCOMPRESSED)
    pieces = [(int(at), int(at) + int(count)) for at, count in zip(offsets, counts, strict=False)]
    if compression == _UNCOMPRESSED:
        stride = sum(end - start for start, end in pieces) // image.height
        in_rows = _STRIPS[0] in tags and tags.get(_PLANES, 1) == 1
        if not (in_rows and stride and all(a[1] == b[0] for a, b in itertools.pairwise(pieces))):
            return ""
        return _describe(has_erased_rows(memoryview(data)[: pieces[-1][1]], pieces[0][0], stride))
    if compression in _DEFLATE:  # has a checksum, and runs in flat pictures
        return "" if all(_inflates(data[a:b]) for a, b in pieces) else "broken deflate data"
    return _describe(any(has_run(data[a:b]) for a, b in pieces))


def _inflates(data: bytes) -> bool:
    """Return whether zlib data end as they should, with their checksum."""
    inflater = zlib.decompressobj()
    try:
        while data and not inflater.eof:
            inflater.decompress(data, _BLOCK)
            data = inflater.unconsumed_tail
    except zlib.error:
        return False
    return inflater.eof


def _webp_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where coded data lie (WebP container specification)."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] in (b"VP8 ", b"VP8L"):
            yield at + 8, at + 8 + size
        at += 8 + size + size % 2


def _heif_spans(data: bytes) -> Iterator[tuple[int, int]]:
    return find_boxes(data, b"mdat")


def _cut_out(data: bytes, part: bytes) -> bytes:
    """Return the data without a part that may itself have runs, such as EXIF."""
    at = data.find(part) if len(part) > _RUN else -1
    return data if at < 0 else data[:at] + data[at + len(part) :]


def _describe(is_damaged: bool) -> str:
    return "a block of its data is zeroed or erased" if is_damaged else ""
