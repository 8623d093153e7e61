"""Raw files built by hand: a DNG of 12 bits with an RGGB sensor, and damaged files of cameras."""

from __future__ import annotations

import struct

import numpy as np

WIDTH, HEIGHT = 400, 300
_BYTES, _TEXT, _SHORT, _LONG, _RATIONAL, _SIGNED_RATIONAL = 1, 2, 3, 4, 5, 10
_LETTERS = {_SHORT: "H", _LONG: "I", _RATIONAL: "I", _SIGNED_RATIONAL: "i"}


CAMERAS = {
    "cr2": (b"II*\0\x10\0\0\0CR\2\0", b"Canon"),
    "cr3": (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", b"Canon"),
    "nef": (b"", b"NIKON CORPORATION"),
    "nrw": (b"", b"NIKON"),
    "arw": (b"", b"SONY"),
    "dng": (b"", b"A maker"),
    "orf": (b"IIRO\x08\0\0\0", b"OLYMPUS"),
    "rw2": (b"IIU\0\x18\0\0\0", b"Panasonic"),
    "raf": (b"FUJIFILMCCD-RAW 0201FF389301X-T1\0\0\0\0", b"FUJIFILM"),
    "pef": (b"", b"PENTAX"),
    "srw": (b"", b"SAMSUNG"),
    "x3f": (b"FOVb\0\0\2\0", b"SIGMA"),
}
"""By extension: the first bytes of a file, if they are not those of a DNG, and the maker."""


def damaged_camera_file(extension: str, seed: int) -> bytes:
    """Return bytes that begin as those of a camera, cut short, with flipped and zeroed parts."""
    head, maker = CAMERAS[extension]
    data = bytearray(dng(maker=maker))
    if head:
        data[: len(head)] = head
    rng = np.random.default_rng(seed)
    if seed % 5:  # each fifth file is whole
        for at in rng.integers(8, len(data), int(rng.integers(1, 40))):
            data[at] = int(rng.integers(256))
        for at in len(data) - rng.integers(1, 400, int(rng.integers(1, 12))):  # in the tags
            data[at] = int(rng.integers(256))
    if seed % 3 == 1:
        start = int(rng.integers(len(data)))
        data[start : start + 2000] = bytes(len(data[start : start + 2000]))
    if seed % 4 == 3:
        del data[int(rng.integers(16, len(data))) :]
    return bytes(data)


def dng(orientation: int = 1, *, maker: bytes = b"A maker") -> bytes:
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
        (271, _TEXT, maker + b"\0"),
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
