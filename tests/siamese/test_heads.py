"""Heads: identical images are the same picture by construction, whatever a head has learned."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dedupe.errors import EncoderError, UsageError
from dedupe.siamese.heads import HEAD_FILE, HEADS, IDENTICAL, build_head, load_head, safe_distance
from dedupe.siamese.towers import build_tower

# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TOWER = build_tower("tiny", side=62, embedding=12)  # maps of 2 x 2 x 3
Rows = NDArray[np.float32]


def unit(count: int, seed: int = 0) -> Rows:
    rows = np.random.default_rng(seed).normal(size=(count, 12))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def ask(head: Any, first: Rows, second: Rows) -> Rows:
    return np.asarray(head.predict_on_batch([first, second]))[:, 0]


@pytest.fixture(scope="module", params=sorted(HEADS))
def head(request: pytest.FixtureRequest) -> Any:
    return build_head(request.param, TOWER)


def test_a_dense_sigmoid_on_a_distance_answers_half_for_identical_images() -> None:
    """The flaw: there is nothing in the sum but the bias, which begins at 0."""
    pair = [keras.Input((12,)) for _ in range(2)]
    distance = keras.layers.Lambda(lambda both: keras.ops.abs(both[0] - both[1]))(pair)
    flawed = keras.Model(pair, keras.layers.Dense(1, activation="sigmoid")(distance))
    np.testing.assert_allclose(ask(flawed, unit(4), unit(4)), 0.5)


def test_identical_images_are_the_same_before_training(head: Any) -> None:
    assert ask(head, unit(50), unit(50)).min() >= IDENTICAL


@settings(deadline=None, max_examples=40)
@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.integers(0, 1000))
def test_no_weights_make_identical_images_anything_but_the_same(
    head: Any, steepness: float, bias: float, seed: int
) -> None:
    layer = head.get_layer("head")
    kept = layer.get_weights()
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(0, abs(steepness), kept[0].shape), np.array(bias)])
    assert ask(head, unit(9, seed), unit(9, seed)).min() >= IDENTICAL
    layer.set_weights(kept)


def test_training_on_lies_leaves_identical_images_the_same(head: Any) -> None:
    """Told for long that every pair differs, a head still knows a picture and itself."""
    layer = head.get_layer("head")
    kept = layer.get_weights()
    optimizer = keras.optimizers.SGD(10.0)
    rows = unit(20)
    for _ in range(30):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.softplus(layer.logits(rows, rows[::-1])))
            loss += tf.reduce_mean(tf.nn.softplus(layer.logits(rows, rows)))
        gradients = tape.gradient(loss, layer.trainable_variables)
        optimizer.apply(gradients, layer.trainable_variables)
    moved = layer.get_weights()
    assert moved[1] < kept[1]
    assert ask(head, rows, rows).min() >= IDENTICAL
    layer.set_weights(kept)


def test_the_answer_is_the_probability_of_sameness_and_not_a_distance(head: Any) -> None:
    """It falls, from near 1, as the second picture moves away from the first."""
    first, away = unit(1), unit(1, 5)
    steps = [first + share * (away - first) for share in (0, 0.1, 0.3, 0.6, 1)]
    points = np.concatenate([step / np.linalg.norm(step) for step in steps])
    answers = ask(head, np.repeat(first, 5, axis=0), points)
    assert (np.diff(answers) < 0).all()
    assert (answers > 0).all()


def test_the_order_of_two_images_does_not_matter(head: Any) -> None:
    first, second = unit(20, 1), unit(20, 2)
    np.testing.assert_allclose(ask(head, first, second), ask(head, second, first), atol=1e-6)


def test_a_head_has_nothing_of_chance_behind_it(head: Any) -> None:
    """No Dropout on the answer: also in training it is the same twice."""
    first, second = unit(20, 1), unit(20, 2)
    once, twice = (np.asarray(head([first, second], training=True)) for _ in range(2))
    np.testing.assert_array_equal(once, twice)


def test_a_head_saved_and_loaded_gives_the_same_answers(head: Any, tmp_path: Path) -> None:
    layer = head.get_layer("head")
    layer.set_weights([layer.get_weights()[0] + 0.5, np.array(-0.7)])
    head.save(tmp_path / HEAD_FILE)
    again = load_head(tmp_path)
    first, second = unit(20, 1), unit(20, 2)
    np.testing.assert_array_equal(ask(again, first, second), ask(head, first, second))
    assert ask(again, first, first).min() >= IDENTICAL


def test_the_logit_is_the_bias_less_the_weighted_differences() -> None:
    first, second = unit(6, 1), unit(6, 2)
    gap = first.astype(np.float64) - second
    by_hand = {
        "l1": np.abs(gap),
        "euclidean": np.linalg.norm(gap, axis=1)[:, None],
        "cosine": 1 - (first * second).sum(axis=1)[:, None],
        "spatial": np.linalg.norm(gap.reshape(6, 4, 3), axis=2),
    }
    for name, differences in by_hand.items():
        layer = build_head(name, TOWER).get_layer("head")
        weights = np.linspace(0.5, 2, differences.shape[1])
        layer.set_weights([np.log(weights), np.array(1.0)])
        bias = math.log(0.99 / 0.01) + math.log1p(math.e)
        expected = bias - differences @ weights
        found = np.asarray(layer.logits(first, second))
        np.testing.assert_allclose(found, expected, atol=1e-3, err_msg=name)


@pytest.mark.parametrize(
    ("name", "count"), [("l1", 13), ("euclidean", 2), ("cosine", 2), ("spatial", 5)]
)
def test_a_head_has_a_weight_for_each_difference_and_a_bias(name: str, count: int) -> None:
    assert build_head(name, TOWER).count_params() == count


def test_the_square_root_has_a_finite_gradient_where_two_images_are_one() -> None:
    rows = tf.Variable(unit(3))
    with tf.GradientTape(persistent=True) as tape:
        plain = tf.sqrt(tf.reduce_sum((rows - unit(3)) ** 2, axis=1))
        safe = safe_distance(rows, unit(3))
    assert not np.isfinite(tape.gradient(plain, rows)).any()
    np.testing.assert_array_equal(tape.gradient(safe, rows), 0)
    np.testing.assert_array_equal(safe, 0)


def test_elsewhere_the_distance_is_the_plain_one() -> None:
    first, second = unit(30, 1), unit(30, 2)
    found = np.asarray(safe_distance(first, second))[:, 0]
    np.testing.assert_allclose(found, np.linalg.norm(first - second, axis=1), rtol=1e-5)


def test_a_spatial_head_needs_an_embedding_that_is_maps() -> None:
    residual = build_tower("residual", side=32, embedding=16)
    with pytest.raises(UsageError, match="with its maps as embedding, as tiny; residual has none"):
        build_head("spatial", residual)


def test_an_unknown_head_is_a_mistake_of_usage() -> None:
    with pytest.raises(UsageError, match=r"no head is called 'hydra'; choose one of .*spatial"):
        build_head("hydra", TOWER)


def test_a_folder_without_a_head_has_none_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    assert load_head(tmp_path) is None
    (tmp_path / HEAD_FILE).write_text("no head")
    with pytest.raises(EncoderError, match=r"head.keras cannot be loaded: .") as caught:
        load_head(tmp_path)
    assert "\n" not in str(caught.value)
