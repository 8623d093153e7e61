"""A smooth displacement is found from places, and evaluated everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dedupe.verify.field import fit_field

SIZE = (200, 120)


def bend(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the displacement of a lens at points (N, 2), pixels."""
    u = (points - (99.5, 59.5)) / 100
    return np.asarray(2 * u * (u * u).sum(axis=1)[:, None])


def choose_points(count: int) -> NDArray[np.float64]:
    return np.random.default_rng(1).uniform((0, 0), SIZE, (count, 2))


def test_a_cubic_field_follows_a_lens() -> None:
    points = choose_points(60)
    field = fit_field(points, bend(points), SIZE, 3)
    others = np.array([[0.0, 0.0], [199.0, 119.0], [20.0, 100.0]])
    assert np.abs(field.at(others) - bend(others)).max() < 0.2


def test_places_that_moved_on_their_own_do_not_bend_the_field() -> None:
    points = choose_points(90)
    shifts = bend(points)
    shifts[:12] += (2.5, -2.0)
    field = fit_field(points, shifts, SIZE, 3)
    assert np.abs(field.at(points[12:]) - bend(points[12:])).max() < 0.5


def test_every_pixel_has_the_displacement_of_its_place() -> None:
    points = choose_points(40)
    field = fit_field(points, bend(points), SIZE, 5, robust=False)
    dense = field.spread()
    assert dense.shape == (120, 200, 2)
    assert np.allclose(dense[30, 170], field.at(np.array([[170.0, 30.0]]))[0], atol=1e-3)


def test_the_sum_of_two_fields_moves_by_both() -> None:
    points = choose_points(40)
    one, two = (fit_field(points, bend(points), SIZE, degree) for degree in (1, 3))
    both = one.plus(two)
    assert np.allclose(both.at(points), one.at(points) + two.at(points))
