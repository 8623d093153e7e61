"""Photos in memory for training: decoded once, squashed to a square, split by content.

Owns which photo is trained on and which is held out; the split depends on each file's digest alone,
so adding photos moves none from one side to the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import joblib
import numpy as np
from numpy.typing import NDArray

from dedupe.decode.formats import supported_extensions
from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable, read
from dedupe.errors import InputError
from dedupe.files import digest
from dedupe.threads import count_workers
from dedupe.types import Progress, no_progress
from dedupe.walk import walk

PhotoArray = NDArray[np.uint8]  # (N, side, side, 3) RGB


def load_photos(
    roots: Sequence[str],
    *,
    side: int,
    workers: int | None = None,
    on_progress: Progress = no_progress,
) -> tuple[PhotoArray, list[str]]:
    """Decode every photo below `roots`, each content once.

    Args:
        roots: folders or files.
        side: edge of the square that each photo is squashed to, in pixels.
        workers: decoding threads; None for one per core.
        on_progress: called as ("decode", 1, files in all) after each file.

    Returns:
        (N, side, side, 3) uint8 RGB in path order, and the N content digests. Unreadable files
        are left out.

    Raises:
        InputError: a root is missing.
    """
    found = walk(roots, extensions=supported_extensions()).files
    contents: dict[str, PhotoArray] = {}
    parallel = joblib.Parallel(count_workers(workers), backend="threading", return_as="generator")
    for loaded in parallel(joblib.delayed(_load)(file.path, side) for file in found):
        on_progress("decode", 1, len(found))
        if loaded is not None:
            contents.setdefault(loaded[0], loaded[1])
    if not contents:
        return np.empty((0, side, side, 3), np.uint8), []
    return np.stack(list(contents.values())), list(contents)


def squash(photo: PhotoArray, side: int) -> PhotoArray:
    """Return one photo, (H, W, 3), as input of a tower: (side, side, 3), averaged over areas."""
    return np.asarray(cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _load(path: str, side: int) -> tuple[str, PhotoArray] | None:
    try:
        data = read(path)
        return digest.digest_bytes(data), decode(data, side=side).pixels
    except Unreadable:
        return None


def split_photos(
    photos: PhotoArray, digests: Sequence[str], *, held_out: float
) -> tuple[PhotoArray, PhotoArray]:
    """Split into photos to train on and photos to calibrate on.

    Args:
        photos: (N, side, side, 3).
        digests: N content digests.
        held_out: share to keep for calibration, in (0, 1).

    Raises:
        InputError: fewer than two photos on either side.
    """
    share = np.array([int(d[:8], 16) / 2**32 for d in digests])
    kept = share < held_out
    if min(kept.sum(), (~kept).sum()) < 2:
        raise InputError(
            f"{len(digests)} readable photos are too few to train on; give at least a few hundred"
        )
    return photos[~kept], photos[kept]
