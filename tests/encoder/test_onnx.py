"""Encoders in ONNX files, made here by onnx itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import write_bytes_model, write_float_model

from dedupe.encoder.choice import choose_encoder
from dedupe.encoder.onnx import OnnxEncoder
from dedupe.errors import EncoderError

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


def test_a_model_of_bytes_gets_the_pixels_as_they_are(tmp_path: Path) -> None:
    encoder = OnnxEncoder(str(write_bytes_model(tmp_path / "m.onnx")))
    means = PIXELS.reshape(3, 8, 4, 8, 4, 3).mean(axis=(2, 4))  # (B, 8, 8, 3): the model's output
    assert (encoder.side, encoder.dimension) == (32, 192)
    np.testing.assert_allclose(
        encoder.embed(PIXELS).reshape(3, 3, 8, 8).transpose(0, 2, 3, 1), means, rtol=1e-5
    )


def test_a_model_of_floats_gets_channels_first_less_the_mean(tmp_path: Path) -> None:
    path = write_float_model(tmp_path / "m.onnx", side=32)
    encoder = OnnxEncoder(f"{path}?mean=0.5,0.5,0.5&std=0.25,0.5,1")
    means = PIXELS.reshape(3, 8, 4, 8, 4, 3).mean(axis=(2, 4)) / 255  # (B, 8, 8, 3)
    wanted = (means - 0.5) / np.array([0.25, 0.5, 1])
    found = encoder.embed(PIXELS).reshape(3, 3, 8, 8).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_model_of_any_size_needs_its_side(tmp_path: Path) -> None:
    path = write_float_model(tmp_path / "m.onnx", side=None)
    assert OnnxEncoder(f"{path}?side=64").dimension == 3 * 16 * 16
    with pytest.raises(EncoderError, match=r"add \?side=224"):
        OnnxEncoder(str(path))


def test_the_fingerprint_names_weights_side_and_preprocessing(tmp_path: Path) -> None:
    path = write_float_model(tmp_path / "m.onnx", side=None)
    arguments = ["?side=64", "?side=32", "?side=64&mean=0,0,0"]
    prints = [OnnxEncoder(f"{path}{argument}").fingerprint for argument in arguments]
    assert len(set(prints)) == 3
    assert OnnxEncoder(f"{path}?side=64").fingerprint == prints[0]


def test_a_vector_does_not_depend_on_its_batch(tmp_path: Path) -> None:
    name = f"onnx:{write_bytes_model(tmp_path / 'm.onnx')}"
    many = choose_encoder(name, batch_size=2, calibrated=False).embed(PIXELS)
    one = choose_encoder(name, batch_size=2, calibrated=False).embed(PIXELS[2:])
    np.testing.assert_array_equal(many[2:], one)
    np.testing.assert_allclose(np.linalg.norm(many, axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?width=3", "no option 'width'; known are mean, side, std"),
        ("?mean=1", "mean needs three numbers"),
        ("?std=1,0,1", "std needs three numbers"),
        ("?side=16", "an image model with a square input is needed"),
    ],
)
def test_an_option_that_does_not_fit_is_one_clear_error(
    tmp_path: Path, query: str, words: str
) -> None:
    path = write_float_model(tmp_path / "m.onnx", side=32)
    with pytest.raises(EncoderError, match=words):
        OnnxEncoder(f"{path}{query}")


def test_a_file_that_is_missing_or_no_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="there is no such file"):
        OnnxEncoder(str(tmp_path / "none.onnx"))
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(EncoderError, match="cannot be run"):
        OnnxEncoder(str(tmp_path / "text.onnx"))


def test_the_missing_library_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(EncoderError, match=r"pip install 'dedupe-images\[onnx\]'"):
        OnnxEncoder(str(tmp_path / "m.onnx"))
