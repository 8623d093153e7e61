"""From a folder of photos to an encoder's folder: load, split, train, calibrate, export."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras

from dedupe.encoder import (
    KERAS_FILE,
    LITERT_FILE,
    LiteRTEncoder,
    Manifest,
    fingerprint,
    read_manifest,
)
from dedupe.errors import EncoderError
from dedupe.siamese.calibrate import calibrate, leave_out_repeats
from dedupe.siamese.photos import PhotoArray, load_photos, split_photos
from dedupe.siamese.train import Progress, TrainingPlan, train, writing


def make_encoder(
    roots: Sequence[str],
    folder: Path,
    plan: TrainingPlan,
    *,
    sources: Sequence[str] = (),
    start: Path | None = None,
    on_photo: Callable[[], None] = lambda: None,
    on_step: Callable[[Progress], None] = lambda _: None,
) -> Manifest:
    """Train an encoder on the photos below `roots` and write it to `folder`.

    The training log and checkpoints go to `folder/training`; a run that was stopped goes on there.

    Args:
        roots: folders of photos.
        folder: where the encoder is written.
        plan: how to train.
        sources: what the manifest says of the photos' origin and licences.
        start: weights to start from, for fine-tuning.
        on_photo: called after each photo is read.
        on_step: called after each training step.

    Raises:
        InputError: too few photos.
        EncoderError: training failed, or `folder` cannot be written.
    """
    with writing(folder):
        (folder / "training").mkdir(parents=True, exist_ok=True)
    photos, digests = load_photos(roots, side=plan.photo_side, on_photo=on_photo)
    learned, held_out = split_photos(photos, digests, held_out=plan.held_out)
    del photos
    tower = train(learned, plan, folder=folder / "training", start=start, on_step=on_step)
    training = {
        "photos": len(learned),
        "sources": list(sources),
        "plan": asdict(plan),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
    }
    if start is not None:
        training["started_from"] = _origin(start)
    with writing(folder):
        return export(tower, folder, plan, held_out, training)


def _origin(start: Path) -> dict[str, Any]:
    """How the weights that training started from were made, if their manifest stands beside."""
    with contextlib.suppress(EncoderError):
        return read_manifest(start.parent).training
    return {"file": start.name}


def export(
    tower: Any, folder: Path, plan: TrainingPlan, held_out: PhotoArray, training: dict[str, Any]
) -> Manifest:
    """Write a tower as an encoder: Keras, LiteRT, and a manifest with calibrated thresholds.

    Args:
        tower: the trained network, uint8 (B, side, side, 3) -> float32 (B, embedding).
        folder: where to write; made if missing.
        plan: how the tower was trained.
        held_out: (N, H, H, 3) uint8 photos to calibrate on.
        training: what the manifest records of the training.

    Raises:
        EncoderError: Keras runs on a backend that cannot write LiteRT.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tower.save(folder / KERAS_FILE)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            _write_litert(tower, folder / LITERT_FILE)
    except (ValueError, ImportError) as error:
        raise EncoderError(
            f"the {keras.backend.backend()} backend cannot write LiteRT: {error}; "
            f"run `dedupe train` once more with KERAS_BACKEND=tensorflow to finish"
        ) from error
    manifest = Manifest(
        name=plan.tower,
        side=plan.side,
        dimension=plan.embedding,
        fingerprint=fingerprint((folder / LITERT_FILE).read_bytes()),
        thresholds={},
        calibration={},
        head={},
        training=training,
    )
    manifest.write(folder)
    return _calibrated(folder, manifest, held_out, plan.seed)


def _write_litert(tower: Any, path: Path) -> None:
    """Weights as float16: half the size, and the runtime computes in float32 all the same."""
    import tensorflow as tf

    tower.export(
        str(path),
        format="litert",
        verbose=False,
        optimizations=[tf.lite.Optimize.DEFAULT],
        target_spec={"supported_types": [tf.float16]},
    )


def _calibrated(folder: Path, manifest: Manifest, held_out: PhotoArray, seed: int) -> Manifest:
    """Measure the LiteRT file that ships and write the manifest again with what came out."""
    embed = LiteRTEncoder(folder).embed
    distinct = leave_out_repeats(embed, held_out, side=manifest.side)
    measured = calibrate(embed, distinct, side=manifest.side, seed=seed)
    finished = replace(
        manifest,
        thresholds=measured.thresholds,
        head=measured.head,
        calibration={"photos": measured.photos, "false_pairs": measured.false_pairs},
    )
    finished.write(folder)
    return finished
