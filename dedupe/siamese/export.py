"""Write a trained tower as an encoder: its Keras file, its LiteRT file, and what each is worth.

The LiteRT file computes in 8-bit integers, which a CPU does several times as fast as in floats.
What reads the convolutions out (pooling, projection, normalisation) stays in floats: eight bits
cost quality there. Where integers lose copies all the same, the file has float16 weights instead,
and the runtime computes in float32.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from dedupe.encoder.manifest import (
    KERAS_FILE,
    LITERT_FILE,
    Calibration,
    Engine,
    Manifest,
    fingerprint,
)
from dedupe.encoder.runtime import KerasEncoder, LiteRTEncoder, quiet_native_output
from dedupe.errors import EncoderError
from dedupe.siamese.augment import MILD, STRONG, augment
from dedupe.siamese.calibrate import Measured, calibrate, leave_out_repeats
from dedupe.siamese.config import TrainingPlan
from dedupe.siamese.dataset import PhotoArray
from dedupe.siamese.heads import HEAD_FILE
from dedupe.siamese.train import Trained

Numbers = Literal["int8", "float16"]

LOST = 0.02  # share of changed copies that integers may lose at `balanced` against floats
_EXAMPLES = 300  # photos for the converter, which measures the ranges of activations
_IN_FLOATS = [  # operations that follow the convolutions of a tower
    *("MUL", "MEAN", "LOG", "EXP", "SQUARE", "SUM", "RSQRT", "SQRT", "MINIMUM", "MAXIMUM", "DIV"),
    *("POW", "FULLY_CONNECTED"),
]


def export(
    trained: Trained,
    folder: Path,
    plan: TrainingPlan,
    held_out: PhotoArray,
    training: dict[str, Any],
) -> Manifest:
    """Write a tower as an encoder: Keras, LiteRT, and a manifest with calibrated thresholds.

    A head that was trained with it is saved beside, as `head.keras`.

    Args:
        trained: the tower, uint8 (B, side, side, 3) -> float32 (B, embedding), and its head.
        folder: where to write; made if missing.
        plan: how the tower was trained.
        held_out: (N, H, H, 3) uint8 photos to calibrate on.
        training: what the manifest records of the training.

    Raises:
        EncoderError: Keras runs on a backend that cannot write LiteRT.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tower = trained.tower
    tower.save(folder / KERAS_FILE)
    if trained.head is not None:
        trained.head.save(folder / HEAD_FILE)
    draft = Manifest(plan.tower, plan.side, plan.embedding, "litert", {}, training)
    numbers: Numbers = "int8"
    draft = _write(tower, folder, draft, _examples(held_out, plan), numbers)
    floats = KerasEncoder(folder).embed
    distinct = leave_out_repeats(floats, held_out, side=plan.side)

    def measure(embed: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> Measured:
        """Calibrate an encoder: (B, side, side, 3) -> (B, D)."""
        return calibrate(embed, distinct, side=plan.side, seed=plan.seed)

    by_keras, by_litert = measure(floats), measure(LiteRTEncoder(folder).embed)
    if _recall(by_litert) < _recall(by_keras) - LOST:
        numbers = "float16"
        draft = _write(tower, folder, draft, [], numbers)
        by_litert = measure(LiteRTEncoder(folder).embed)
    calibrations: dict[Engine, Calibration] = {
        "litert": _calibration(draft, "litert", by_litert, numbers),
        "keras": _calibration(draft, "keras", by_keras, "float32"),
    }
    finished = replace(draft, calibrations=calibrations)
    finished.write(folder)
    return finished


def _examples(photos: PhotoArray, plan: TrainingPlan) -> list[NDArray[np.uint8]]:
    """Views (1, side, side, 3) of some photos, mild and strong, as files will be."""
    rng = np.random.default_rng(plan.seed)
    some = rng.permutation(len(photos))[:_EXAMPLES]
    return [augment(photos[i], plan.side, s, rng)[None] for i in some for s in (MILD, STRONG)]


def _write(
    tower: Any,
    folder: Path,
    manifest: Manifest,
    examples: list[NDArray[np.uint8]],
    numbers: Numbers,
) -> Manifest:
    """Write the LiteRT file and a manifest that the runtimes open, but which has no thresholds.

    Args:
        examples: (1, side, side, 3) uint8 each, for the ranges of 8-bit activations.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), quiet_native_output():
            model = _to_int8(tower, examples) if numbers == "int8" else _to_float16(tower)
    except (ValueError, ImportError) as error:
        raise EncoderError(
            f"the {keras.backend.backend()} backend cannot write LiteRT: {error}; "
            f"run `dedupe train` once more with KERAS_BACKEND=tensorflow to finish"
        ) from error
    (folder / LITERT_FILE).write_bytes(model)
    files: dict[Engine, str] = {"litert": LITERT_FILE, "keras": KERAS_FILE}
    unmeasured = {
        engine: Calibration(fingerprint(folder / file), {}, {}, {})
        for engine, file in files.items()
    }
    draft = replace(manifest, calibrations=unmeasured)
    draft.write(folder)
    return draft


def _to_int8(tower: Any, examples: list[NDArray[np.uint8]]) -> bytes:
    """Convert by selective quantisation, which TensorFlow offers through its debugger alone.

    https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_debugger

    Args:
        examples: (1, side, side, 3) uint8 each.
    """
    import tensorflow as tf

    def show() -> Iterator[list[NDArray[np.uint8]]]:  # (1, side, side, 3) each
        for example in examples:
            yield [example]

    with tempfile.TemporaryDirectory() as saved:
        tower.export(saved, format="tf_saved_model", verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = show
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=_IN_FLOATS)
        with warnings.catch_warnings():  # it opens an interpreter that is on its way out
            warnings.simplefilter("ignore", UserWarning)
            debugger = tf.lite.experimental.QuantizationDebugger(
                converter=converter, debug_dataset=show, debug_options=options
            )
        return bytes(debugger.get_nondebug_quantized_model())


def _to_float16(tower: Any) -> bytes:
    """Convert to weights of half the size; the runtime computes in float32 all the same."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / LITERT_FILE
        tower.export(
            str(file),
            format="litert",
            verbose=False,
            optimizations=[tf.lite.Optimize.DEFAULT],
            target_spec={"supported_types": [tf.float16]},
        )
        return file.read_bytes()


def _recall(measured: Measured) -> float:
    return measured.thresholds["balanced"].recall


def _calibration(draft: Manifest, engine: Engine, measured: Measured, numbers: str) -> Calibration:
    return Calibration(
        fingerprint=draft.calibrations[engine].fingerprint,
        thresholds=measured.thresholds,
        head=measured.head,
        basis={
            "numbers": numbers,
            "photos": measured.photos,
            "false_pairs": measured.false_pairs,
        },
    )
