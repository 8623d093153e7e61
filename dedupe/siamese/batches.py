"""The views of a step: which photos, and two views of each; one plan gives the same batches."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.siamese.augment import MILD, STRONG, augment
from dedupe.siamese.config import TrainingPlan
from dedupe.siamese.dataset import PhotoArray, squash
from dedupe.siamese.mining import LookAlikes

Views = NDArray[np.uint8]  # (2 B, S, S, 3) RGB; rows i and i + B show one photo

_TURN, _ZOOM = 10, 0.1  # degrees and share, at most, of the views that the seeds trained on


def make_batch(
    photos: PhotoArray, plan: TrainingPlan, step: int, alike: LookAlikes | None = None
) -> Views:
    """Make the views of a step: first every photo's mild view, then every photo's strong one.

    Turned views are the photo as it is, then turned and zoomed.
    """
    rng = np.random.default_rng((plan.seed, step))
    chosen = rng.choice(len(photos), plan.pairs, replace=False)
    if alike is not None:
        chosen = _with_look_alikes(chosen, alike, round(plan.hard_share * plan.pairs), rng)
    side = plan.side_at(step)
    if plan.views == "turned":
        still = [squash(photos[i], side) for i in chosen]
        return np.stack(still + [turn(photos[i], side, rng) for i in chosen])
    views = [augment(photos[i], side, strength, rng) for strength in (MILD, STRONG) for i in chosen]
    return np.stack(views)


def _with_look_alikes(
    chosen: NDArray[np.int64], alike: LookAlikes, hard: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return (B,) photos, each once, the last `hard` of them look-alikes of the first ones.

    Args:
        chosen: (B,) photo numbers.
        alike: (N, K) the look-alikes of each photo.
    """
    first = chosen[: len(chosen) - hard]
    anchors = rng.choice(first, hard)
    found = np.setdiff1d(alike[anchors, rng.integers(0, alike.shape[1], hard)], first)
    rest = np.setdiff1d(chosen[len(first) :], found)
    return np.concatenate([first, found, rest])[: len(chosen)]


def turn(photo: PhotoArray, side: int, rng: np.random.Generator) -> PhotoArray:
    """Return a photo (H, W, 3) squashed, turned by +-10 degrees and zoomed by +-10 %.

    The task of the seeds. What comes in from outside repeats the edge.
    """
    centre = ((side - 1) / 2, (side - 1) / 2)
    angle, zoom = rng.uniform(-_TURN, _TURN), rng.uniform(1 - _ZOOM, 1 + _ZOOM)
    matrix = cv2.getRotationMatrix2D(centre, angle, zoom)
    turned = cv2.warpAffine(
        squash(photo, side), matrix, (side, side),
        flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(turned, np.uint8)
