"""What is known of an encoder without running it: its manifest, a JSON file in its folder.

An encoder is a folder with `manifest.json`, `encoder.tflite` (LiteRT, for CPUs) and `encoder.keras`
(Keras, for GPUs and to train on). The two files compute in different numbers, so each has its own
fingerprint and its own calibration. Owns the format; opens neither file.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from dedupe.errors import EncoderError, UsageError, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Engine = Literal["litert", "keras", "own"]  # own: not a folder of dedupe
Device = Literal["auto", "cpu", "gpu"]
Runtime = Literal["auto", "litert", "keras"]
RATES = {"strict": 1e-7, "balanced": 1e-6, "loose": 1e-5, "wide": 1e-4}
"""Share of the pairs of different photos that each sensitivity may let through, at most."""

SENSITIVITIES = tuple(RATES)
BUILT_IN = Path(__file__).parent / "default"
MANIFEST, LITERT_FILE, KERAS_FILE = "manifest.json", "encoder.tflite", "encoder.keras"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A distance below which two images count as copies, and how often that is wrong."""

    distance: float  # Euclidean between unit vectors, in [0, 2]
    false_positive_rate: float  # share of pairs of different photos that lie closer
    recall: float  # share of the calibration's changed copies that lie closer


@dataclass(frozen=True, slots=True)
class Calibration:
    """Thresholds and head of one of an encoder's two files, or of an own encoder."""

    fingerprint: str  # of the file; embeddings of different fingerprints never mix
    thresholds: dict[str, Threshold]  # by sensitivity; empty until it is calibrated
    head: dict[str, float]  # probability of a copy = sigmoid(bias - scale * distance)
    basis: dict[str, Any]  # what both rest on: photos, false_pairs, and the numbers of the weights


@dataclass(frozen=True, slots=True)
class Manifest:
    """An encoder, as one of the two engines runs it."""

    name: str
    side: int  # edge of the input square, pixels
    dimension: int  # length of an embedding
    engine: Engine
    calibrations: dict[Engine, Calibration]
    training: dict[str, Any]  # how the weights were made, from which photos, under which licences

    @property
    def fingerprint(self) -> str:
        """Names the file that the engine runs, in 16 hex digits."""
        return self.calibrations[self.engine].fingerprint

    @property
    def thresholds(self) -> dict[str, Threshold]:
        """By sensitivity, for the engine."""
        return self.calibrations[self.engine].thresholds

    @property
    def head(self) -> dict[str, float]:
        """`scale` and `bias`, for the engine."""
        return self.calibrations[self.engine].head

    def threshold(self, sensitivity: str) -> float:
        """Return the calibrated distance of a sensitivity, one of `SENSITIVITIES`.

        Raises:
            UsageError: there is no such sensitivity.
            EncoderError: the encoder was never calibrated, as its making was stopped at the end.
        """
        if not self.thresholds:
            raise EncoderError(
                f"encoder {self.name} was not finished; run `dedupe train` into its folder again"
            )
        if sensitivity not in self.thresholds:
            raise UsageError(
                f"sensitivity {sensitivity!r} is unknown; choose {', '.join(self.thresholds)}"
            )
        return self.thresholds[sensitivity].distance

    def threshold_at(self, rate: float) -> float:
        """Return the distance at a rate of false pairs, between those that were calibrated.

        Linear in the logarithm of the rate, and never outside what was measured.

        Raises:
            EncoderError: as for `threshold`.
        """
        distances = [self.threshold(name) for name in SENSITIVITIES]
        logs = [math.log(known) for known in RATES.values()]
        import numpy as np  # takes a tenth of a second; `dedupe --help` needs none of it

        return round(float(np.interp(math.log(rate), logs, distances)), 3)

    def write(self, folder: Path) -> None:
        """Write `manifest.json` into `folder`."""
        fields = asdict(self)
        del fields["engine"]
        fields |= fields.pop("calibrations") | {"training": fields.pop("training")}
        (folder / MANIFEST).write_text(json.dumps(fields, indent=2) + "\n", "utf-8")


def read_manifest(folder: Path, engine: Engine = "litert") -> Manifest:
    """Read the manifest of the encoder in `folder`, for the engine that will run it.

    Raises:
        EncoderError: there is none, or it is damaged.
    """
    try:
        fields = json.loads((folder / MANIFEST).read_text("utf-8"))
        calibrations: dict[Engine, Calibration] = {
            "litert": _read_calibration(fields.pop("litert")),
            "keras": _read_calibration(fields.pop("keras")),
        }
        manifest = Manifest(engine=engine, calibrations=calibrations, **fields)
    except OSError as error:
        raise EncoderError(f"{folder} is not an encoder: {error.strerror or error}") from error
    except KeyError as error:
        raise EncoderError(f"{folder / MANIFEST} is damaged: {error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise EncoderError(f"{folder / MANIFEST} is damaged: {one_line(error)}") from error
    _check_numbers(manifest, folder)
    return manifest


def _read_calibration(fields: dict[str, Any]) -> Calibration:
    thresholds = {name: Threshold(**t) for name, t in fields.pop("thresholds").items()}
    return Calibration(thresholds=thresholds, **fields)


def _check_numbers(manifest: Manifest, folder: Path) -> None:
    sizes = (manifest.side, manifest.dimension)
    if not all(type(size) is int and size > 0 for size in sizes):
        raise EncoderError(f"{folder / MANIFEST} is damaged: its sizes are {sizes}")
    for calibration in manifest.calibrations.values():
        distances = [threshold.distance for threshold in calibration.thresholds.values()]
        if not all(isinstance(d, int | float) and 0 <= d <= 2 for d in distances):
            raise EncoderError(f"{folder / MANIFEST} is damaged: its distances are {distances}")


def fingerprint(file: Path) -> str:
    """Return the 16 hex digits that name a file of an encoder: BLAKE2b of its bytes.

    Raises:
        EncoderError: it cannot be read.
    """
    try:
        return hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest()
    except OSError as error:
        raise EncoderError(f"{file}: {error.strerror or error}") from error


class Encoder(Protocol):
    """A running encoder."""

    manifest: Manifest
    batch_size: int

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map (B, side, side, 3) uint8 RGB to (B, dimension) float32 rows of norm 1."""


class OwnEncoder(Protocol):
    """An encoder of another origin; `dedupe.encoder.own.adapt` makes an `Encoder` of it."""

    side: int
    """Edge of the input square, in pixels."""
    dimension: int
    """Length of an embedding."""
    fingerprint: str
    """Names weights and preprocessing, in 4 to 64 letters, digits, dots, dashes: embeddings of two
    fingerprints are never compared."""

    def embed(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map (B, side, side, 3) uint8 RGB to (B, dimension) float32 of any norm but 0.

        Whole images are squashed to the square. Called by one thread at a time, always with the
        same B.
        """
