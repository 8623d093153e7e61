"""Compare a trained tower with the one that its training started from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedupe.errors import EncoderError
from dedupe.siamese.calibrate import calibrate, leave_out_repeats
from dedupe.siamese.config import TrainingPlan
from dedupe.siamese.dataset import PhotoArray
from dedupe.siamese.towers import build_tower, load_tower

_SENSITIVITY = "balanced"
_BATCH = 128


def compare_with_start(
    tower: Any, start: Path, plan: TrainingPlan, held_out: PhotoArray
) -> dict[str, float] | None:
    """Return the share of copies that both towers find among photos that neither was trained on.

    Args:
        tower: the trained Keras model, uint8 (B, side, side, 3) -> float32 (B, embedding).
        start: the weights that training started from.
        plan: how the tower was trained.
        held_out: (N, H, H, 3) uint8 photos; copies of one another are left out.

    Returns:
        `before` and `after`, in [0, 1]; None if `start` holds no whole tower, but a backbone.

    Raises:
        EncoderError: the trained tower finds fewer copies.
    """
    former = build_tower(plan.tower, side=plan.side, embedding=plan.embedding)
    try:
        load_tower(former, start)
    except EncoderError:
        return None
    distinct = leave_out_repeats(_embedder(former), held_out, side=plan.side)
    before, after = (_recall(each, plan, distinct) for each in (former, tower))
    if after < before:
        raise EncoderError(
            f"the new encoder finds {after:.1%} of the copies of {len(distinct)} held-out photos, "
            f"the one it started from {before:.1%}: it was not written; train on more photos, "
            "for longer, or with a lower learning rate"
        )
    return {"before": before, "after": after}


def _recall(tower: Any, plan: TrainingPlan, photos: PhotoArray) -> float:
    measured = calibrate(_embedder(tower), photos, side=plan.side, seed=plan.seed)
    return measured.thresholds[_SENSITIVITY].recall


def _embedder(tower: Any) -> Any:
    """Return a function from (N, side, side, 3) uint8 to (N, D) float32 unit vectors."""

    def embed(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(tower.predict(pixels, batch_size=_BATCH, verbose=0), np.float32)

    return embed
