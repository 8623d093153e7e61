"""Find the boxes of one level of a HEIF, AVIF or MP4 file (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

from collections.abc import Iterator


def find_boxes(data: bytes, kind: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of the content of each box of a kind; stop at a broken one.

    Args:
        data: content of a file, or of a box that holds boxes.
        kind: four bytes, such as b"mdat".
    """
    at = 0
    while at + 8 <= len(data):
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = at + size if size else len(data)
        if end < at + head:
            return
        if data[at + 4 : at + 8] == kind:
            yield at + head, min(end, len(data))
        at = end


def measure_box(data: bytes, kind: bytes) -> int:
    """Return the bytes in all boxes of a kind."""
    return sum(end - start for start, end in find_boxes(data, kind))
