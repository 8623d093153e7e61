"""Choose the steps of a training that has to end in a given time."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import keras

from dedupe.siamese.batches import make_batch
from dedupe.siamese.config import TrainingPlan
from dedupe.siamese.dataset import PhotoArray
from dedupe.siamese.trainer import build_trainer

FINE_TUNING_RATE = 3e-4
"""Highest learning rate from finished weights: a seventh of the rate from random weights."""

_PAIRS = (32, 128)  # photos of a step, least and most
_ENOUGH_STEPS = 300  # before a step grows beyond its least photos
_PHOTOS_PER_PAIR = 4  # a step shows at most a quarter of the photos
_TIMED = 3  # steps that are timed; the one before them compiles
_TRAINING_SHARE = 0.8  # of the minutes; reading, calibration and export take the rest


def fit_to_minutes(
    plan: TrainingPlan, photos: PhotoArray, *, start: Path | None, folder: Path
) -> TrainingPlan:
    """Return the plan with photos a step, steps and, from given weights, the learning rate chosen.

    Times a few steps on this machine. A run that finds its own checkpoint keeps the checkpoint's
    choice, so that it can go on.

    Args:
        plan: how to train otherwise; `minutes` is the length of the whole run.
        photos: (N, H, H, 3) uint8 to train on.
        start: weights to start from.
        folder: where the checkpoint is kept.
    """
    minutes = plan.minutes or 0.0
    rate = FINE_TUNING_RATE if start else plan.learning_rate
    chosen = replace(plan, pairs=_choose_pairs(len(photos)), learning_rate=rate)
    known = _read_checkpoint(chosen, folder)
    if known is not None:
        return known
    seconds = _time_step(chosen, photos, start) / chosen.pairs  # for each photo
    views = minutes * 60 * _TRAINING_SHARE / seconds
    pairs = int(min(max(views / _ENOUGH_STEPS, _PAIRS[0]), chosen.pairs))
    return replace(chosen, pairs=pairs, steps=max(1, int(views / pairs)))


def _choose_pairs(photos: int) -> int:
    """Return the photos of a step where time is no limit."""
    least, most = _PAIRS
    return min(max(least, min(most, photos // _PHOTOS_PER_PAIR)), photos)


def _time_step(plan: TrainingPlan, photos: PhotoArray, start: Path | None) -> float:
    """Return the seconds of one training step on views of full size."""
    full = replace(plan, small_share=0)
    trainer = build_trainer(full, start)
    trainer.train_on_batch(make_batch(photos, full, 0))
    since = time.perf_counter()
    for step in range(1, _TIMED + 1):
        trainer.train_on_batch(make_batch(photos, full, step))
    seconds = (time.perf_counter() - since) / _TIMED
    keras.utils.clear_session()
    return seconds


def _read_checkpoint(plan: TrainingPlan, folder: Path) -> TrainingPlan | None:
    """Return the plan of the checkpoint in `folder` if only its steps and pairs were chosen."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        saved = json.loads((folder / "checkpoint.json").read_text("utf-8"))["plan"]
        known = replace(plan, steps=int(saved["steps"]), pairs=int(saved["pairs"]))
        if saved == asdict(known):
            return known
    return None
