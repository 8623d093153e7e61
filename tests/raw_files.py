"""A raw file built by hand: a DNG of 12 bits with an RGGB sensor."""

from __future__ import annotations

import struct

import numpy as np

WIDTH, HEIGHT = 400, 300
_BYTES, _TEXT, _SHORT, _LONG, _RATIONAL, _SIGNED_RATIONAL = 1, 2, 3, 4, 5, 10
_LETTERS = {_SHORT: "H", _LONG: "I", _RATIONAL: "I", _SIGNED_RATIONAL: "i"}


def dng(orientation: int = 1) -> bytes:
    """Return a DNG with red that grows to the right and blue that grows downwards."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    is_red, is_blue = (y % 2 == 0) & (x % 2 == 0), (y % 2 == 1) & (x % 2 == 1)
    sensor = np.where(is_red, x * 8, np.where(is_blue, y * 10, 1500)).astype("<u2").tobytes()
    identity = [v for row in range(3) for col in range(3) for v in (int(row == col), 1)]
    tags: list[tuple[int, int, bytes | list[int]]] = [
        (254, _LONG, [0]),  # the whole picture
        (256, _LONG, [WIDTH]),
        (257, _LONG, [HEIGHT]),
        (258, _SHORT, [16]),
        (259, _SHORT, [1]),  # no compression
        (262, _SHORT, [32803]),  # colour filter array
        (271, _TEXT, b"A maker\0"),
        (272, _TEXT, b"A model\0"),
        (273, _LONG, [8]),
        (274, _SHORT, [orientation]),
        (277, _SHORT, [1]),
        (278, _LONG, [HEIGHT]),
        (279, _LONG, [len(sensor)]),
        (33421, _SHORT, [2, 2]),
        (33422, _BYTES, bytes([0, 1, 1, 2])),
        (50706, _BYTES, bytes([1, 4, 0, 0])),  # DNG version
        (50708, _TEXT, b"A model\0"),
        (50714, _SHORT, [0]),  # black
        (50717, _LONG, [4095]),  # white
        (50721, _SIGNED_RATIONAL, identity),  # colour matrix
        (50728, _RATIONAL, [1, 1] * 3),  # neutral white
        (50778, _SHORT, [21]),
    ]
    return b"II*\0" + struct.pack("<I", 8 + len(sensor)) + sensor + _pack(tags, 8 + len(sensor))


def _pack(tags: list[tuple[int, int, bytes | list[int]]], at: int) -> bytes:
    """Return an image file directory of TIFF that starts at an offset."""
    entries, others = struct.pack("<H", len(tags)), b""
    rest = at + 2 + 12 * len(tags) + 4
    for tag, kind, values in tags:
        data = (
            values
            if isinstance(values, bytes)
            else struct.pack(f"<{len(values)}{_LETTERS[kind]}", *values)
        )
        count = len(values) // 2 if kind in (_RATIONAL, _SIGNED_RATIONAL) else len(values)
        entries += struct.pack("<HHI", tag, kind, count)
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", rest + len(others))
            others += data
    return entries + bytes(4) + others
