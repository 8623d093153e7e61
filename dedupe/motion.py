"""Compare how two animations move: evenly spaced frames, small and grey, and the whole duration.

Knows no file and no format.
"""

from __future__ import annotations

import base64
import binascii
import functools

import numpy as np
from numpy.typing import NDArray

FRAME_SIDE = 24  # edge of a small frame, pixels
COARSE_SIDE = 6  # edge of a coarse frame, pixels
_SMALL, _COARSE = 16, 256  # frames of an animation, at most: 21 kB of text
_LATE = 0.03, 20  # share and milliseconds by which the durations may differ: GIF has steps of 10 ms
_MEAN = 5.0  # mean difference of two small frames, levels: a palette of 16 colours has 2
_LARGE, _LARGE_SHARE = 30.0, 0.005
"""Difference of a small pixel that hardly any may have, and how many may, as a share."""
_LARGEST = 20.0  # difference of a pixel of a coarse frame, levels: 32 flat colours reach 15


@functools.cache
def choose_small(count: int) -> frozenset[int]:
    """Return the numbers of the frames of `count` that are compared as small frames."""
    return _space(count, _SMALL)


@functools.cache
def choose_coarse(count: int) -> frozenset[int]:
    """Return the numbers of the frames of `count` that are compared as coarse frames."""
    return _space(count, _COARSE)


def _space(count: int, most: int) -> frozenset[int]:
    """Return evenly spaced numbers below `count`, the first and the last among them."""
    return frozenset(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist())


def format_motion(duration: int, small: bytes, coarse: bytes) -> str:
    """Return the motion of an animation as one line of text.

    Args:
        duration: of all frames, milliseconds.
        small: frames of `FRAME_SIDE` x `FRAME_SIDE` grey, row by row.
        coarse: frames of `COARSE_SIDE` x `COARSE_SIDE` grey, likewise.
    """
    return f"{duration} {base64.b64encode(small).decode()} {base64.b64encode(coarse).decode()}"


def is_same_motion(first: str, second: str) -> bool:
    """Return whether two animations of equally many frames move alike.

    All frames that are compared must agree, so animations that share some are not the same.

    Args:
        first, second: of `format_motion`; "" equals none.
    """
    if not first or not second:
        return False
    try:
        (duration, small, coarse), (other, others, coarse_others) = _parse(first), _parse(second)
    except (ValueError, binascii.Error):
        return False
    share, least = _LATE
    if abs(duration - other) > max(least, share * max(duration, other)):
        return False
    if small.shape != others.shape or coarse.shape != coarse_others.shape:
        return False
    change = np.abs(small - others)  # (K, S * S)
    is_near = change.mean(axis=1) <= _MEAN
    is_like = (change > _LARGE).mean(axis=1) <= _LARGE_SHARE
    is_close = np.abs(coarse - coarse_others) <= _LARGEST
    return bool(is_near.all() and is_like.all() and is_close.all())


def _parse(motion: str) -> tuple[int, NDArray[np.float32], NDArray[np.float32]]:
    """Return the duration, the (K, S * S) small frames and the (L, C * C) coarse ones."""
    duration, small, coarse = motion.split(" ")
    frames = []
    for text, side in ((small, FRAME_SIDE), (coarse, COARSE_SIDE)):
        values = np.frombuffer(base64.b64decode(text), np.uint8).astype(np.float32)
        frames.append(values.reshape(-1, side * side))
    return int(duration), frames[0], frames[1]
