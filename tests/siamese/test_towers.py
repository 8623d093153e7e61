"""Towers: their size, their input, and unit vectors for whatever they see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from drawings import draw_photos
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.errors import UsageError
from dedupe.siamese.config import TrainingPlan
from dedupe.siamese.dataset import squash
from dedupe.siamese.towers import TOWERS, build_tower
from dedupe.siamese.trainer import SiameseTrainer

EMBEDDINGS = {"tiny": 3, "tiny_elu": 3, "tiny_pooled": 3}  # at 32 pixels; 16 for the others
# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LARGE = ("inceptionv3", "mobilenetv2", "resnet50", "signet")  # seconds to build; tested beside


@pytest.fixture(scope="module", params=sorted(set(TOWERS) - set(LARGE)))
def tower(request: pytest.FixtureRequest) -> Any:
    keras.utils.set_random_seed(0)
    embedding = EMBEDDINGS.get(request.param, 16)
    return build_tower(request.param, side=32, embedding=embedding)


def test_the_default_tower_has_at_most_a_million_parameters() -> None:
    plan = TrainingPlan()
    tower = build_tower(plan.tower, side=plan.side, embedding=plan.embedding)
    assert tower.count_params() <= 1_000_000


def test_a_tower_takes_bytes_and_gives_floats(tower: Any) -> None:
    assert (tower.inputs[0].dtype, tower.inputs[0].shape) == ("uint8", (None, 32, 32, 3))
    assert tower.outputs[0].dtype == "float32"
    assert tower.outputs[0].shape in {(None, 16), (None, 3)}


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_a_picture_of_one_grey_has_a_unit_vector(tower: Any, level: int) -> None:
    vectors = tower.predict_on_batch(np.full((2, 32, 32, 3), level, np.uint8))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 255), st.integers(0, 255))
def test_any_pixels_have_a_unit_vector(tower: Any, seed: int, span: int, low: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(low, min(low + span, 255) + 1, (2, 32, 32, 3)).astype(np.uint8)
    vectors = tower.predict_on_batch(pixels)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_other_pictures_have_other_vectors(tower: Any) -> None:
    vectors = tower.predict_on_batch(draw_photos(8, side=32))
    cosines = vectors @ vectors.T
    assert cosines[~np.eye(8, dtype=bool)].max() < 1 - 1e-5


def test_a_tower_without_a_side_takes_any_size_with_the_same_weights() -> None:
    tower = build_tower("residual", side=32, embedding=16)
    free = build_tower(tower.name, side=None, embedding=16)
    free.set_weights(tower.get_weights())
    pixels = draw_photos(2, side=32)
    np.testing.assert_allclose(
        free.predict_on_batch(pixels), tower.predict_on_batch(pixels), atol=1e-5
    )
    assert free.predict_on_batch(draw_photos(2, side=21)).shape == (2, 16)


def test_fovea_adds_to_the_whole_its_enlarged_middle() -> None:
    side, pixels = 64, draw_photos(3, side=64)
    once = build_tower("residual", side=side, embedding=16)
    twice = build_tower("fovea", side=side, embedding=16)
    twice.set_weights(once.get_weights())
    middle = keras.ops.image.resize(pixels[:, 16:48, 16:48].astype(np.float32), (side, side))
    middle = np.rint(np.asarray(middle)).astype(np.uint8)
    looks = once.predict_on_batch(pixels) + 0.5 * once.predict_on_batch(middle)
    expected = looks / np.linalg.norm(looks, axis=1, keepdims=True)
    np.testing.assert_allclose(twice.predict_on_batch(pixels), expected, atol=5e-3)
    # Each picture has a vector of its own, whoever stands beside it.
    alone = twice.predict_on_batch(pixels[1:2])
    np.testing.assert_allclose(alone[0], expected[1], atol=5e-3)


def test_fovea_brings_a_photo_nearer_to_its_middle() -> None:
    pixels = draw_photos(6, side=100)
    crops = np.stack([squash(photo[20:80, 20:80], 64) for photo in pixels])
    photos = np.stack([squash(photo, 64) for photo in pixels])
    keras.utils.set_random_seed(0)
    once = build_tower("residual", side=64, embedding=64)
    twice = build_tower("fovea", side=64, embedding=64)
    twice.set_weights(once.get_weights())
    far, near = (
        np.linalg.norm(tower.predict_on_batch(photos) - tower.predict_on_batch(crops), axis=1)
        for tower in (once, twice)
    )
    assert near.mean() < far.mean()


def test_residual_and_fovea_read_the_weights_of_one_another(tmp_path: Path) -> None:
    towers = [build_tower(name, side=32, embedding=16) for name in ("residual", "fovea")]
    for written, read in (towers, towers[::-1]):
        written.save(tmp_path / "weights.keras")
        read.load_weights(str(tmp_path / "weights.keras"))
        for one, other in zip(written.get_weights(), read.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_nothing_in_a_tower_is_left_to_chance(tower: Any) -> None:
    """No dropout, neither before nor on the output."""
    pixels = draw_photos(4, side=32)
    once, twice = (np.asarray(tower(pixels, training=True).numpy()) for _ in range(2))
    np.testing.assert_array_equal(once, twice)


def test_both_images_of_a_pair_go_through_one_set_of_weights() -> None:
    tower = build_tower("residual", side=None, embedding=16)
    trainer = SiameseTrainer(tower, TrainingPlan(embedding=16))
    trained = [id(variable) for variable in trainer.trainable_variables]
    assert trained == [id(variable) for variable in tower.trainable_variables]


def test_an_unknown_tower_is_a_mistake_of_usage() -> None:
    with pytest.raises(UsageError, match=r"no tower is called 'pisa'; choose one of .*residual"):
        build_tower("pisa", side=32, embedding=16)
