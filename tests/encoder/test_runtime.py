"""The encoder that ships: both runtimes, what its folder must hold, and what is never loaded."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawings import Pixels, draw_photos
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from dedupe.encoder import runtime as encoders
from dedupe.encoder.manifest import (
    BUILT_IN,
    KERAS_FILE,
    LITERT_FILE,
    MANIFEST,
    Engine,
    fingerprint,
    read_manifest,
)
from dedupe.encoder.runtime import KerasEncoder, LiteRTEncoder, choose_engine, open_encoder
from dedupe.errors import EncoderError, UsageError

SHIPPED = read_manifest(BUILT_IN)
PICTURES = draw_photos(11, side=SHIPPED.side)


@pytest.fixture(scope="module")
def litert() -> LiteRTEncoder:
    return LiteRTEncoder(BUILT_IN)


@pytest.fixture(scope="module")
def keras_encoder() -> KerasEncoder:
    return KerasEncoder(BUILT_IN, batch_size=8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the encoder, to be damaged."""
    return Path(shutil.copytree(BUILT_IN, tmp_path / "encoder"))


def flip(path: Path, position: float) -> None:
    """Flip the bits of one byte, at a share of the file's length."""
    data = bytearray(path.read_bytes())
    data[int(position * len(data))] ^= 0xFF
    path.write_bytes(data)


def write_manifest(folder: Path, **changes: Any) -> None:
    fields = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(fields | changes))


def call_its_own(folder: Path, engine: Engine, file: str) -> None:
    """Write into the manifest that the engine's file, whatever it is, is the right one."""
    fields = json.loads((folder / MANIFEST).read_text())
    fields[engine]["fingerprint"] = fingerprint(folder / file)
    (folder / MANIFEST).write_text(json.dumps(fields))


def refusal(folder: Path, **options: Any) -> str:
    """The one line with which an encoder is refused."""
    with pytest.raises(EncoderError) as caught:
        open_encoder(folder, device="cpu", **options)
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    return message


# What comes out


def test_an_embedding_is_a_float32_unit_vector_of_the_stated_length(litert: LiteRTEncoder) -> None:
    vectors = litert.embed(PICTURES)
    assert vectors.shape == (len(PICTURES), SHIPPED.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_one_grey_has_a_unit_vector(litert: LiteRTEncoder, level: int) -> None:
    vector = litert.embed(np.full_like(PICTURES[:1], level))[0]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_no_pictures_give_no_vectors(litert: LiteRTEncoder, keras_encoder: KerasEncoder) -> None:
    assert litert.embed(PICTURES[:0]).shape == (0, SHIPPED.dimension)
    assert keras_encoder.embed(PICTURES[:0]).shape == (0, SHIPPED.dimension)


def test_integers_and_floats_give_nearly_the_same_distances(
    litert: LiteRTEncoder, keras_encoder: KerasEncoder
) -> None:
    distances = [pdist(encoder.embed(PICTURES)) for encoder in (litert, keras_encoder)]
    assert np.abs(distances[0] - distances[1]).max() < 0.3  # of far pairs; copies differ less
    assert np.corrcoef(distances[0], distances[1])[0, 1] > 0.85


def test_a_vector_depends_neither_on_its_batch_mates_nor_on_its_place(
    litert: LiteRTEncoder,
) -> None:
    together = litert.embed(PICTURES)
    alone = np.concatenate([litert.embed(picture[None]) for picture in PICTURES])
    backwards = litert.embed(PICTURES[::-1])[::-1]
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(backwards, together)


def test_a_vector_is_the_same_in_the_first_and_in_a_later_call_of_the_interpreter(
    litert: LiteRTEncoder,
) -> None:
    many = litert.embed(np.tile(PICTURES[:1], (litert.batch_size + 3, 1, 1, 1)))
    np.testing.assert_array_equal(many, np.tile(many[:1], (len(many), 1)))


@pytest.mark.parametrize("size", [1, 4, 7])
def test_the_size_of_a_batch_changes_nothing(litert: LiteRTEncoder, size: int) -> None:
    other = LiteRTEncoder(BUILT_IN, batch_size=size)
    np.testing.assert_allclose(other.embed(PICTURES), litert.embed(PICTURES), atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2])
