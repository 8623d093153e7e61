"""Pictures to scan, and an encoder of ten lines that finds their copies without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dedupe.encoder.manifest import Calibration, Manifest, Threshold

SIDE = 8
CALIBRATION = Calibration(
    fingerprint="00000000deadbeef",
    thresholds={
        "strict": Threshold(0.1, false_positive_rate=1e-8, recall=0.5),
        "balanced": Threshold(0.2, false_positive_rate=1e-6, recall=0.7),
        "loose": Threshold(0.4, false_positive_rate=1e-4, recall=0.9),
        "wide": Threshold(0.5, false_positive_rate=1e-3, recall=0.95),
    },
    head={"scale": 20.0, "bias": 5.0},
    basis={},
)
MANIFEST = Manifest(
    name="numpy",
    side=SIDE,
    dimension=SIDE * SIDE * 3 + 1,
    engine="litert",
    calibrations={"litert": CALIBRATION, "keras": CALIBRATION},
    training={},
)


class NumpyEncoder:
    """The pixels of a small square, less their mean: brightness and contrast do not matter."""

    manifest = MANIFEST
    batch_size = 32

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        flat = pixels.reshape(len(pixels), -1).astype(np.float64)  # (B, SIDE * SIDE * 3)
        flat -= flat.mean(axis=1, keepdims=True)
        rows = np.concatenate([flat, np.ones((len(flat), 1))], axis=1)  # a flat picture has a norm
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def write_encoder(folder: Path) -> Path:
    """Write a folder that `read_manifest` accepts; the encoder itself has no file."""
    folder.mkdir(parents=True, exist_ok=True)
    MANIFEST.write(folder)
    return folder


def draw(seed: int, width: int = 96, height: int = 72) -> Image.Image:
    """Return a smooth picture, another one for every seed, the same one at every size."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    """Write a picture in the format that its extension names, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path
