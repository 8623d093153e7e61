"""The five networks that the project began from: as they were meant, without what went wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from drawings import draw_photos
from keras import layers, ops

from dedupe.errors import EncoderError, UsageError
from dedupe.siamese.config import RECIPES, plan_for
from dedupe.siamese.heads import HEADS, IDENTICAL, build_head
from dedupe.siamese.towers import TOWERS, Backbone, build_tower
from dedupe.siamese.trainer import build_trainer

# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDES = {"mobilenetv2": 32, "resnet50": 32, "signet": 32, "inceptionv3": 75}
PREPARED = {
    "mobilenetv2": keras.applications.mobilenet_v2.preprocess_input,
    "resnet50": keras.applications.resnet50.preprocess_input,
    "inceptionv3": keras.applications.inception_v3.preprocess_input,
}


@pytest.fixture(scope="module", params=sorted(SIDES))
def large(request: pytest.FixtureRequest) -> Any:
    """A large tower on as small an input as it takes."""
    keras.utils.set_random_seed(0)
    return build_tower(request.param, side=SIDES[request.param], embedding=8)


def pixels_for(tower: Any, count: int = 3) -> Any:
    return draw_photos(count, side=tower.input_shape[1])


@pytest.mark.parametrize(
    ("tower", "count"), [("tiny", 194), ("tiny_elu", 194), ("tiny_pooled", 170)]
)
def test_tiny_and_its_head_have_as_many_parameters_as_the_note_says(tower: str, count: int) -> None:
    trainer = build_trainer(plan_for(tower))
    assert [p.count_params() for p in (trainer.tower, trainer.head)] == [168, count - 168]
    assert trainer.count_params() == count


def test_tiny_on_each_half_is_the_note_s_network_on_a_double_picture() -> None:
    """Convolved side by side, without the two columns in the middle that saw both pictures."""
    tower = build_tower("tiny", side=128, embedding=75)
    convolutions = [layer for layer in tower.layers if isinstance(layer, layers.Conv2D)]
    double = keras.Input((128, 256, 3))
    x = double
    for convolution in convolutions:
        x = layers.MaxPooling2D(2)(convolution(x))
    difference = x[:, :, 32:] - x[:, :, :30]  # (B, 30, 30, 3), of 62 columns
    noted = keras.Model(double, layers.AveragePooling2D(6)(difference))

    photos = draw_photos(4, side=128)
    left, right = photos[:2], photos[2:]
    both = np.concatenate([left, right], axis=2) / 127.5 - 1
    cells = keras.Model(tower.inputs, tower.get_layer("cells").output)
    ours = cells.predict_on_batch(right) - cells.predict_on_batch(left)
    assert ours.shape == (2, 5, 5, 3)
    np.testing.assert_allclose(noted.predict_on_batch(both), ours, atol=1e-5)


def test_tiny_pooled_keeps_one_place() -> None:
    tower = build_tower("tiny_pooled", side=128, embedding=3)
    assert tower.get_layer("cells").output.shape == (None, 1, 1, 3)


def test_tiny_says_which_embedding_a_side_makes() -> None:
    with pytest.raises(UsageError, match=r"makes 3 floats of 32 pixels, not 75; .*--embedding 3"):
        build_tower("tiny", side=32, embedding=75)
    with pytest.raises(UsageError, match="needs the side"):
        build_tower("tiny", side=None, embedding=75)


def test_a_large_tower_takes_bytes_and_gives_unit_vectors(large: Any) -> None:
    assert large.inputs[0].dtype == "uint8"
    vectors = large.predict_on_batch(pixels_for(large))
    assert (vectors.dtype, vectors.shape) == (np.float32, (3, 8))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_identical_images_are_the_same_under_every_head(large: Any) -> None:
    """The flaw of all five: a sigmoid of nothing is 0.5, whatever the tower."""
    vectors = large.predict_on_batch(pixels_for(large))
    for name in sorted(set(HEADS) - {"spatial"}):
        answers = build_head(name, large).predict_on_batch([vectors, vectors])
        assert answers.min() >= IDENTICAL, name


def test_nothing_random_or_positive_only_follows_the_last_dense_layer(large: Any) -> None:
    """The flaws: Dropout on the output (resnet50), a ReLU on the embedding (signet)."""
    *_, last = (i for i, layer in enumerate(large.layers) if isinstance(layer, layers.Dense))
    assert large.layers[last].activation is keras.activations.linear
    after = {type(layer).__name__ for layer in large.layers[last + 1 :]}
    assert after <= {"BatchNormalization", "UnitNormalization"}
    assert "UnitNormalization" in after


@pytest.mark.parametrize("large", sorted(PREPARED), indirect=True)
def test_a_backbone_sees_pixels_as_its_authors_prepared_them(large: Any) -> None:
    backbone = backbone_of(large)
    pixels = pixels_for(large)
    x = backbone(PREPARED[large.name](pixels.astype(np.float32)))
    for layer in large.layers[large.layers.index(backbone) + 1 :]:
        x = layer(x)
    np.testing.assert_allclose(large.predict_on_batch(pixels), x, atol=1e-4)


def backbone_of(tower: Any) -> Any:
    (backbone,) = [layer for layer in tower.layers if isinstance(layer, keras.Model)]
    return backbone


def test_a_tower_saved_and_loaded_gives_the_same_answers(tmp_path: Path) -> None:
    """The flaw of resnet50: two separate towers, and a loaded copy that finds no pair the same."""
    tower = build_tower("resnet50", side=32, embedding=8)
    tower.save(tmp_path / "tower.keras")
    again = keras.saving.load_model(tmp_path / "tower.keras", compile=False)
    pixels = draw_photos(3, side=32)
    vectors = tower.predict_on_batch(pixels)
    np.testing.assert_array_equal(again.predict_on_batch(pixels), vectors)
    head = build_head("l1", tower)
    assert head.predict_on_batch([vectors, again.predict_on_batch(pixels)]).min() >= IDENTICAL


def test_a_trainer_holds_one_tower_for_both_images() -> None:
    trainer = build_trainer(plan_for("mobilenetv2", side=32, embedding=8, loss="binary"))
    kernels = [v.path for v in trainer.trainable_variables if "conv1/kernel" in v.path.lower()]
    assert len(kernels) == 1
    head, tower = trainer.head.trainable_variables, trainer.tower.trainable_variables
    assert len(trainer.trainable_variables) == len(head) + len(tower)


def test_a_frozen_backbone_keeps_its_weights_and_statistics() -> None:
    plan = plan_for("mobilenetv2", side=32, embedding=8, frozen=True, pairs=4)
    trainer = build_trainer(plan)
    backbone = backbone_of(trainer.tower)
    before = [np.array(w) for w in backbone.get_weights()]
    dense = np.array(trainer.tower.layers[-3].kernel)
    trainer.train_on_batch(np.tile(draw_photos(4, side=32), (2, 1, 1, 1)))
    for kept, now in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)
    assert not np.array_equal(dense, trainer.tower.layers[-3].kernel)


def test_imagenet_weights_without_a_network_are_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("socket.create_connection", refuse)
    with pytest.raises(
        EncoderError, match=r"weights of MobileNetV2 cannot be fetched: .*"
    ) as caught:
        build_tower("mobilenetv2", side=32, embedding=8, backbone=Backbone(imagenet=True))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("connect to the network, or leave out --weights imagenet")


def test_imagenet_weights_are_those_that_were_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3))
    kept.save_weights(tmp_path / "kept.weights.h5")
    monkeypatch.setattr(
        "keras.src.utils.file_utils.get_file", lambda *_, **__: str(tmp_path / "kept.weights.h5")
    )
    trainer = build_trainer(plan_for("mobilenetv2", side=32, embedding=8, imagenet=True))
    for ours, theirs in zip(
        backbone_of(trainer.tower).get_weights(), kept.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("name", "side", "backbone", "words"),
    [
        ("inceptionv3", 64, Backbone(), "inceptionv3 needs a side of 75 pixels"),
        (
            "tiny",
            128,
            Backbone(imagenet=True),
            "tiny has no backbone .* mobilenetv2, resnet50 have",
        ),
        ("residual", 96, Backbone(frozen=True), "residual has no backbone"),
    ],
)
def test_what_a_tower_cannot_do_is_a_mistake_of_usage(
    name: str, side: int, backbone: Backbone, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        build_tower(name, side=side, embedding=8, backbone=backbone)


def test_the_flawed_end_of_signet_has_one_embedding_for_all_it_does_not_know() -> None:
    """A ReLU leaves nothing of negative features: all of them are the same point, 0."""
    features = -np.abs(np.random.default_rng(0).normal(size=(5, 8))).astype(np.float32)
    assert not np.asarray(ops.relu(features)).any()
    mended = np.asarray(layers.UnitNormalization()(features))
    assert len(np.unique(mended.round(4), axis=0)) == 5


def test_every_recipe_is_that_of_a_tower_and_fits_together() -> None:
    assert set(RECIPES) | {"residual"} == set(TOWERS)
    for tower in TOWERS:
        plan_for(tower).check()
