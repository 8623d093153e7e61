"""Top-level boxes of a HEIF or AVIF file."""

from __future__ import annotations

from dedupe.decode.boxes import find_boxes, measure_box


def box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def test_boxes_of_a_kind_are_found_in_order() -> None:
    data = box(b"ftyp", b"heic") + box(b"mdat", b"one") + box(b"free", b"") + box(b"mdat", b"two")
    assert [data[a:b] for a, b in find_boxes(data, b"mdat")] == [b"one", b"two"]
    assert measure_box(data, b"mdat") == 6


def test_a_box_can_be_long_or_reach_to_the_end() -> None:
    long = (1).to_bytes(4, "big") + b"mdat" + (19).to_bytes(8, "big") + b"one"
    assert measure_box(long + box(b"free", b""), b"mdat") == 3
    assert measure_box(bytes(4) + b"mdat" + b"to the end", b"mdat") == 10


def test_a_broken_box_ends_the_search() -> None:
    assert measure_box((3).to_bytes(4, "big") + b"mdat" + b"x" * 99, b"mdat") == 0
    assert measure_box(b"", b"mdat") == 0