def test_litert_gives_the_same_bits_every_time(litert: LiteRTEncoder, threads: int) -> None:
    other = LiteRTEncoder(BUILT_IN, threads=threads)
    np.testing.assert_array_equal(other.embed(PICTURES), litert.embed(PICTURES))


def test_keras_gives_a_vector_whatever_its_batch(keras_encoder: KerasEncoder) -> None:
    alone = keras_encoder.embed(PICTURES[:1])
    np.testing.assert_allclose(keras_encoder.embed(PICTURES)[:1], alone, atol=1e-5)


# Which runtime on which device


def test_a_cpu_runs_litert_unless_keras_is_asked_for() -> None:
    assert isinstance(open_encoder(device="cpu"), LiteRTEncoder)
    assert isinstance(open_encoder(runtime="litert"), LiteRTEncoder)
    assert isinstance(open_encoder(device="cpu", runtime="keras"), KerasEncoder)


@pytest.mark.parametrize("installed", [False, True])
def test_auto_takes_a_gpu_with_driver_and_libraries_installed(
    installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "_gpu_installed", lambda: installed)
    assert choose_engine("auto", "auto") == ("keras" if installed else "litert")
    assert choose_engine("cpu", "auto") == "litert"
    assert choose_engine("gpu", "auto") == "keras"
    assert choose_engine("auto", "litert") == "litert"
    assert choose_engine("cpu", "keras") == "keras"


def test_auto_runs_keras_where_tensorflow_sees_no_gpu_after_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoders, "_gpu_installed", lambda: True)
    monkeypatch.setattr(encoders, "_gpu_visible", lambda: False)
    assert isinstance(open_encoder(), KerasEncoder)  # slow, but the vectors it promised


def test_a_batch_size_that_is_asked_for_is_used() -> None:
    assert open_encoder(device="cpu", batch_size=3).batch_size == 3
    assert open_encoder(device="cpu", runtime="keras", batch_size=3).batch_size == 3


def test_a_gpu_that_is_not_there_is_an_error_of_the_encoder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoders, "_gpu_visible", lambda: False)
    with pytest.raises(EncoderError, match=r"no GPU was found; .* or scan with --device cpu"):
        open_encoder(device="gpu")


def test_litert_on_a_gpu_is_a_mistake_of_usage() -> None:
    with pytest.raises(UsageError, match="LiteRT runtime runs on the CPU only"):
        open_encoder(device="gpu", runtime="litert")


# A device that runs out of memory


class ResourceExhaustedError(Exception):
    """Has the name of TensorFlow's error."""


@dataclass
class SmallDevice:
    """A network of one multiplication on a device that holds `room` images."""

    room: int
    error: Exception = field(default_factory=lambda: ResourceExhaustedError("OOM\nwhen allocating"))
    calls: list[int] = field(default_factory=list)

    def predict_on_batch(self, pixels: Pixels) -> NDArray[np.float32]:
        self.calls.append(len(pixels))
        if len(pixels) > self.room:
            raise self.error
        means = pixels.mean(axis=(1, 2, 3), dtype=np.float32)
        return np.repeat(means[:, None], SHIPPED.dimension, axis=1)


def on_device(encoder: KerasEncoder, device: SmallDevice, batch_size: int) -> KerasEncoder:
    other = copy.copy(encoder)
    other._model = device
    other.batch_size = batch_size
    return other


@pytest.mark.parametrize("room", [1, 2, 3, 5, 8, 100])
def test_the_batch_is_halved_until_it_fits_and_no_image_is_lost(
    keras_encoder: KerasEncoder, room: int
) -> None:
    device = SmallDevice(room)
    encoder = on_device(keras_encoder, device, 8)
    expected = SmallDevice(100).predict_on_batch(PICTURES)
    np.testing.assert_array_equal(encoder.embed(PICTURES), expected)
    assert encoder.batch_size <= max(room, 1)
    device.calls.clear()
    np.testing.assert_array_equal(encoder.embed(PICTURES), expected)
    assert max(device.calls) <= room  # halved for good


