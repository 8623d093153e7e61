"""The places of a tower: what they add to a distance, and how they lie on another picture's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawings import draw_photo, draw_photos
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.encoder import KerasEncoder
from dedupe.manifest import BUILT_IN
from dedupe.siamese.maps import (
    Head,
    between_places,
    contribute,
    lay_on,
    view,
    warp_maps,
)

ENCODER = KerasEncoder(BUILT_IN, device="cpu")
SIDE = ENCODER.manifest.side
MIRROR = np.array([[-1.0, 0, 319], [0, 1, 0]])  # of a picture 320 pixels wide


def some_maps(seed: int, rows: int = 3, columns: int = 4) -> tuple[Head, Any, Any]:
    """A head, and maps of two pictures as they come out of a ReLU."""
    rng = np.random.default_rng(seed)
    head = Head(rng.normal(size=(5, 3)), rng.normal(size=3))
    first, second = np.maximum(rng.normal(size=(2, rows, columns, 5)), 0)
    return head, first, second


@pytest.mark.parametrize("second", [1, 2, 3])
def test_contributions_add_up_to_the_squared_distance_of_the_encoder(second: int) -> None:
    pixels = draw_photos(4, side=SIDE)[[0, second]]
    views = view(ENCODER, pixels)
    assert isinstance(views.head, Head)
    first, other = ENCODER.embed(pixels).astype(np.float64)
    total = contribute(views.head, *views.maps).total
    assert total == pytest.approx(float(((first - other) ** 2).sum()), abs=1e-4)


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_contributions_add_up_exactly(seed: int) -> None:
    head, first, second = some_maps(seed)
    apart = head.embed(first) - head.embed(second)
    assert contribute(head, first, second).total == pytest.approx(float(apart @ apart), abs=1e-12)


def test_a_small_change_contributes_what_the_gradient_says() -> None:
    """Half of gradient times difference, as the squared distance is a parabola near its bottom."""
    head, first, _ = some_maps(7)
    change = np.zeros_like(first)
    change[1, 2] = 1e-4 * np.arange(1, 6)
    found = contribute(head, first + change, first)
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
    found = contribute(head, first, second)
    both = found.first + found.second
    assert both[2, 1] == pytest.approx(found.total)
    assert np.count_nonzero(np.abs(both) > 1e-12) == 1


def test_contributions_are_the_same_seen_from_either_picture() -> None:
    head, first, second = some_maps(11)
    there, back = contribute(head, first, second), contribute(head, second, first)
    np.testing.assert_allclose(there.first, back.second, atol=1e-12)
    np.testing.assert_allclose(there.second, back.first, atol=1e-12)


def test_identical_pictures_have_nothing_to_share_out() -> None:
    head, first, _ = some_maps(2)
    assert contribute(head, first, first).total == 0


@pytest.mark.parametrize("at", [(1, 1), (2, 3), (4, 2)])
def test_a_place_looks_where_the_grid_says(at: tuple[int, int]) -> None:
    plain = draw_photo(5, width=SIDE, height=SIDE)
    grid = view(ENCODER, plain[None]).grid
    x, y = (SIDE * (at[1 - axis] - grid[axis, 2]) / grid[axis, axis] for axis in (0, 1))
    spotted = plain.copy()
    spotted[round(y) - 3 : round(y) + 3, round(x) - 3 : round(x) + 3] ^= 255
    before, after = view(ENCODER, np.stack([plain, spotted])).maps
    moved = np.linalg.norm(after - before, axis=2)
    assert np.unravel_index(moved.argmax(), moved.shape) == at


def test_a_mirrored_picture_has_its_places_mirrored() -> None:
    grid = np.array([[6.0, 0, -0.5], [0, 6.0, -0.5]])
    matrix = between_places(MIRROR, grid, (320, 240), (320, 240))
    np.testing.assert_allclose(matrix, [[-1, 0, 5], [0, 1, 0]], atol=1e-9)
    values = np.arange(36.0).reshape(6, 6)
    laid, outside = lay_on(values, matrix)
    warped, inside = warp_maps(values[..., None], matrix)
    np.testing.assert_allclose(laid, values[:, ::-1])
    np.testing.assert_allclose(warped[..., 0], values[:, ::-1], atol=1e-9)
    assert outside == 0
    assert inside.all()


@settings(deadline=None)
@given(st.floats(0, 6.3), st.floats(0.5, 2), st.floats(-3, 3), st.floats(-3, 3))
def test_what_is_laid_elsewhere_is_neither_made_nor_lost(
    angle: float, zoom: float, right: float, down: float
) -> None:
    values = np.random.default_rng(1).normal(size=(6, 5))
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    laid, outside = lay_on(values, np.array([[c, -s, right], [s, c, down]]))
    assert laid.sum() + outside == pytest.approx(values.sum())


def test_places_beyond_the_second_picture_are_said_to_be_outside() -> None:
    values = np.ones((4, 4, 2))
    _, inside = warp_maps(values, np.array([[1.0, 0, 2], [0, 1, 0]]))
    assert inside.tolist() == [[True, True, False, False]] * 4


def test_between_two_places_maps_are_interpolated() -> None:
    values = np.arange(4.0)[None, :, None] * np.ones((4, 1, 1))
    warped, _ = warp_maps(values, np.array([[1.0, 0, 0.25], [0, 1, 0]]))
    np.testing.assert_allclose(warped[0, :, 0], [0.25, 1.25, 2.25, 3.0])
