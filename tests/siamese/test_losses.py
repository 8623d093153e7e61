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

from dedupe.siamese.heads import safe_distance
from dedupe.siamese.losses import (
    BinaryCrossEntropy,
    Contrastive,
    NTXent,
    Triplet,
    binary_cross_entropy,
    contrastive,
    koleo,
    nt_xent,
    pair_accuracy,
    spread,
    triplet,
)

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


def test_pair_accuracy_counts_the_rows_with_their_other_view_as_nearest_row() -> None:
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


def slow_triplet(embeddings: Vectors, things: list[int], margin: float) -> float:
    """Every anchor and positive with the nearest farther negative, else the farthest of all."""
    square = [[math.dist(a, b) ** 2 for b in embeddings] for a in embeddings]
    losses = []
    for a, p in np.ndindex(len(things), len(things)):
        negatives = [square[a][n] for n in range(len(things)) if things[n] != things[a]]
        if a == p or things[a] != things[p] or not negatives:
            continue
        farther = [d for d in negatives if d > square[a][p]]
        negative = min(farther) if farther else max(negatives)
        losses.append(max(square[a][p] - negative + margin, 0))
    return sum(losses) / len(losses) if losses else 0.0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=9), st.integers(0, 1000))
def test_triplet_is_the_loop_over_its_formula(things: list[int], seed: int) -> None:
    rows = unit(np.random.default_rng(seed).normal(size=(len(things), 3)))
    found = float(triplet(rows, np.array(things), margin=0.3))
    assert found == pytest.approx(slow_triplet(rows, things, 0.3), abs=1e-5)


def test_triplet_takes_the_nearest_negative_beyond_the_positive() -> None:
    # On a circle: anchor 0, positive at 60 degrees, negatives at 20 (nearer), 80 and 170.
    angles = np.radians([0, 60, 20, 80, 170])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    chord = {d: 2 - 2 * math.cos(math.radians(d)) for d in (60, 80, 110)}
    # Seen from the anchor 80 is the nearest beyond 60; seen from the positive, 110 (at 170).
    by_hand = (2 * chord[60] - chord[80] - chord[110] + 2 * 1.9) / 2
    found = float(triplet(rows, np.array([0, 0, 1, 2, 3]), margin=1.9))
    assert found == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_triplet_is_the_mean_over_the_samples_and_not_their_sum(count: int) -> None:
    # Every positive at 0, every negative at 2, whatever the size of the batch.
    loss = triplet(orthogonal_photos(count), np.tile(np.arange(count), 2), margin=2.5)
    assert float(loss) == pytest.approx(0.5, abs=1e-5)


def test_triplet_of_things_that_have_no_pair_or_no_other_is_zero() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(4, 3)))
    assert float(triplet(rows, np.arange(4))) == 0
    assert float(triplet(rows, np.zeros(4, int))) == 0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 2)), min_size=1, max_size=9))
def test_contrastive_is_the_loop_over_its_formula(pairs: list[tuple[bool, float]]) -> None:
    by_hand = sum(d**2 if same else max(1.2 - d, 0) ** 2 for same, d in pairs) / len(pairs)
    same, distances = (np.array(part, np.float32) for part in zip(*pairs, strict=True))
    assert float(contrastive(same, distances, margin=1.2)) == pytest.approx(by_hand, abs=1e-5)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.floats(-9, 9)), min_size=1, max_size=9))
def test_binary_cross_entropy_is_the_loop_over_its_formula(
    pairs: list[tuple[bool, float]],
) -> None:
    chances = [(same, 1 / (1 + math.exp(-logit))) for same, logit in pairs]
    by_hand = -sum(math.log(p if same else 1 - p) for same, p in chances) / len(pairs)
    same, logits = (np.array(part, np.float32) for part in zip(*pairs, strict=True))
    assert float(binary_cross_entropy(same, logits)) == pytest.approx(by_hand, abs=1e-4)


def test_binary_cross_entropy_of_a_sure_mistake_is_finite() -> None:
    wrong = binary_cross_entropy(
        np.array([0.0, 1.0], np.float32), np.array([1e4, -1e4], np.float32)
    )
    assert float(wrong) == pytest.approx(1e4)


def test_losses_of_pairs_do_not_depend_on_the_size_of_the_batch() -> None:
    """The flaw: summed over the batch, ten times the pairs are ten times the step."""
    same, values = np.array([1, 0], np.float32), np.array([0.6, 0.3], np.float32)
    for function in (contrastive, binary_cross_entropy):
        once, tenfold = function(same, values), function(np.tile(same, 10), np.tile(values, 10))
        assert float(tenfold) == pytest.approx(float(once), rel=1e-5)


def test_the_keras_classes_say_what_the_functions_say() -> None:
    same, values = np.array([1, 0, 1], np.float32), np.array([0.6, 0.3, 0.1], np.float32)
    rows = unit(np.random.default_rng(0).normal(size=(6, 3)))
    things = np.array([0, 1, 2, 0, 1, 2])
    pairs = [
        (BinaryCrossEntropy()(same, values), binary_cross_entropy(same, values)),
        (Contrastive(margin=0.5)(same, values), contrastive(same, values, margin=0.5)),
        (Triplet(margin=0.7)(things, rows), triplet(rows, things, margin=0.7)),
        (NTXent(temperature=0.3)(things, rows), nt_xent(rows, temperature=0.3)),
    ]
    for made, expected in pairs:
        assert float(made) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("loss", ["triplet", "contrastive"])
def test_gradients_are_finite_where_all_embeddings_are_one_point(loss: str) -> None:
    rows = tf.Variable(np.tile(np.eye(1, 3, dtype=np.float32), (6, 1)))
    with tf.GradientTape() as tape:
        if loss == "triplet":
            value = triplet(rows, np.array([0, 1, 2, 0, 1, 2]))
        else:
            same = np.array([1, 1, 0], np.float32)
            value = contrastive(same, safe_distance(rows[:3], rows[3:])[:, 0])
    assert np.isfinite(tape.gradient(value, rows)).all()