def test_one_image_that_does_not_fit_is_an_error_of_the_encoder(
    keras_encoder: KerasEncoder,
) -> None:
    with pytest.raises(EncoderError, match="failed on the device: OOM when allocating"):
        on_device(keras_encoder, SmallDevice(0), 8).embed(PICTURES)


def test_jax_says_in_its_text_that_memory_ran_out(keras_encoder: KerasEncoder) -> None:
    device = SmallDevice(2, RuntimeError("RESOURCE_EXHAUSTED: out of memory"))
    encoder = on_device(keras_encoder, device, 8)
    assert len(encoder.embed(PICTURES)) == len(PICTURES)
    assert encoder.batch_size == 2


def test_any_other_failure_of_the_device_is_an_error_of_the_encoder(
    keras_encoder: KerasEncoder,
) -> None:
    device = SmallDevice(0, RuntimeError("no kernel image\nis available"))
    with pytest.raises(EncoderError, match="no kernel image is available"):
        on_device(keras_encoder, device, 8).embed(PICTURES)
    assert device.calls == [8]


def test_an_interrupt_is_not_taken_for_a_failure(keras_encoder: KerasEncoder) -> None:
    device = SmallDevice(0)
    device.error = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        on_device(keras_encoder, device, 8).embed(PICTURES)


# The folder of an encoder


@pytest.mark.parametrize("changes", [{"dimension": SHIPPED.dimension + 1}, {"side": 40}])
def test_a_manifest_that_contradicts_its_network_is_refused(
    folder: Path, changes: dict[str, Any]
) -> None:
    write_manifest(folder, **changes)
    assert "px to " in refusal(folder)


@pytest.mark.parametrize("position", [0, 0.5, 0.999])
def test_a_litert_file_with_one_damaged_byte_is_refused(folder: Path, position: float) -> None:
    flip(folder / LITERT_FILE, position)
    assert "encoder.tflite is damaged: not the file of its manifest" in refusal(folder)


def test_a_litert_file_that_is_missing_is_named(folder: Path) -> None:
    (folder / LITERT_FILE).unlink()
    assert "encoder.tflite: No such file" in refusal(folder)


@pytest.mark.parametrize("model", [b"", b"no network", bytes(4096)])
def test_a_litert_file_that_is_no_network_is_refused(folder: Path, model: bytes) -> None:
    (folder / LITERT_FILE).write_bytes(model)
    call_its_own(folder, "litert", LITERT_FILE)
    assert "encoder.tflite cannot be run: " in refusal(folder)


@pytest.mark.parametrize("position", [0, 0.1, 0.5, 0.9999])
def test_a_keras_file_with_one_damaged_byte_is_refused(folder: Path, position: float) -> None:
    flip(folder / KERAS_FILE, position)
    message = refusal(folder, runtime="keras")
    assert "encoder.keras is damaged: not the file of its manifest" in message


def test_a_keras_file_that_is_missing_is_named(folder: Path) -> None:
    (folder / KERAS_FILE).unlink()
    assert "encoder.keras: No such file" in refusal(folder, runtime="keras")


@pytest.mark.parametrize("kept", [0, 5000])
def test_a_keras_file_that_is_no_network_is_refused(folder: Path, kept: int) -> None:
    path = folder / KERAS_FILE
    path.write_bytes(path.read_bytes()[:kept])
    call_its_own(folder, "keras", KERAS_FILE)
    assert "encoder.keras cannot be loaded: " in refusal(folder, runtime="keras")


# What is never loaded


@pytest.mark.parametrize(
    "code",
    [
        "import dedupe.encoder.runtime",
        "import dedupe.cli",
        "import dedupe",
        "import numpy as np, dedupe.encoder.runtime as e; o = e.open_encoder(device='cpu');"
        "o.embed(np.zeros((3, o.manifest.side, o.manifest.side, 3), 'uint8'))",
    ],
)
def test_tensorflow_and_keras_are_not_loaded_by(code: str) -> None:
    code += "\nimport sys; print({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")
