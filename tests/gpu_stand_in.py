"""Scan a folder on a stand-in for a GPU: the backend's CPU, with room for a few images at a time.

    KERAS_BACKEND=jax python tests/gpu_stand_in.py FOLDER ROOM BATCH OUT.npz

Prints JSON: the batches that were asked for, with their dtype, the last batch size, and the groups
of the scan. Writes the vectors of the pictures to OUT.npz. The error for a batch beyond ROOM is the
one that the backend raises on a device without memory.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

import dedupe
from dedupe.encoder import runtime
from dedupe.encoder.manifest import BUILT_IN


def out_of_memory() -> Exception:
    """Return the error of the backend."""
    backend = os.environ["KERAS_BACKEND"]
    error: Exception
    if backend == "jax":
        from jax.errors import JaxRuntimeError

        error = JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")
    elif backend == "torch":
        import torch

        error = torch.OutOfMemoryError("CUDA out of memory")
    else:
        import tensorflow as tf

        error = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    return error


class SmallDevice:
    """The network on the backend's CPU, for batches of a few images."""

    def __init__(self, model: Any, room: int) -> None:
        self._model, self._room = model, room
        self.calls: list[tuple[int, str]] = []

    def predict_on_batch(self, pixels: Any) -> Any:
        self.calls.append((len(pixels), str(pixels.dtype)))
        if len(pixels) > self._room:
            raise out_of_memory()
        return self._model.predict_on_batch(pixels)


def main() -> None:
    folder, room, batch, out = sys.argv[1:]
    runtime._gpu_visible = lambda: True  # a driver, and a device that the backend found
    encoder: Any = runtime.open_encoder(BUILT_IN, device="gpu", batch_size=int(batch))
    encoder._model = device = SmallDevice(encoder.model, int(room))
    report = dedupe.scan(folder, encoder=encoder, index=None, ignored=None, workers=2)
    embedded = dedupe.embed_images(folder, encoder=encoder, index=None, workers=1)
    np.savez(out, vectors=embedded.contents.vectors)
    names = [[Path(photo.path).name for photo in group.photos] for group in report.groups]
    found = {"calls": device.calls, "batch": encoder.batch_size, "groups": names}
    print(json.dumps(found | {"threshold": report.threshold}))


if __name__ == "__main__":
    main()
