"""The saved encoder and the runtime that runs it: uint8 pixels in, unit vectors out.

An encoder is a folder with `manifest.json`, `encoder.tflite` (LiteRT, for CPUs) and `encoder.keras`
(Keras, for GPUs and to train on). Owns the manifest and both runtimes; knows nothing of files of
photos. TensorFlow is loaded only where the Keras runtime is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dedupe.errors import EncoderError, UsageError

Device = Literal["auto", "cpu", "gpu"]
Runtime = Literal["auto", "litert", "keras"]
SENSITIVITIES = ("strict", "balanced", "loose", "wide")
BUILT_IN = Path(__file__).parent / "encoders" / "default"

MANIFEST, LITERT_FILE, KERAS_FILE = "manifest.json", "encoder.tflite", "encoder.keras"
_CPU_BATCH, _GPU_BATCH = 32, 256


@dataclass(frozen=True, slots=True)
class Threshold:
    """A distance below which two images count as copies, and how often that is wrong."""

    distance: float  # Euclidean between unit vectors, in [0, 2]
    false_positive_rate: float  # share of pairs of different photos that lie closer
    recall: float  # share of the calibration's changed copies that lie closer


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of an encoder without running it."""

    name: str
    side: int  # edge of the input square, pixels
    dimension: int  # length of an embedding
    fingerprint: str  # of the LiteRT file; embeddings of different fingerprints never mix
    thresholds: dict[str, Threshold]  # by sensitivity
    calibration: dict[str, Any]  # what the thresholds rest on: photos, pairs
    head: dict[str, float]  # probability of a copy = sigmoid(bias - scale * distance)
    training: dict[str, Any]  # how the weights were made, from which photos, under which licences

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

    def write(self, folder: Path) -> None:
        """Write `manifest.json` into `folder`."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the encoder in `folder`.

    Raises:
        EncoderError: there is none, or it is damaged.
    """
    try:
        fields = json.loads((folder / MANIFEST).read_text("utf-8"))
        thresholds = {name: Threshold(**t) for name, t in fields.pop("thresholds").items()}
        manifest = Manifest(thresholds=thresholds, **fields)
    except OSError as error:
        raise EncoderError(f"{folder} is not an encoder: {error.strerror or error}") from error
    except KeyError as error:
        raise EncoderError(f"{folder / MANIFEST} is damaged: {error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise EncoderError(f"{folder / MANIFEST} is damaged: {_one_line(error)}") from error
    _check_numbers(manifest, folder)
    return manifest


def _check_numbers(manifest: Manifest, folder: Path) -> None:
    sizes = (manifest.side, manifest.dimension)
    if not all(type(size) is int and size > 0 for size in sizes):
        raise EncoderError(f"{folder / MANIFEST} is damaged: its sizes are {sizes}")
    distances = [threshold.distance for threshold in manifest.thresholds.values()]
    if not all(isinstance(d, int | float) and 0 <= d <= 2 for d in distances):
        raise EncoderError(f"{folder / MANIFEST} is damaged: its distances are {distances}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def fingerprint(model: bytes) -> str:
    """Return the 16 hex digits that name an encoder: BLAKE2b of its LiteRT file."""
    return hashlib.blake2b(model, digest_size=8).hexdigest()


class Encoder(Protocol):
    """A running encoder."""

    manifest: Manifest
    batch_size: int

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map (B, side, side, 3) uint8 RGB to (B, dimension) float32 rows of norm 1."""


class LiteRTEncoder:
    """The encoder on a CPU; starts in a tenth of a second.

    Every call of the interpreter holds `batch_size` images, the last one padded, so that a vector
    never depends on how many images came with it.
    """

    def __init__(self, folder: Path, *, batch_size: int | None = None, threads: int | None = None):
        self.manifest = read_manifest(folder)
        self.batch_size = batch_size or _CPU_BATCH
        try:
            model = (folder / LITERT_FILE).read_bytes()
        except OSError as error:
            raise EncoderError(f"{folder / LITERT_FILE}: {error.strerror}") from error
        if fingerprint(model) != self.manifest.fingerprint:
            raise EncoderError(f"{folder / LITERT_FILE} is damaged: not the file of its manifest")
        try:
            with _quiet_native_output():
                self._start(model, threads or os.cpu_count() or 1)
        except (ValueError, RuntimeError) as error:
            raise EncoderError(
                f"{folder / LITERT_FILE} cannot be run: {_one_line(error)}"
            ) from error

    def _start(self, model: bytes, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=model, num_threads=threads)
        pixels = self._interpreter.get_input_details()[0]
        vectors = self._interpreter.get_output_details()[0]
        side, dimension = int(pixels["shape"][1]), int(vectors["shape"][-1])
        if (side, dimension) != (self.manifest.side, self.manifest.dimension):
            raise ValueError(f"it maps {side} px to {dimension} floats, unlike its manifest")
        self._input, self._output = pixels["index"], vectors["index"]
        self._interpreter.resize_tensor_input(self._input, self._shape(self.batch_size))
        self._interpreter.allocate_tensors()

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        vectors = np.empty((len(pixels), self.manifest.dimension), np.float32)
        for start in range(0, len(pixels), self.batch_size):
            batch = pixels[start : start + self.batch_size]
            count = len(batch)
            if count < self.batch_size:
                padding = np.zeros(self._shape(self.batch_size - count), np.uint8)
                batch = np.concatenate([batch, padding])
            self._interpreter.set_tensor(self._input, batch)
            self._interpreter.invoke()
            vectors[start : start + count] = self._interpreter.get_tensor(self._output)[:count]
        return vectors

    def _shape(self, count: int) -> tuple[int, int, int, int]:
        return (count, self.manifest.side, self.manifest.side, 3)


class KerasEncoder:
    """The encoder on the device that Keras' backend found, a GPU where there is one.

    The batch is halved, for good, whenever the device runs out of memory.
    """

    def __init__(
        self, folder: Path, *, batch_size: int | None = None, device: Device = "auto"
    ) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with _quiet_native_output():
            import keras

        self.manifest = read_manifest(folder)
        self.batch_size = batch_size or _GPU_BATCH
        # The backend would take a GPU it sees, also where the CPU was asked for.
        self._on_device = (
            partial(keras.device, "cpu") if device == "cpu" else contextlib.nullcontext
        )
        try:
            with self._on_device():
                self._model = keras.saving.load_model(folder / KERAS_FILE, compile=False)
        except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
            raise EncoderError(
                f"{folder / KERAS_FILE} cannot be loaded: {_one_line(error)}"
            ) from error

    @property
    def model(self) -> Any:
        """The Keras model, for who looks inside."""
        return self._model

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        vectors = np.empty((len(pixels), self.manifest.dimension), np.float32)
        start = 0
        while start < len(pixels):
            batch = pixels[start : start + self.batch_size]
            try:
                with self._on_device():
                    vectors[start : start + len(batch)] = self._model.predict_on_batch(batch)
            except Exception as error:  # each backend has its own out-of-memory error
                if not _out_of_memory(error) or self.batch_size == 1:
                    raise EncoderError(
                        f"the encoder failed on the device: {_one_line(error)}"
                    ) from error
                self.batch_size = max(1, min(self.batch_size, len(batch)) // 2)
                continue
            start += len(batch)
        return vectors


def _out_of_memory(error: Exception) -> bool:
    """Recognise TensorFlow's, JAX's and PyTorch's ways to say that memory ran out."""
    name, text = type(error).__name__, str(error)
    return name in ("ResourceExhaustedError", "OutOfMemoryError") or "RESOURCE_EXHAUSTED" in text


def open_encoder(
    folder: Path = BUILT_IN,
    *,
    device: Device = "auto",
    runtime: Runtime = "auto",
    batch_size: int | None = None,
    threads: int | None = None,
) -> Encoder:
    """Open an encoder on a device.

    Args:
        folder: the encoder's folder.
        device: `auto` takes a GPU that TensorFlow can use, else the CPU.
        runtime: `auto` runs LiteRT on a CPU and Keras on a GPU.
        batch_size: images a call; None for what suits the device.
        threads: CPU threads of LiteRT; None for all cores.

    Raises:
        EncoderError: the folder is no sound encoder, or the device is not there.
        UsageError: LiteRT was asked for on a GPU.
    """
    if device == "gpu" and runtime == "litert":
        raise UsageError("the LiteRT runtime runs on the CPU only; leave --runtime out for a GPU")
    gpu = device != "cpu" and runtime != "litert" and _gpu_visible()
    if device == "gpu" and not gpu:
        raise EncoderError(
            "no GPU was found; install dedupe[cuda] on a machine with an NVIDIA driver, "
            "or scan with --device cpu"
        )
    if gpu or runtime == "keras":
        size = batch_size or (_GPU_BATCH if gpu else _CPU_BATCH)
        return KerasEncoder(folder, batch_size=size, device=device)
    return LiteRTEncoder(folder, batch_size=batch_size, threads=threads)


def _gpu_visible() -> bool:
    """Ask TensorFlow for a GPU, but only where the NVIDIA driver shows one: it takes seconds."""
    if not Path("/proc/driver/nvidia/version").exists():
        return False
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


@contextlib.contextmanager
def _quiet_native_output() -> Iterator[None]:
    """Hold back what native libraries write to file descriptor 2 while they start."""
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
