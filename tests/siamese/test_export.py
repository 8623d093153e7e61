"""A tower as a folder that both runtimes open, each with a calibration of its own."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from drawings import draw_photos
from scipy.spatial.distance import pdist

from dedupe.encoder.manifest import (
    BUILT_IN,
    KERAS_FILE,
    LITERT_FILE,
    SENSITIVITIES,
    Manifest,
    fingerprint,
    read_manifest,
)
from dedupe.encoder.runtime import KerasEncoder, LiteRTEncoder
from dedupe.siamese import export as exporting
from dedupe.siamese.config import TrainingPlan
from dedupe.siamese.export import export
from dedupe.siamese.train import Trained

# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHIPPED = read_manifest(BUILT_IN)
PLAN = TrainingPlan(side=SHIPPED.side, embedding=SHIPPED.dimension, seed=3)
HELD_OUT = draw_photos(12, side=PLAN.side)
PICTURES = draw_photos(9, side=PLAN.side)
TOWER = keras.saving.load_model(BUILT_IN / KERAS_FILE, compile=False)
Exported = tuple[Path, Manifest]


@pytest.fixture(scope="module")
def integers(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("integers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "LOST", 1.0)  # whatever integers lose
        return folder, export(Trained(TOWER, None), folder, PLAN, HELD_OUT, {"photos": 0})


@pytest.fixture(scope="module")
def floats(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("floats")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "LOST", -1.0)  # more than integers can gain
        return folder, export(Trained(TOWER, None), folder, PLAN, HELD_OUT, {"photos": 0})


def test_the_manifest_is_returned_and_holds_what_both_files_are_worth(integers: Exported) -> None:
    folder, manifest = integers
    assert read_manifest(folder) == manifest
    assert (manifest.name, manifest.side) == ("residual", PLAN.side)
    assert manifest.dimension == PLAN.embedding
    for engine, file in (("litert", LITERT_FILE), ("keras", KERAS_FILE)):
        calibration = manifest.calibrations[engine]  # type: ignore[index]
        assert calibration.fingerprint == fingerprint(folder / file)
        assert tuple(calibration.thresholds) == SENSITIVITIES
        photos = calibration.basis["photos"]
        assert calibration.basis["false_pairs"] == 16 * photos * (photos - 1) // 2


def test_floats_of_litert_and_keras_agree_to_a_thousandth(floats: Exported) -> None:
    folder, manifest = floats
    assert manifest.calibrations["litert"].basis["numbers"] == "float16"
    distances = [
        pdist(runtime(folder).embed(PICTURES)) for runtime in (LiteRTEncoder, KerasEncoder)
    ]
    assert np.abs(distances[0] - distances[1]).max() < 1e-3


def test_integers_take_half_the_size_and_still_separate_pictures(
    integers: Exported, floats: Exported
) -> None:
    folder, manifest = integers
    assert manifest.calibrations["litert"].basis["numbers"] == "int8"
    sizes = [(of / LITERT_FILE).stat().st_size for of in (folder, floats[0])]
    assert sizes[0] < 0.6 * sizes[1]
    vectors = LiteRTEncoder(folder).embed(PICTURES)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    distances = [pdist(vectors), pdist(KerasEncoder(folder).embed(PICTURES))]
    assert np.corrcoef(distances[0], distances[1])[0, 1] > 0.9


def test_the_keras_file_takes_any_number_of_images_of_the_side(integers: Exported) -> None:
    model = keras.saving.load_model(integers[0] / KERAS_FILE, compile=False)
    assert model.inputs[0].shape == (None, PLAN.side, PLAN.side, 3)
