"""How the places of one picture lie on another's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.explain.grid import between_places, lay_on, warp_maps

MIRROR = np.array([[-1.0, 0, 319], [0, 1, 0]])  # of a picture 320 pixels wide


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
