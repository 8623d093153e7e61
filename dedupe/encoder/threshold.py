"""The distance within which a scan takes two images for copies.

Reads the calibrated thresholds of a manifest; knows no image and no runtime.
"""

from __future__ import annotations

from dedupe.encoder.manifest import RATES, Manifest

_FALSE_CANDIDATES = 0.1  # mean false candidates for each image that verification accepts to reject


def choose_threshold(
    manifest: Manifest, sensitivity: str | None, threshold: float | None, *, verify: bool
) -> float:
    """Return the distance within which files are copies, from the options of `scan`.

    Args:
        threshold: a distance, in [0, 2], which replaces the sensitivity.

    Raises:
        UsageError: the sensitivity is unknown.
        EncoderError: the encoder was never calibrated.
    """
    usual = "wide" if verify else "balanced"
    return manifest.threshold(sensitivity or usual) if threshold is None else threshold


def narrow(manifest: Manifest, images: int) -> float:
    """Return the distance at which a tenth of the pictures have a false candidate.

    Every picture meets all others, so at a given rate the pairs that verification refuses grow
    with the square of their number: `wide` holds up to 1,000 images; from there on the rate falls
    in proportion, to that of `loose` at 10,000 and of `balanced` at 100,000 and more.
    """
    rate = _FALSE_CANDIDATES / max(images, 1)
    return manifest.threshold_at(min(max(rate, RATES["balanced"]), RATES["wide"]))
