"""The manifest of an encoder: read, written, and refused where it is damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dedupe.encoder.manifest import (
    BUILT_IN,
    KERAS_FILE,
    LITERT_FILE,
    MANIFEST,
    RATES,
    SENSITIVITIES,
    Engine,
    fingerprint,
    read_manifest,
)
from dedupe.errors import EncoderError, UsageError

ENGINES: tuple[Engine, ...] = ("litert", "keras")  # of a folder of dedupe
SHIPPED = {engine: read_manifest(BUILT_IN, engine) for engine in ENGINES}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the shipped manifest, to be damaged."""
    shutil.copy(BUILT_IN / MANIFEST, tmp_path / MANIFEST)
    return tmp_path


def rewrite(folder: Path, change: dict[str, Any], part: Engine | None = None) -> None:
    """Change fields of the manifest, or of what it says of one engine."""
    fields = json.loads((folder / MANIFEST).read_text())
    (fields if part is None else fields[part]).update(change)
    (folder / MANIFEST).write_text(json.dumps(fields))


def refusal(folder: Path) -> str:
    """The one line with which the manifest is refused."""
    with pytest.raises(EncoderError) as caught:
        read_manifest(folder)
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("engine", ENGINES)
def test_a_manifest_is_read_as_it_was_written(engine: Engine, tmp_path: Path) -> None:
    SHIPPED[engine].write(tmp_path)
    assert read_manifest(tmp_path, engine) == SHIPPED[engine]


def test_the_shipped_files_are_those_of_the_manifest() -> None:
    for engine, file in (("litert", LITERT_FILE), ("keras", KERAS_FILE)):
        assert fingerprint(BUILT_IN / file) == SHIPPED[engine].fingerprint  # type: ignore[index]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_sensitivity_has_its_threshold(engine: Engine) -> None:
    strict, balanced, loose, wide = (SHIPPED[engine].threshold(name) for name in SENSITIVITIES)
    assert 0 < strict <= balanced <= loose <= wide < 2


def test_each_engine_has_its_own_fingerprint_and_thresholds() -> None:
    litert, keras = SHIPPED["litert"], SHIPPED["keras"]
    assert litert.fingerprint != keras.fingerprint
    assert litert.thresholds != keras.thresholds
    assert litert.head != keras.head
    assert litert.training == keras.training


def test_an_unknown_sensitivity_is_a_mistake_of_usage() -> None:
    with pytest.raises(UsageError, match="'lax' is unknown; choose strict, balanced, loose, wide"):
        SHIPPED["litert"].threshold("lax")


def test_a_threshold_at_a_rate_lies_between_its_neighbours() -> None:
    manifest = SHIPPED["litert"]
    for name, rate in RATES.items():
        assert manifest.threshold_at(rate) == manifest.threshold(name)
    between = manifest.threshold_at(10**-5.5)
    balanced, loose = manifest.threshold("balanced"), manifest.threshold("loose")
    assert between == pytest.approx((balanced + loose) / 2, abs=1e-3)
    assert manifest.threshold_at(1e-12) == manifest.threshold("strict")
    assert manifest.threshold_at(0.5) == manifest.threshold("wide")


def test_a_folder_that_is_missing_or_empty_is_no_encoder(tmp_path: Path) -> None:
    assert "is not an encoder: No such file" in refusal(tmp_path)
    assert "is not an encoder: No such file" in refusal(tmp_path / "gone")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', "\xff", "{}"])
def test_what_is_no_manifest_is_damaged(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_bytes(text.encode("latin-1"))
    assert "manifest.json is damaged: " in refusal(folder)


@pytest.mark.parametrize("key", [*json.loads((BUILT_IN / MANIFEST).read_text())])
def test_a_manifest_names_the_key_that_is_missing(folder: Path, key: str) -> None:
    fields = json.loads((folder / MANIFEST).read_text())
    del fields[key]
    (folder / MANIFEST).write_text(json.dumps(fields))
    message = refusal(folder)
    assert "manifest.json is damaged: " in message
    assert f"'{key}'" in message


@pytest.mark.parametrize(
    "change", [{"side": "96"}, {"side": 0}, {"dimension": 12.5}, {"dimension": True}, {"more": 1}]
)
def test_a_manifest_with_a_senseless_value_is_damaged(folder: Path, change: dict[str, Any]) -> None:
    rewrite(folder, change)
    assert "manifest.json is damaged: " in refusal(folder)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "thresholds",
    [
        None,
        {"strict": 0.1},
        {"strict": {"distance": 0.1}},
        {"strict": {"distance": "a", "false_positive_rate": 0, "recall": 0}},
        {"strict": {"distance": -0.1, "false_positive_rate": 0, "recall": 0}},
        {"strict": {"distance": 2.5, "false_positive_rate": 0, "recall": 0}},
    ],
)
def test_a_manifest_with_senseless_thresholds_is_damaged(
    folder: Path, thresholds: object, engine: Engine
) -> None:
    rewrite(folder, {"thresholds": thresholds}, engine)
    assert "manifest.json is damaged: " in refusal(folder)


def test_a_file_that_cannot_be_read_has_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"gone\.tflite: No such file"):
        fingerprint(tmp_path / "gone.tflite")
