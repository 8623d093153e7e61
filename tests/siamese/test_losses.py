"""Losses against loops over their formulas, and against numbers derived by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dedupe.siamese.losses import koleo, nt_xent, pair_accuracy, spread

Vectors = NDArray[np.float32]


def unit(vectors: NDArray[Any]) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, np.float32)


def orthogonal_photos(count: int) -> Vectors:
    """Views that equal their twin and are orthogonal to everything else."""
    return np.tile(np.eye(count, dtype=np.float32), (2, 1))


@st.composite
def batches(draw: st.DrawFn) -> Vectors:
    photos = draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    return unit(rng.normal(size=(2 * photos, 3)))


def others(embeddings: Vectors, i: int) -> list[int]:
    """Rows that show another photo than row `i`."""
    half = len(embeddings) // 2
    return [j for j in range(len(embeddings)) if j % half != i % half]


def slow_nt_xent(embeddings: Vectors, temperature: float) -> float:
    losses = []
    for i in range(len(embeddings)):
        twin = (i + len(embeddings) // 2) % len(embeddings)
        positive = math.exp(float(embeddings[i] @ embeddings[twin]) / temperature)
        negatives = sum(
            math.exp(float(embeddings[i] @ embeddings[j]) / temperature)
            for j in others(embeddings, i)
        )
        losses.append(-math.log(positive / (positive + negatives)))
    return sum(losses) / len(losses)


def slow_koleo(embeddings: Vectors) -> float:
    logs = []
    for i in range(len(embeddings)):
        distances = [math.dist(embeddings[i], embeddings[j]) for j in others(embeddings, i)]
        logs.append(math.log(max(min(distances, default=2.0), 1e-3)))
    return -sum(logs) / len(logs)


@settings(deadline=None, max_examples=60)
@given(batches(), st.sampled_from([0.07, 0.5, 1.0]))
def test_nt_xent_is_the_loop_over_its_formula(embeddings: Vectors, temperature: float) -> None:
    loss = float(nt_xent(embeddings, temperature=temperature))
    assert loss == pytest.approx(slow_nt_xent(embeddings, temperature), rel=1e-4, abs=1e-5)


@settings(deadline=None, max_examples=60)
@given(batches())
def test_koleo_is_the_loop_over_its_formula(embeddings: Vectors) -> None:
    assert float(koleo(embeddings)) == pytest.approx(slow_koleo(embeddings), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_nt_xent_is_the_mean_over_the_samples_and_not_their_sum(count: int) -> None:
    # A twin at cosine 1 among 2 (count - 1) rows at cosine 0, the same for every row.
    by_hand = math.log(math.e + 2 * (count - 1)) - 1
    loss = nt_xent(orthogonal_photos(count), temperature=1.0)
    assert float(loss) == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_koleo_is_the_mean_over_the_samples_and_not_their_sum(count: int) -> None:
    loss = koleo(orthogonal_photos(count))
    assert float(loss) == pytest.approx(-math.log(math.sqrt(2)), abs=1e-5)


def test_losses_are_smaller_where_twins_meet_and_photos_part() -> None:
    apart = unit(np.array([[1, 0], [-1, 0], [1, 0.1], [-1, 0.1]]))
    mixed = unit(np.array([[1, 0], [1, 0.1], [-1, 0], [-1, 0.1]]))
    right = nt_xent(apart, temperature=0.1)
    wrong = nt_xent(mixed, temperature=0.1)
    assert float(right) < 0.01 < 10 < float(wrong)
    assert float(koleo(apart)) < float(koleo(mixed))


@pytest.mark.parametrize("vectors", [np.ones((4, 3)), np.array([[1, 0, 0], [0, 1, 0]] * 2)])
def test_gradients_are_finite_at_distance_0(vectors: NDArray[Any]) -> None:
    """Of two identical photos, and of two identical views."""
    embeddings = tf.Variable(unit(vectors))
    with tf.GradientTape() as tape:
        loss = nt_xent(embeddings, temperature=0.07) + koleo(embeddings)
    assert np.isfinite(tape.gradient(loss, embeddings).numpy()).all()


def test_koleo_pushes_two_near_photos_apart() -> None:
    embeddings = tf.Variable(unit(np.array([[1, 0.1], [1, -0.1], [1, 0.1], [1, -0.1]])))
    with tf.GradientTape() as tape:
        loss = koleo(embeddings)
    downhill = -tape.gradient(loss, embeddings).numpy()
    assert (downhill[:, 1] * np.array([1, -1, 1, -1]) > 0).all()


def test_the_spread_of_embeddings_that_are_all_equal_is_0() -> None:
    assert float(spread(unit(np.ones((8, 4))))) == pytest.approx(0, abs=1e-6)


def test_the_spread_is_the_root_mean_square_distance_from_the_mean() -> None:
    assert float(spread(np.array([[1, 0], [-1, 0]], np.float32))) == pytest.approx(1)
    assert float(spread(np.eye(2, dtype=np.float32))) == pytest.approx(math.sqrt(0.5))
    rows = unit(np.random.default_rng(0).normal(size=(9, 5)))
    by_hand = math.sqrt(sum(math.dist(row, rows.mean(axis=0)) ** 2 for row in rows) / len(rows))
    assert float(spread(rows)) == pytest.approx(by_hand, rel=1e-5)


def test_pair_accuracy_counts_the_rows_whose_nearest_other_row_is_their_twin() -> None:
    found = unit(np.array([[1, 0], [-1, 0], [1, 0.1], [-1, 0.1]]))
    swapped = unit(np.array([[1, 0], [1, 0.1], [-1, 0], [-1, 0.1]]))
    # Found from the first photo's first view and from the second photo's second view only.
    mixed = unit(np.array([[1, 0], [1, 0.2], [1, 0.1], [-1, 0]]))
    assert float(pair_accuracy(found)) == 1.0
    assert float(pair_accuracy(swapped)) == 0.0
    assert float(pair_accuracy(mixed)) == 0.5


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(0, 1000))
def test_pair_accuracy_is_the_loop_over_all_rows(photos: int, seed: int) -> None:
    rows = unit(np.random.default_rng(seed).normal(size=(2 * photos, 4)))
    hits = 0
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i]
        nearest = min(others, key=lambda j: math.dist(rows[i], rows[j]))
        hits += nearest == (i + photos) % len(rows)
    assert float(pair_accuracy(rows)) == pytest.approx(hits / len(rows))
