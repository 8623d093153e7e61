"""Thresholds and probabilities, measured with an encoder made by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from drawings import Pixels, draw_photos
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dedupe.encoder.manifest import RATES, SENSITIVITIES
from dedupe.siamese import calibrate as calibration
from dedupe.siamese.calibrate import (
    calibrate,
    find_nearest_pairs,
    fit_head,
    leave_out_repeats,
)

Vectors = NDArray[np.float32]
PHOTOS = 30
VIEWS = 4  # the photo, and three changed copies
FALSE_PAIRS = VIEWS * VIEWS * PHOTOS * (PHOTOS - 1) // 2


@dataclass
class Thumbnails:
    """An encoder: normalised thumbnails; remembers the vectors it gave."""

    vectors: list[Vectors] = field(default_factory=list)

    def __call__(self, pixels: Pixels) -> Vectors:
        small = [cv2.resize(view, (6, 6), interpolation=cv2.INTER_AREA) for view in pixels]
        flat = np.stack(small).reshape(len(pixels), -1).astype(np.float32)
        flat -= flat.mean(axis=1, keepdims=True) - 1e-3
        self.vectors += list(flat / np.linalg.norm(flat, axis=1, keepdims=True))
        return np.stack(self.vectors)


def distances(vectors: list[Vectors]) -> tuple[list[float], list[float]]:
    """Distances of every photo to its copies, and of all views of different photos."""
    photos = len(vectors) // VIEWS
    true = [math.dist(vectors[row], vectors[row % photos]) for row in range(photos, len(vectors))]
    false = [
        math.dist(vectors[left], vectors[right])
        for right in range(len(vectors))
        for left in range(right)
        if left % photos != right % photos
    ]
    return true, false


def probability(head: dict[str, float], distance: float) -> float:
    return 1 / (1 + math.exp(-np.clip(head["bias"] - head["scale"] * distance, -700, 700)))


def set_rates(patch: pytest.MonkeyPatch, *rates: float) -> None:
    patch.setattr(calibration, "RATES", dict(zip(SENSITIVITIES, rates, strict=False)))


def test_thresholds_grow_with_the_rate_of_mistakes_that_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_rates(monkeypatch, 0.001, 0.01, 0.1, 0.2)
    found = calibrate(Thumbnails(), draw_photos(PHOTOS), side=32, seed=0).thresholds
    strict, balanced, loose, _ = (found[name] for name in SENSITIVITIES)
    assert 0 < strict.distance < balanced.distance < loose.distance < 2
    assert strict.recall <= balanced.recall <= loose.recall
    assert strict.false_positive_rate <= balanced.false_positive_rate <= loose.false_positive_rate


@pytest.mark.parametrize("rates", [(0.0005, 0.003, 0.02), (0.1, 0.5, 0.9), (1e-7, 1e-6, 1e-5)])
def test_no_more_false_pairs_lie_within_a_threshold_than_its_rate_allows(
    monkeypatch: pytest.MonkeyPatch, rates: tuple[float, ...]
) -> None:
    set_rates(monkeypatch, *rates)
    embed = Thumbnails()
    found = calibrate(embed, draw_photos(PHOTOS), side=32, seed=0)
    _, false = distances(embed.vectors)
    assert (found.photos, found.false_pairs) == (PHOTOS, len(false)) == (PHOTOS, FALSE_PAIRS)
    for rate, threshold in zip(rates, found.thresholds.values(), strict=True):
        within = sum(distance <= threshold.distance for distance in false)
        assert within <= rate * len(false)
        assert threshold.false_positive_rate == pytest.approx(within / len(false))
        # A step more would let too many in.
        assert sum(d <= threshold.distance + 0.001 + 1e-5 for d in false) > rate * len(false)


def test_recall_is_the_share_of_copies_within_the_threshold_of_their_photo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_rates(monkeypatch, 0.001, 0.01, 0.1, 0.2)
    embed = Thumbnails()
    found = calibrate(embed, draw_photos(PHOTOS), side=32, seed=0)
    true, _ = distances(embed.vectors)
    assert len(true) == (VIEWS - 1) * PHOTOS
    for threshold in found.thresholds.values():
        share = sum(distance <= threshold.distance for distance in true) / len(true)
        assert threshold.recall == pytest.approx(share, abs=1e-4)
        assert 0 < threshold.recall <= 1


def test_the_rates_that_ship_are_in_the_order_of_the_sensitivities() -> None:
    assert list(RATES) == list(SENSITIVITIES)
    assert sorted(RATES.values()) == list(RATES.values())


def test_the_same_seed_gives_the_same_calibration() -> None:
    one, two = (calibrate(Thumbnails(), draw_photos(8), side=32, seed=5) for _ in range(2))
    assert one == two


def test_photos_that_repeat_one_another_bring_a_threshold_to_0_and_not_below() -> None:
    photos = np.concatenate([draw_photos(8), draw_photos(8)])
    found = calibrate(Thumbnails(), photos, side=32, seed=0)
    assert {threshold.distance for threshold in found.thresholds.values()} == {0}


@given(st.integers(0, 1998))
def test_a_false_pair_exactly_on_a_step_lies_outside_the_threshold(allowed: int) -> None:
    false = np.arange(1, 2000, dtype=np.float32) / np.float32(1000)
    rate = (allowed + 0.5) / len(false)
    found = calibration._threshold(false, len(false), false, rate)
    assert int(np.sum(false <= found.distance)) == allowed
    assert found.distance == allowed / 1000


lists_of_distances = st.lists(st.floats(0, 2, width=32), min_size=1, max_size=20)


@settings(deadline=None, max_examples=60)
@given(lists_of_distances, lists_of_distances)
def test_identical_images_are_copies_and_probability_falls_with_distance(
    true: list[float], false: list[float]
) -> None:
    """Whatever the distances, also where other photos lie closer than copies."""
    head = fit_head(np.array(true, np.float32), np.array(false, np.float32))
    assert probability(head, 0) >= 0.99
    assert head["scale"] > 0
    falling = [probability(head, distance) for distance in np.linspace(0, 2, 50)]
    assert falling == sorted(falling, reverse=True)


def test_the_head_separates_copies_from_other_photos() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(0, 0.5, 200).astype(np.float32)
    false = rng.uniform(0.4, 1.2, 200).astype(np.float32)
    head = fit_head(true, false)
    assert probability(head, 0.2) > 0.9
    assert probability(head, 0.8) < 0.1


def test_the_head_is_where_no_neighbouring_one_fits_better() -> None:
    rng = np.random.default_rng(1)
    true, false = rng.uniform(0, 1, 100), rng.uniform(0.5, 1.5, 100)

    def loss(scale: float, bias: float) -> float:
        missed = [math.log1p(math.exp(scale * d - bias)) for d in true]
        mistaken = [math.log1p(math.exp(bias - scale * d)) for d in false]
        return sum(missed) / len(missed) + sum(mistaken) / len(mistaken)

    head = fit_head(true.astype(np.float32), false.astype(np.float32))
    best = loss(head["scale"], head["bias"])
    for scale in (0.98, 1, 1.02):
        for bias in (0.98, 1, 1.02):
            if head["bias"] * bias > math.log(0.99 / 0.01):
                assert loss(head["scale"] * scale, head["bias"] * bias) >= best - 1e-4


def test_a_held_out_photo_that_repeats_another_is_left_out() -> None:
    photos = draw_photos(6, side=160)
    brighter = np.clip(photos[2].astype(np.int32) + 12, 0, 255).astype(np.uint8)
    found = leave_out_repeats(Thumbnails(), np.stack([*photos, brighter]), side=32)
    np.testing.assert_array_equal(found, photos)


@pytest.mark.parametrize("block", [1, 7, 64])
@pytest.mark.parametrize("count", [1, 20, 5000])
def test_the_nearest_pairs_are_those_of_all_distances_sorted(block: int, count: int) -> None:
    rows = np.random.default_rng(4).normal(size=(50, 8)).astype(np.float32)
    vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    left, right = np.triu_indices(50, 1)
    gaps = np.linalg.norm(vectors[left] - vectors[right], axis=1)
    expected = [(int(left[pair]), int(right[pair])) for pair in np.argsort(gaps)[:count]]
    assert find_nearest_pairs(vectors, count, block=block) == expected


def test_fewer_than_two_rows_have_no_nearest_pair() -> None:
    assert find_nearest_pairs(np.empty((0, 3), np.float32), 5) == []
    assert find_nearest_pairs(np.ones((1, 1), np.float32), 5) == []
