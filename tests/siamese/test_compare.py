"""A trained tower beside the one that its training started from."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
from drawings import draw_photos

from dedupe.encoder.manifest import BUILT_IN, KERAS_FILE
from dedupe.errors import EncoderError
from dedupe.siamese.compare import compare_with_start
from dedupe.siamese.config import TrainingPlan
from dedupe.siamese.towers import build_tower

# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SHIPPED = BUILT_IN / KERAS_FILE
PLAN = TrainingPlan(tower="fovea")


def test_the_same_weights_find_the_same_copies() -> None:
    tower = keras.saving.load_model(SHIPPED, compile=False)
    recall = compare_with_start(tower, SHIPPED, PLAN, draw_photos(12, side=160))
    assert recall is not None
    assert recall["before"] == recall["after"] > 0.5


def test_a_tower_that_finds_fewer_copies_is_refused_with_both_figures() -> None:
    untrained = build_tower("fovea", side=PLAN.side, embedding=PLAN.embedding)
    with pytest.raises(EncoderError, match=r"finds \d+\.\d% of the copies of 12 held-out photos"):
        compare_with_start(untrained, SHIPPED, PLAN, draw_photos(12, side=160))


def test_a_backbone_alone_has_no_figure(tmp_path: Path) -> None:
    plan = TrainingPlan(tower="mobilenetv2", side=32, embedding=8)
    backbone = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    backbone.save(tmp_path / "backbone.keras")
    tower = build_tower("mobilenetv2", side=32, embedding=8)
    photos = draw_photos(4, side=40)
    assert compare_with_start(tower, tmp_path / "backbone.keras", plan, photos) is None
