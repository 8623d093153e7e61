"""What places add to a distance: exactly, and where they look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from builders import write_tower
from drawings import draw_photos
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.encoder.manifest import BUILT_IN
from dedupe.encoder.runtime import KerasEncoder
from dedupe.explain.attribution import contribute
from dedupe.explain.feature_maps import Head, Middle, Views, add_looks, view
from dedupe.siamese.towers import build_tower

# Keras saves weights through an older protocol than NumPy 2 wants.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ENCODER = KerasEncoder(BUILT_IN, device="cpu")
SIDE = ENCODER.manifest.side
GRID = np.array([[4.0, 0, -0.5], [0, 3.0, -0.5]])  # 4 columns and 3 rows


def some_maps(seed: int, rows: int = 3, columns: int = 4) -> tuple[Head, Any, Any]:
    """A head, and maps of two pictures as they come out of a ReLU."""
    rng = np.random.default_rng(seed)
    head = Head(rng.normal(size=(5, 3)), rng.normal(size=3))
    first, second = np.maximum(rng.normal(size=(2, rows, columns, 5)), 0)
    return head, first, second


def together(first: Any, second: Any) -> Views:
    head, _, _ = some_maps(0)
    return Views(np.stack([first, second]), head, GRID)


def squared(head: Head, views: Views) -> float:
    """Of the distance, straight from the definition."""
    first, second = (add_looks(head, views, picture) for picture in (0, 1))
    apart = first / np.linalg.norm(first) - second / np.linalg.norm(second)
    return float(apart @ apart)


@pytest.mark.parametrize("second", [1, 2, 3])
def test_contributions_add_up_to_the_squared_distance_of_the_encoder(second: int) -> None:
    pixels = draw_photos(4, side=SIDE)[[0, second]]
    views = view(ENCODER, pixels)
    assert isinstance(views.head, Head)
    first, other = ENCODER.embed(pixels).astype(np.float64)
    total = contribute(views.head, views).total
    assert total == pytest.approx(float(((first - other) ** 2).sum()), abs=1e-4)


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_contributions_add_up_exactly(seed: int) -> None:
    head, first, second = some_maps(seed)
    apart = head.embed(first) - head.embed(second)
    assert contribute(head, together(first, second)).total == pytest.approx(
        float(apart @ apart), abs=1e-12
    )


def test_a_small_change_contributes_what_the_gradient_says() -> None:
    """Half of gradient times difference, as the squared distance is a parabola near its bottom."""
    head, first, _ = some_maps(7)
    change = np.zeros_like(first)
    change[1, 2] = 1e-4 * np.arange(1, 6)
    found = contribute(head, together(first + change, first))
    apart = head.embed(first + change) - head.embed(first)
    step = 1e-6
    gradient = np.zeros_like(first)  # of the squared distance, halfway, by central differences
    for place in np.ndindex(first.shape):
        nudge = np.zeros_like(first)
        nudge[place] = step
        ends = [head.embed(first + change / 2 + s * nudge) for s in (1, -1)]
        gradient[place] = 2 * apart @ (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(
        found.first + found.second, (gradient * change).sum(axis=2) / 2, rtol=1e-3, atol=1e-15
    )


def test_only_the_place_that_changed_contributes() -> None:
    head, first, _ = some_maps(3)
    second = first.copy()
    second[2, 1] += 1.0
    found = contribute(head, together(first, second))
    both = found.first + found.second
    assert both[2, 1] == pytest.approx(found.total)
    assert np.count_nonzero(np.abs(both) > 1e-12) == 1


def test_contributions_are_the_same_seen_from_either_picture() -> None:
    head, first, second = some_maps(11)
    there, back = (
        contribute(head, together(first, second)),
        contribute(head, together(second, first)),
    )
    np.testing.assert_allclose(there.first, back.second, atol=1e-12)
    np.testing.assert_allclose(there.second, back.first, atol=1e-12)


def test_identical_pictures_have_nothing_to_share_out() -> None:
    head, first, _ = some_maps(2)
    assert contribute(head, together(first, first)).total == 0


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_two_looks_add_up_exactly_too(seed: int) -> None:
    head, first, second = some_maps(seed)
    _, *inner = some_maps(seed + 1)
    enlarged = Middle(np.stack(inner), GRID @ [[2, 0, -0.5], [0, 2, -0.5], [0, 0, 1]])
    views = Views(np.stack([first, second]), head, GRID, enlarged)
    assert contribute(head, views).total == pytest.approx(squared(head, views), abs=1e-12)


def test_what_changed_in_the_middle_counts_in_the_middle() -> None:
    head, first, _ = some_maps(4, rows=8, columns=8)
    grid = np.array([[8.0, 0, -0.5], [0, 8.0, -0.5]])
    _, inner, other = some_maps(5, rows=8, columns=8)
    enlarged = Middle(np.stack([inner, other]), grid @ [[2, 0, -0.5], [0, 2, -0.5], [0, 0, 1]])
    found = contribute(head, Views(np.stack([first, first]), head, grid, enlarged))
    both = found.first + found.second
    assert both[2:6, 2:6].sum() == pytest.approx(found.total)
    assert found.total > 1e-4


def test_a_tower_that_looks_twice_is_read_and_shared_out(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    tower = build_tower("fovea", side=64, embedding=8)
    write_tower(tower, tmp_path)
    pixels = draw_photos(2, side=64)
    views = view(KerasEncoder(tmp_path, device="cpu"), pixels)
    assert isinstance(views.head, Head)
    assert views.middle is not None
    assert views.maps.shape == views.middle.maps.shape == (2, 4, 4, 176)
    first, second = tower.predict_on_batch(pixels).astype(np.float64)
    expected = float(((first - second) ** 2).sum())
    assert contribute(views.head, views).total == pytest.approx(expected, abs=1e-4)
