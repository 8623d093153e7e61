"""Read how a JPEG was quantised: tables, chroma sub-sampling, quality (ITU-T T.81)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ZIGZAG = np.array(
    sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))
)
_STANDARD_MEAN = 57.625  # of the luma table of T.81, annex K.1


@dataclass(frozen=True, slots=True, eq=False)
class JpegTables:
    """How a JPEG rounds, in the frame of the upright image."""

    luma: NDArray[np.float32]  # (8, 8) steps, row = vertical frequency
    chroma: float  # mean step of the chroma table; that of luma for a grey image
    subsampling: int  # luma samples a chroma sample: 1, 2 or 4
    offset: tuple[int, int]  # x and y of the block grid, in [0, 8)

    @property
    def quality(self) -> int:
        """Quality on libjpeg's scale, in [1, 100]."""
        scale = float(self.luma.mean()) / _STANDARD_MEAN
        return int(np.clip(round(100 - 50 * scale if scale <= 1 else 50 / scale), 1, 100))


def read_tables(data: bytes, width: int, height: int, orientation: int = 1) -> JpegTables | None:
    """Return the tables of a JPEG; None if its header cannot be followed.

    Args:
        data: the bytes of the file, or its beginning up to the first scan.
        width, height: of the upright image, pixels.
        orientation: EXIF orientation, in [1, 8].
    """
    tables: dict[int, NDArray[np.float32]] = {}
    components: list[tuple[int, int, int]] = []  # horizontal, vertical sampling, table
    at = 2
    try:
        while True:
            while data[at] == 0xFF and data[at + 1] == 0xFF:
                at += 1
            if data[at] != 0xFF:
                return None
            marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
            body = data[at + 4 : at + 2 + length]
            if marker == 0xDB:
                _read_steps(body, tables)
            elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                components = [
                    (body[7 + 3 * i] >> 4, body[7 + 3 * i] & 15, body[8 + 3 * i])
                    for i in range(body[5])
                ]
            elif marker == 0xDA:
                break
            at += 2 + length
        luma = tables[components[0][2]]
        chroma = tables[components[1][2]] if len(components) > 1 else luma
        horizontal, vertical = components[0][:2]
        if len(components) > 1:
            horizontal //= max(1, components[1][0])
            vertical //= max(1, components[1][1])
    except (IndexError, KeyError):
        return None
    if orientation in (5, 6, 7, 8):
        luma = luma.T
    x = width % 8 if orientation in (2, 3, 6, 7) else 0
    y = height % 8 if orientation in (3, 4, 7, 8) else 0
    return JpegTables(luma, float(chroma.mean()), max(1, horizontal * vertical), (x, y))


def _read_steps(body: bytes, tables: dict[int, NDArray[np.float32]]) -> None:
    """Add the tables of a DQT segment to `tables`, (8, 8) steps by number."""
    at = 0
    while at < len(body):
        wide, number = body[at] >> 4, body[at] & 15
        size = 128 if wide else 64
        steps = np.frombuffer(body[at + 1 : at + 1 + size], ">u2" if wide else "u1")
        table = np.empty(64, np.float32)
        table[_ZIGZAG] = np.maximum(steps[:64], 1)
        tables[number] = table.reshape(8, 8)
        at += 1 + size
