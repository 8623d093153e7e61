"""The distance within which a scan takes two images for copies.

Reads the calibrated thresholds of a manifest; knows no image and no runtime.
"""

from __future__ import annotations

from dedupe.encoder.manifest import RATES, Manifest

_FALSE_CANDIDATES = 30.0
"""Mean number of false candidates of an image: half of what a search lists (`MAX_NEIGHBOURS`).
Most are refused by thumbnails in less time than an image takes to embed."""


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
    """Return the largest distance of a pair that a scan without a sensitivity verifies.

    Every picture meets all others, so at a given rate the false candidates of a picture grow with
    their number. `wide` holds up to 300,000 images, which have 30 each; from there on the rate
    falls in proportion, to a third of `wide` at a million.
    """
    rate = _FALSE_CANDIDATES / max(images, 1)
    return manifest.threshold_at(min(max(rate, RATES["balanced"]), RATES["wide"]))
