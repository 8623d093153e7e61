"""Weights of a backbone from a file that another program has saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from dedupe.errors import EncoderError
from dedupe.siamese.config import TrainingPlan
from dedupe.siamese.towers import build_tower, load_backbone
from dedupe.siamese.trainer import build_trainer

# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
PLAN = TrainingPlan(
    tower="mobilenetv2", side=32, embedding=8, small_share=0, loss="nt_xent", pairs=2
)


@pytest.fixture(scope="module")
def network() -> Any:
    """The network as keras.applications builds it, with classifier and another input size."""
    keras.utils.set_random_seed(7)
    return keras.applications.MobileNetV2(weights=None, input_shape=(64, 64, 3))


def backbone_of(tower: Any) -> Any:
    return next(layer for layer in tower.layers if isinstance(layer, keras.Model))


def test_a_keras_file_with_a_classifier_gives_its_convolutions(
    network: Any, tmp_path: Path
) -> None:
    network.save(tmp_path / "imagenet.keras")
    trainer = build_trainer(PLAN, tmp_path / "imagenet.keras")
    own = backbone_of(trainer.tower).get_weights()
    for mine, given in zip(own, network.get_weights(), strict=False):
        np.testing.assert_array_equal(mine, given)


@pytest.mark.parametrize("name", ["notop.weights.h5", "notop.h5"])
def test_a_file_of_weights_without_a_classifier_fits(
    name: str, network: Any, tmp_path: Path
) -> None:
    plain = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(64, 64, 3))
    plain.set_weights(network.get_weights()[:-2])
    save = plain.save_weights if name.endswith(".weights.h5") else plain.save
    save(str(tmp_path / name))
    tower = build_tower("mobilenetv2", side=32, embedding=8)
    assert load_backbone(tower, tmp_path / name)
    np.testing.assert_array_equal(backbone_of(tower).get_weights()[0], network.get_weights()[0])


def test_another_network_is_refused_in_one_line(tmp_path: Path) -> None:
    other = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3))
    other.save(tmp_path / "other.keras")
    with pytest.raises(EncoderError, match="holds no weights of this tower") as refusal:
        build_trainer(PLAN, tmp_path / "other.keras")
    assert "\n" not in str(refusal.value)


def test_a_tower_without_a_backbone_takes_none(network: Any, tmp_path: Path) -> None:
    network.save(tmp_path / "imagenet.keras")
    tower = build_tower("residual", side=32, embedding=8)
    assert not load_backbone(tower, tmp_path / "imagenet.keras")
