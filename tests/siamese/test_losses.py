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
Ids = NDArray[np.int32]
Problem = tuple[Vectors, Ids, Vectors, Ids]  # embeddings, ids, memory, memory ids

NO_MEMORY = np.empty(0, np.int32)


def unit(vectors: NDArray[Any]) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, np.float32)


def no_memory(dimension: int) -> Vectors:
    return np.empty((0, dimension), np.float32)


def orthogonal_photos(count: int) -> tuple[Vectors, Ids]:
    """Views that equal their twin and are orthogonal to everything else."""
    ids = np.arange(count, dtype=np.int32)
    return np.tile(np.eye(count, dtype=np.float32), (2, 1)), np.tile(ids, 2)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Batches in which a photo may come twice, beside a memory with empty places."""
    photos = draw(st.lists(st.integers(0, 4), min_size=1, max_size=5))
    memory_ids = draw(st.lists(st.integers(-1, 6), max_size=8))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    memory = unit(rng.normal(size=(len(memory_ids), 3)))
    memory[np.array(memory_ids, int) < 0] = 0
    return (
        unit(rng.normal(size=(2 * len(photos), 3))),
        np.array(photos * 2, np.int32),
        memory,
        np.array(memory_ids, np.int32),
    )


def slow_nt_xent(problem: Problem, temperature: float) -> float:
    embeddings, ids, memory, memory_ids = problem
    half = len(ids) // 2
    losses = []
    for i in range(len(ids)):
        twin = (i + half) % len(ids)
        positive = math.exp(float(embeddings[i] @ embeddings[twin]) / temperature)
        negatives = 0.0
        for j in range(len(ids)):
            if ids[j] != ids[i]:
                negatives += math.exp(float(embeddings[i] @ embeddings[j]) / temperature)
        for j in range(len(memory)):
            if memory_ids[j] != ids[i] and memory_ids[j] != -1:
                negatives += math.exp(float(embeddings[i] @ memory[j]) / temperature)
        losses.append(-math.log(positive / (positive + negatives)))
    return sum(losses) / len(losses)


def slow_koleo(problem: Problem) -> float:
    embeddings, ids, memory, memory_ids = problem
    logs = []
    for i in range(len(ids)):
        distances = [2.0]
        for j in range(len(ids)):
            if ids[j] != ids[i]:
                distances.append(math.dist(embeddings[i], embeddings[j]))
        for j in range(len(memory)):
            if memory_ids[j] != ids[i] and memory_ids[j] != -1:
                distances.append(math.dist(embeddings[i], memory[j]))
        logs.append(math.log(max(min(distances), 1e-3)))
    return -sum(logs) / len(logs)


@settings(deadline=None, max_examples=60)
@given(problems(), st.sampled_from([0.07, 0.5, 1.0]))
def test_nt_xent_is_the_loop_over_its_formula(problem: Problem, temperature: float) -> None:
    loss = float(nt_xent(*problem, temperature=temperature))
    assert loss == pytest.approx(slow_nt_xent(problem, temperature), rel=1e-4, abs=1e-5)


@settings(deadline=None, max_examples=60)
@given(problems())
def test_koleo_is_the_loop_over_its_formula(problem: Problem) -> None:
    assert float(koleo(*problem)) == pytest.approx(slow_koleo(problem), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_nt_xent_is_the_mean_over_the_samples_and_not_their_sum(count: int) -> None:
    embeddings, ids = orthogonal_photos(count)
    # A twin at cosine 1 among 2 (count - 1) rows at cosine 0, the same for every row.
    by_hand = math.log(math.e + 2 * (count - 1)) - 1
    loss = nt_xent(embeddings, ids, no_memory(count), NO_MEMORY, temperature=1.0)
    assert float(loss) == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_koleo_is_the_mean_over_the_samples_and_not_their_sum(count: int) -> None:
    embeddings, ids = orthogonal_photos(count)
    loss = koleo(embeddings, ids, no_memory(count), NO_MEMORY)
    assert float(loss) == pytest.approx(-math.log(math.sqrt(2)), abs=1e-5)


def test_a_place_of_the_memory_adds_one_negative_unless_it_is_empty_or_of_the_same_photo() -> None:
    embeddings, ids = orthogonal_photos(2)
    memory = np.eye(2, dtype=np.float32)
    empty = nt_xent(embeddings, ids, memory, np.array([-1, -1], np.int32), temperature=1.0)
    same = nt_xent(embeddings, ids, memory, np.array([0, 1], np.int32), temperature=1.0)
    other = nt_xent(embeddings, ids, memory, np.array([7, 8], np.int32), temperature=1.0)
    assert float(empty) == pytest.approx(math.log(math.e + 2) - 1, abs=1e-5)
    # Each place is a view of one of the two photos, and a negative for the other one only.
    assert float(same) == pytest.approx(math.log(math.e + 2 + 1) - 1, abs=1e-5)
    assert float(other) == pytest.approx(math.log(math.e + 2 + math.e + 1) - 1, abs=1e-5)


def test_losses_are_smaller_where_twins_meet_and_photos_part() -> None:
    _, ids = orthogonal_photos(2)
    apart = unit(np.array([[1, 0], [-1, 0], [1, 0.1], [-1, 0.1]]))
    mixed = unit(np.array([[1, 0], [1, 0.1], [-1, 0], [-1, 0.1]]))
    none = (no_memory(2), NO_MEMORY)
    right = nt_xent(apart, ids, *none, temperature=0.1)
    wrong = nt_xent(mixed, ids, *none, temperature=0.1)
    assert float(right) < 0.01 < 10 < float(wrong)
    assert float(koleo(apart, ids, *none)) < float(koleo(mixed, ids, *none))


@pytest.mark.parametrize("vectors", [np.ones((4, 3)), np.array([[1, 0, 0], [0, 1, 0]] * 2)])
def test_gradients_are_finite_at_distance_0(vectors: NDArray[Any]) -> None:
    """Of two identical photos, and of two identical views."""
    embeddings = tf.Variable(unit(vectors))
    ids = np.array([0, 1, 0, 1], np.int32)
    none = (no_memory(3), NO_MEMORY)
    with tf.GradientTape() as tape:
        loss = nt_xent(embeddings, ids, *none, temperature=0.07) + koleo(embeddings, ids, *none)
    assert np.isfinite(tape.gradient(loss, embeddings).numpy()).all()


def test_koleo_pushes_two_near_photos_apart() -> None:
    embeddings = tf.Variable(unit(np.array([[1, 0.1], [1, -0.1], [1, 0.1], [1, -0.1]])))
    ids = np.array([0, 1, 0, 1], np.int32)
    with tf.GradientTape() as tape:
        loss = koleo(embeddings, ids, no_memory(2), NO_MEMORY)
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
