"""Encoders of another origin: the protocol, its checks, and the names they are found by."""

from __future__ import annotations

from importlib import metadata
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dedupe.encoder import own
from dedupe.encoder.calibrations import calibration_path, read_calibration, write_calibration
from dedupe.encoder.choice import choose_encoder, choose_manifest
from dedupe.encoder.manifest import RATES, Calibration, Threshold
from dedupe.errors import EncoderError


class Means:
    """The mean of each channel of a square."""

    side = 8
    dimension = 3
    fingerprint = "means-1"

    def embed(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(batch.mean(axis=(1, 2)) + 1, np.float32)


def changed(**values: Any) -> Any:
    """Return a `Means` with other attributes."""
    return type("Changed", (Means,), values)()


def a_calibration(fingerprint: str = "means-1") -> Calibration:
    thresholds = {name: Threshold(0.1, rate, 0.9) for name, rate in RATES.items()}
    return Calibration(fingerprint, thresholds, {"scale": 9.0, "bias": 5.0}, {"photos": 60})


def test_an_own_encoder_without_thresholds_is_refused_with_the_command_that_makes_them() -> None:
    with pytest.raises(EncoderError, match="run `dedupe calibrate PHOTOS --encoder means-1`"):
        choose_encoder(Means())
    assert choose_encoder(Means(), calibrated=False).manifest.thresholds == {}


def test_stored_thresholds_belong_to_the_fingerprint() -> None:
    write_calibration(a_calibration())
    manifest = choose_manifest(Means())
    assert (manifest.fingerprint, manifest.side, manifest.engine) == ("means-1", 8, "own")
    assert manifest.threshold("wide") == 0.1
    assert read_calibration("means-1") == a_calibration()
    assert read_calibration("means-2") is None


@pytest.mark.parametrize("text", ["{}", "no json", '{"thresholds": 5}'])
def test_damaged_thresholds_are_an_error_that_names_the_way_out(text: str) -> None:
    write_calibration(a_calibration())
    calibration_path("means-1").write_text(text)
    with pytest.raises(EncoderError, match=r"are damaged: .*; run `dedupe calibrate` again"):
        choose_encoder(Means())


def test_vectors_have_norm_1_and_every_call_has_the_same_size() -> None:
    sizes: list[int] = []

    def embed(_self: Any, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        sizes.append(len(batch))
        return Means.embed(_self, batch)

    encoder = choose_encoder(changed(embed=embed), batch_size=4, calibrated=False)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    found = encoder.embed(pixels)
    wanted = pixels.mean(axis=(1, 2)) + 1
    np.testing.assert_allclose(
        found, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), rtol=1e-6
    )
    assert sizes == [4, 4]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"side": 0}, "needs side"),
        ({"dimension": "3"}, "needs dimension"),
        ({"fingerprint": "a/b/c/d"}, "needs a fingerprint"),
        ({"embed": None}, "needs a method embed"),
    ],
)
def test_a_missing_or_wrong_attribute_is_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(EncoderError, match=words):
        choose_encoder(changed(**values), calibrated=False)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (np.ones((16, 4)), r"returned \(16, 4\), not \(16, 3\)"),
        (np.zeros((16, 3)), "a vector without a direction"),
        (np.full((16, 3), np.nan), "a vector without a direction"),
    ],
)
def test_a_result_that_is_no_embedding_stops_the_run(result: Any, words: str) -> None:
    encoder = choose_encoder(changed(embed=lambda _self, _batch: result), calibrated=False)
    with pytest.raises(EncoderError, match=words):
        encoder.embed(np.zeros((2, 8, 8, 3), np.uint8))


def test_a_failure_inside_an_own_encoder_is_an_encoder_error() -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no\nmemory")

    encoder = choose_encoder(changed(embed=fail), calibrated=False)
    with pytest.raises(EncoderError, match="the encoder means-1 failed: no memory"):
        encoder.embed(np.zeros((2, 8, 8, 3), np.uint8))


def test_a_registered_name_is_opened_with_its_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("means", f"{__name__}:open_means", own.GROUP)
    monkeypatch.setattr(metadata, "entry_points", lambda **_: [entry])
    encoder = choose_encoder("means:a:b", calibrated=False)
    assert (encoder.manifest.fingerprint, encoder.manifest.name) == ("means-a-b", "means:a:b")


def open_means(argument: str) -> Any:
    return changed(fingerprint=f"means-{argument.replace(':', '-')}")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(EncoderError, match=r"no encoder is called 'nasnet:x': .* onnx"):
        choose_encoder("nasnet:x")


@pytest.mark.parametrize("path", ["folder", "/a/b", "C:\\encoder", "./x:y"])
def test_a_path_is_a_folder(path: str) -> None:
    assert own.split_name(path) is None
