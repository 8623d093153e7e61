"""The runtimes that run a saved encoder: uint8 pixels in, unit vectors out.

LiteRT runs `encoder.tflite` on CPUs, Keras runs `encoder.keras` on GPUs. Owns both runtimes and the
choice between them; knows nothing of files of photos. TensorFlow is loaded only where the Keras
runtime is opened.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import queue
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedupe.distribution import install_hint
from dedupe.encoder.manifest import (
    BUILT_IN,
    KERAS_FILE,
    LITERT_FILE,
    Device,
    Encoder,
    Engine,
    Manifest,
    Runtime,
    fingerprint,
    read_manifest,
)
from dedupe.errors import EncoderError, UsageError, one_line
from dedupe.threads import count_workers, map_threads

_CPU_BATCH = 16  # more is not faster: 7.39 ms an image at 8, 7.39 at 16, 7.41 at 32, 7.42 at 64
_GPU_BATCH = 256


class LiteRTEncoder:
    """The encoder on a CPU; starts in a tenth of a second.

    Runs one interpreter with one thread for each thread that calls `embed` at the same time, which
    needs no synchronisation inside a network of small layers. Every call of an interpreter takes
    `batch_size` images, the last batch padded, so that a vector never depends on its batch.
    """

    def __init__(self, folder: Path, *, batch_size: int | None = None, threads: int | None = None):
        """Open an encoder.

        Args:
            folder: the encoder's folder.
            batch_size: images in one call of an interpreter.
            threads: interpreters that run at the same time; None for one per core.
        """
        self.manifest = read_manifest(folder)
        self.batch_size = batch_size or _CPU_BATCH
        self._threads = count_workers(threads)
        self._free: queue.SimpleQueue[_Interpreter] = queue.SimpleQueue()
        self._lock = threading.Lock()
        _check_file(folder / LITERT_FILE, self.manifest)
        try:
            with quiet_native_output():
                self._model = (folder / LITERT_FILE).read_bytes()
                self._free.put(_Interpreter(self._model, self.batch_size, self.manifest))
        except (ValueError, RuntimeError) as error:
            raise EncoderError(
                f"{folder / LITERT_FILE} cannot be run: {one_line(error)}"
            ) from error
        self._made = 1

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map (B, side, side, 3) uint8 RGB to (B, dimension) float32 rows of norm 1."""
        vectors = np.empty((len(pixels), self.manifest.dimension), np.float32)
        batches = [
            slice(start, start + self.batch_size)
            for start in range(0, len(pixels), self.batch_size)
        ]

        def run(batch: slice) -> None:
            interpreter = self._take()
            try:
                vectors[batch] = interpreter.run(pixels[batch])
            finally:
                self._free.put(interpreter)

        if len(batches) == 1:
            run(batches[0])
        else:
            for _ in map_threads(run, batches, workers=self._threads):
                pass
        return vectors

    def _take(self) -> _Interpreter:
        """Return an interpreter that no thread uses; make one if there are fewer than threads."""
        with contextlib.suppress(queue.Empty):
            return self._free.get_nowait()
        with self._lock:
            makes = self._made < self._threads
            self._made += makes
        if makes:
            return _Interpreter(self._model, self.batch_size, self.manifest)
        return self._free.get()


