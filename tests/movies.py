"""Movies built by hand: their boxes, without a frame."""

from __future__ import annotations

import struct

NAME = b"6F0C2B1A-91D2-4C53-8B53-0A2F4E6D7C81"


def a_movie(seconds: float = 2.5, *, identifier: bytes = b"", long: bool = False) -> bytes:
    """Return a QuickTime file of a length; `long` states it in 64 bits."""
    if long:
        header = struct.pack(">IQQIQ", 1 << 24, 0, 0, 600, round(600 * seconds))
    else:
        header = struct.pack(">IIIII", 0, 0, 0, 600, round(600 * seconds))
    index = box(b"mvhd", header + bytes(80))
    if identifier:
        keys = box(b"keys", b"mdtacom.apple.quicktime.content.identifier")
        index += box(b"meta", keys + box(b"ilst", bytes(16) + identifier))
    return box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"mdat", bytes(5000)) + box(b"moov", index)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
