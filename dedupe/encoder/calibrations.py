"""The thresholds of own encoders, one JSON file for each fingerprint in the state folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import platformdirs

from dedupe.encoder.manifest import RATES, Calibration, Threshold
from dedupe.errors import EncoderError
from dedupe.files.replace import replace_file


def calibration_path(fingerprint: str) -> Path:
    """Return the file of an encoder's thresholds, which need not exist."""
    state = platformdirs.user_state_path("dedupe", appauthor=False)
    return state / "calibrations" / f"{fingerprint}.json"


def read_calibration(fingerprint: str) -> Calibration | None:
    """Return the thresholds that were measured for an encoder; None if none were.

    Raises:
        EncoderError: the file cannot be read or is damaged.
    """
    path = calibration_path(fingerprint)
    try:
        fields = json.loads(path.read_text("utf-8"))
        thresholds = {name: Threshold(**t) for name, t in fields.pop("thresholds").items()}
        found = Calibration(thresholds=thresholds, **fields)
        distances = [thresholds[name].distance for name in RATES]
        if found.fingerprint != fingerprint or not all(0 <= d <= 2 for d in distances):
            raise ValueError("its numbers contradict each other")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EncoderError(f"cannot read the thresholds {path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EncoderError(
            f"the thresholds {path} are damaged: {error}; run `dedupe calibrate` again"
        ) from error
    return found


def write_calibration(calibration: Calibration) -> Path:
    """Store the thresholds of an encoder in place of earlier ones; return the file.

    Raises:
        EncoderError: the file cannot be written.
    """
    path = calibration_path(calibration.fingerprint)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(str(path), [json.dumps(asdict(calibration), indent=2).encode("ascii"), b"\n"])
    except OSError as error:
        raise EncoderError(f"cannot write the thresholds {path}: {error.strerror}") from error
    return path