class _Interpreter:
    """A LiteRT interpreter for batches of one size, used by one thread at a time."""

    def __init__(self, model: bytes, batch_size: int, manifest: Manifest) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=model, num_threads=1)
        pixels = self._interpreter.get_input_details()[0]
        vectors = self._interpreter.get_output_details()[0]
        side, dimension = int(pixels["shape"][1]), int(vectors["shape"][-1])
        if (side, dimension) != (manifest.side, manifest.dimension):
            raise ValueError(f"it maps {side} px to {dimension} floats, unlike its manifest")
        self._input, self._output = pixels["index"], vectors["index"]
        self._shape = (batch_size, side, side, 3)
        self._interpreter.resize_tensor_input(self._input, self._shape)
        self._interpreter.allocate_tensors()

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map (b, side, side, 3) uint8 RGB, b at most the batch size, to (b, D) float32 rows."""
        count = len(batch)
        if count < self._shape[0]:
            batch = np.concatenate(
                [batch, np.zeros((self._shape[0] - count, *self._shape[1:]), np.uint8)]
            )
        self._interpreter.set_tensor(self._input, batch)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output)[:count])


class KerasEncoder:
    """The encoder on the device that Keras' backend found, a GPU where there is one.

    The batch is halved, for good, whenever the device runs out of memory. One thread at a time runs
    the model.
    """

    def __init__(
        self, folder: Path, *, batch_size: int | None = None, device: Device = "auto"
    ) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with quiet_native_output():
            import keras

        self._lock = threading.Lock()
        self.manifest = read_manifest(folder, "keras")
        _check_file(folder / KERAS_FILE, self.manifest)
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
                f"{folder / KERAS_FILE} cannot be loaded: {one_line(error)}"
            ) from error

    @property
    def model(self) -> Any:
        """The Keras model, for who looks inside."""
        return self._model

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map (B, side, side, 3) uint8 RGB to (B, dimension) float32 rows of norm 1."""
        with self._lock:
            return self._embed(pixels)

    def _embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map (B, side, side, 3) uint8 RGB to (B, dimension), batch by batch."""
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
                        f"the encoder failed on the device: {one_line(error)}"
                    ) from error
                self.batch_size = max(1, min(self.batch_size, len(batch)) // 2)
                continue
            start += len(batch)
        return vectors


def _check_file(file: Path, manifest: Manifest) -> None:
    if fingerprint(file) != manifest.fingerprint:
        raise EncoderError(f"{file} is damaged: not the file of its manifest")


def _out_of_memory(error: Exception) -> bool:
    """Recognise TensorFlow's, JAX's and PyTorch's ways to say that memory ran out."""
    name, text = type(error).__name__, str(error)
    return name in ("ResourceExhaustedError", "OutOfMemoryError") or "RESOURCE_EXHAUSTED" in text


def choose_engine(device: Device, runtime: Runtime) -> Engine:
    """Return which of an encoder's files will run, without loading what runs it.

    Args:
        device: `auto` takes an NVIDIA GPU where driver and CUDA libraries are installed, else
            the CPU.
        runtime: `auto` runs LiteRT on a CPU and Keras on a GPU.

    Raises:
        UsageError: LiteRT was asked for on a GPU.
    """
    if device == "gpu" and runtime == "litert":
        raise UsageError("the LiteRT runtime runs on the CPU only; leave --runtime out for a GPU")
    if runtime != "auto":
        return runtime
    return "keras" if device == "gpu" or (device == "auto" and _gpu_installed()) else "litert"


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
        device, runtime: see `choose_engine`.
        batch_size: images a call; None for what suits the device.
        threads: CPU threads of LiteRT; None for all cores.

    Raises:
        EncoderError: the folder is no sound encoder, or the device is not there.
        UsageError: LiteRT was asked for on a GPU.
    """
    if choose_engine(device, runtime) == "litert":
        return LiteRTEncoder(folder, batch_size=batch_size, threads=threads)
    gpu = device != "cpu" and _gpu_visible()
    if device == "gpu" and not gpu:
        raise EncoderError(
            f"no GPU was found; run {install_hint('cuda')} on a machine with an NVIDIA driver, "
            "or scan with --device cpu"
        )
    size = batch_size or (_GPU_BATCH if gpu else _CPU_BATCH)
    return KerasEncoder(folder, batch_size=size, device=device)


def _driver_installed() -> bool:
    return Path("/proc/driver/nvidia/version").exists()


def _gpu_installed() -> bool:
    """Look for the driver and for NVIDIA's Python packages, which takes no time."""
    return _driver_installed() and importlib.util.find_spec("nvidia") is not None


def _gpu_visible() -> bool:
    """Ask the backend of Keras for a GPU, but only where there is a driver: it takes seconds."""
    if not _driver_installed():
        return False
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "jax":
        import jax

        return str(jax.default_backend()) == "gpu"
    if backend == "torch":
        import torch

        return bool(torch.cuda.is_available())
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


@contextlib.contextmanager
def quiet_native_output() -> Iterator[None]:
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
