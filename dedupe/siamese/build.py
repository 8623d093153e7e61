"""From a folder of photos to an encoder's folder: load, split, train, calibrate, export."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from dedupe.encoder.manifest import MANIFEST, Manifest, read_manifest
from dedupe.errors import EncoderError
from dedupe.files.outputs import check_encoder_folder
from dedupe.siamese.compare import compare_with_start
from dedupe.siamese.config import TrainingPlan
from dedupe.siamese.dataset import load_photos, split_photos
from dedupe.siamese.export import export
from dedupe.siamese.log import LOG_COLUMNS
from dedupe.siamese.pace import fit_to_minutes
from dedupe.siamese.train import TrainingStep, train, writing
from dedupe.types import Progress, no_progress

ENCODER_MARKS = {
    MANIFEST: b'"litert": {',
    "training/training.csv": ",".join(LOG_COLUMNS).encode(),
    "training/checkpoint.json": b'"plan": {',
}
"""Files that mark the folder of an encoder, also if its training was interrupted."""


def make_encoder(
    roots: Sequence[str],
    folder: Path,
    plan: TrainingPlan,
    *,
    sources: Sequence[str] = (),
    start: Path | None = None,
    on_progress: Progress = no_progress,
    on_step: Callable[[TrainingStep], None] = lambda _: None,
) -> Manifest:
    """Train an encoder on the photos below `roots` and write it to `folder`.

    The training log and checkpoints go to `folder/training`; a run that was stopped goes on there.

    Args:
        roots: folders of photos.
        folder: where the encoder is written.
        plan: how to train.
        sources: what the manifest says of the photos' origin and licences.
        start: weights to start from, for fine-tuning.
        on_progress: called as ("decode", 1, photos in all) after each photo is read.
        on_step: called after each training step, with the numbers of the step.

    Raises:
        UsageError: the parts of the plan do not fit together, or `folder` holds files that are no
            encoder.
        InputError: too few photos.
        EncoderError: training failed, or `folder` cannot be written, or the new encoder finds fewer
            copies among held-out photos than the encoder of `start`.
    """
    plan.check()
    check_encoder_folder(str(folder), ENCODER_MARKS)
    with writing(folder):
        (folder / "training").mkdir(parents=True, exist_ok=True)
    photos, digests = load_photos(roots, side=plan.photo_side, on_progress=on_progress)
    learned, held_out = split_photos(photos, digests, held_out=plan.held_out)
    del photos
    log = folder / "training"
    if plan.minutes is not None:
        plan = fit_to_minutes(plan, learned, start=start, folder=log)
    trained = train(learned, plan, folder=log, start=start, on_step=on_step)
    training: dict[str, Any] = {
        "photos": len(learned),
        "sources": list(sources),
        "plan": asdict(plan),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
    }
    if start is not None:
        training["started_from"] = _origin(start)
        training["recall"] = compare_with_start(trained.tower, start, plan, held_out)
    with writing(folder):
        return export(trained, folder, plan, held_out, training)


def tower_of(start: Path | None) -> str | None:
    """Return the tower of a weights file, from the manifest beside it; None without a manifest."""
    manifest = _read_beside(start) if start is not None else None
    return manifest.name if manifest is not None else None


def _origin(start: Path) -> dict[str, Any]:
    """Return the training of the weights at the start, by their manifest; else the file name."""
    manifest = _read_beside(start)
    return manifest.training if manifest is not None else {"file": start.name}


def _read_beside(start: Path) -> Manifest | None:
    """The manifest of the encoder that a file of weights belongs to, if it has one."""
    with contextlib.suppress(EncoderError):
        return read_manifest(start.parent)
    return None
