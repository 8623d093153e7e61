"""Encoders that are not a folder of dedupe: a small protocol, found by name.

`--encoder NAME:ARGUMENT` opens the encoder that a package registered as NAME in the entry points
`dedupe.encoders`. Knows no photo; thresholds come from `dedupe.encoder.calibrations`.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from dedupe.encoder.calibrations import read_calibration
from dedupe.encoder.manifest import Calibration, Manifest, OwnEncoder
from dedupe.errors import DedupeError, EncoderError, one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUP = "dedupe.encoders"  # of entry points
_SPEC = re.compile(r"([a-z][a-z0-9_]+):(.+)", re.DOTALL)  # two letters: C:\ is a drive
_FINGERPRINT = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{3,63}")
_BATCH = 16


class AdaptedEncoder:
    """An own encoder as the pipeline calls it: fixed batches, unit vectors, any thread."""

    def __init__(
        self, own: OwnEncoder, calibration: Calibration, *, name: str, batch_size: int | None = None
    ) -> None:
        self.manifest = Manifest(name, own.side, own.dimension, "own", {"own": calibration}, {})
        self.batch_size = batch_size or _BATCH
        self._own = own
        self._lock = threading.Lock()

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map (B, side, side, 3) uint8 RGB to (B, dimension) float32 rows of norm 1.

        Raises:
            EncoderError: the encoder fails, or returns another shape, numbers that are not finite,
                or a vector of norm 0.
        """
        vectors = np.empty((len(pixels), self.manifest.dimension), np.float32)
        for start in range(0, len(pixels), self.batch_size):
            batch = pixels[start : start + self.batch_size]
            vectors[start : start + len(batch)] = self._embed(batch)
        return vectors

    def _embed(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map (b, S, S, 3) uint8, b at most the batch size, to (b, D): the rest is padded."""
        padded = np.zeros((self.batch_size, *batch.shape[1:]), np.uint8)
        padded[: len(batch)] = batch
        name = self.manifest.name
        try:
            with self._lock:
                found = np.asarray(self._own.embed(padded), np.float32)
        except DedupeError:
            raise
        except Exception as error:  # any library may run in it
            raise EncoderError(f"the encoder {name} failed: {one_line(error)}") from error
        wanted = (self.batch_size, self.manifest.dimension)
        if found.shape != wanted:
            raise EncoderError(f"the encoder {name} returned {found.shape}, not {wanted}")
        norms = np.linalg.norm(found[: len(batch)], axis=1, keepdims=True)  # (b, 1)
        if not bool(np.isfinite(norms).all() and (norms > 0).all()):
            raise EncoderError(f"the encoder {name} returned a vector without a direction")
        unit: NDArray[np.float32] = found[: len(batch)] / norms
        return unit


def adapt(
    own: OwnEncoder, *, name: str = "", batch_size: int | None = None, calibrated: bool = True
) -> AdaptedEncoder:
    """Make an own encoder usable for a scan, with the thresholds that were measured for it.

    Args:
        own: see `OwnEncoder`.
        name: of the encoder in messages; its fingerprint if not given.
        batch_size: images in one call.
        calibrated: whether thresholds are needed; False to measure them.

    Raises:
        EncoderError: an attribute is missing or wrong, or the encoder has no thresholds.
    """
    check_own(own)
    name = name or own.fingerprint
    calibration = read_calibration(own.fingerprint)
    if calibration is None and calibrated:
        raise EncoderError(
            f"the encoder {name} has no thresholds: a scan cannot know which distance is a copy; "
            f"run `dedupe calibrate PHOTOS --encoder {name}` first"
        )
    blank = Calibration(own.fingerprint, {}, {}, {})
    return AdaptedEncoder(own, calibration or blank, name=name, batch_size=batch_size)


def check_own(own: object) -> None:
    """Check the attributes of an own encoder.

    Raises:
        EncoderError: one is missing or has a wrong value.
    """
    for name in ("side", "dimension"):
        value = getattr(own, name, None)
        if type(value) is not int or not 1 <= value <= 4096:
            raise EncoderError(f"an encoder needs {name}, a whole number to 4096, not {value!r}")
    fingerprint = getattr(own, "fingerprint", None)
    if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
        raise EncoderError(
            f"an encoder needs a fingerprint of 4 to 64 letters, digits, dots and dashes, "
            f"not {fingerprint!r}"
        )
    if not callable(getattr(own, "embed", None)):
        raise EncoderError("an encoder needs a method embed(batch)")


def split_name(encoder: str) -> tuple[str, str] | None:
    """Return name and argument of `NAME:ARGUMENT`; None for the path of a folder."""
    found = _SPEC.fullmatch(encoder)
    return (found[1], found[2]) if found else None


@functools.lru_cache(maxsize=4)
def open_named(encoder: str) -> OwnEncoder:
    """Open the encoder that `NAME:ARGUMENT` names, once in a process.

    Raises:
        EncoderError: no package registered the name, or the encoder cannot be opened.
    """
    parts = split_name(encoder)
    openers = _openers()
    if parts is None or parts[0] not in openers:
        listed = ", ".join(sorted(openers))
        raise EncoderError(f"no encoder is called {encoder!r}: a folder, or one of {listed}:...")
    name, argument = parts
    try:
        own: OwnEncoder = openers[name]()(argument)
    except DedupeError:
        raise
    except Exception as error:  # any library may run in it
        raise EncoderError(f"cannot open the encoder {encoder}: {one_line(error)}") from error
    return own


def _openers() -> dict[str, Callable[[], Callable[[str], Any]]]:
    """Return what loads the opener of each registered name; `onnx` is always there."""
    found: dict[str, Callable[[], Callable[[str], Any]]] = {"onnx": _load_onnx}
    for entry in metadata.entry_points(group=GROUP):
        found.setdefault(entry.name, entry.load)
    return found


def _load_onnx() -> Callable[[str], OwnEncoder]:
    from dedupe.encoder.onnx import OnnxEncoder  # its library is an extra

    return OnnxEncoder
