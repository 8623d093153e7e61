"""Measure the thresholds of an encoder that dedupe did not train."""

from __future__ import annotations

import random
from collections.abc import Sequence

from dedupe.decode.formats import supported_extensions
from dedupe.encoder.calibrations import write_calibration
from dedupe.encoder.choice import AnyEncoder, choose_encoder
from dedupe.encoder.manifest import Calibration
from dedupe.errors import InputError, UsageError
from dedupe.siamese.calibrate import calibrate, leave_out_repeats
from dedupe.siamese.dataset import load_photos
from dedupe.types import Progress, no_progress
from dedupe.walk import walk

_FEWEST = 50  # photos: 4 views of each make 19,600 pairs, of which `wide` lets 1 through
_SMALLEST = 160  # pixels of a photo in memory; copies are cut from it
_TRAINED = 5 / 3  # edge of a photo in memory in relation to the input, as in training


def calibrate_encoder(
    encoder: AnyEncoder,
    roots: Sequence[str],
    *,
    count: int = 1000,
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> Calibration:
    """Measure which distance lets how many pairs of different photos through, and store it.

    Three changed copies of each photo are embedded beside it. Photos that are copies of another
    one are left out. Later scans with the same encoder, known by its fingerprint, find the
    thresholds in the state folder of the user.

    Args:
        encoder: an own encoder, see `dedupe.encoder.own.OwnEncoder`, or `NAME:ARGUMENT`.
        roots: folders of photos, and files.
        count: photos to measure with, drawn at random if there are more.
        seed: of the choice of photos and of the changes.
        on_progress: called as ("decode", 1, photos) after each photo.

    Returns:
        The thresholds: distance, measured false-positive rate and recall, by sensitivity.

    Raises:
        EncoderError: the encoder cannot be used.
        InputError: there are fewer than 50 different photos.
        UsageError: the encoder is a folder of dedupe, which has its thresholds.
    """
    opened = choose_encoder(encoder, calibrated=False)
    manifest = opened.manifest
    if manifest.engine != "own":
        raise UsageError(f"the encoder {manifest.name} has its thresholds in its manifest")
    paths = [file.path for file in walk(roots, extensions=supported_extensions()).files]
    if len(paths) > count:
        paths = sorted(random.Random(seed).sample(paths, count))
    side = max(_SMALLEST, round(manifest.side * _TRAINED))
    photos, _ = load_photos(paths, side=side, on_progress=on_progress)
    if len(photos) >= _FEWEST:
        photos = leave_out_repeats(opened.embed, photos, side=manifest.side)
    if len(photos) < _FEWEST:
        raise InputError(
            f"there are {len(photos)} different photos to calibrate with, and {_FEWEST} are "
            "needed; give a folder of a few hundred"
        )
    measured = calibrate(opened.embed, photos, side=manifest.side, seed=seed)
    found = Calibration(
        manifest.fingerprint,
        measured.thresholds,
        measured.head,
        {"photos": measured.photos, "false_pairs": measured.false_pairs, "seed": seed},
    )
    write_calibration(found)
    return found
