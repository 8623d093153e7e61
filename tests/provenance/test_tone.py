from __future__ import annotations

import numpy as np
import pytest

from dedupe.provenance.tone import (
    LUMA,
    apply_curve,
    fit_curve,
    fit_table,
    fit_tones,
    simulate_levels,
    to_ycc,
)

RNG = np.random.default_rng(2)
SOURCE = RNG.integers(20, 200, (8, 40, 40, 3)).astype(np.float32)


def fit(after: np.ndarray) -> tuple[np.ndarray, float]:
    return fit_tones(SOURCE, after, to_ycc(SOURCE), to_ycc(after))


def test_equal_tiles_need_no_curve() -> None:
    toned, change = fit(SOURCE.copy())
    assert np.array_equal(toned, to_ycc(SOURCE)[..., 0])
    assert change < 0.3


def test_a_curve_for_each_channel_is_found() -> None:
    after = np.rint(SOURCE * [1.2, 1.0, 0.8]).astype(np.float32)
    toned, change = fit(after)
    assert np.abs(toned - to_ycc(after)[..., 0]).mean() < 0.6
    assert change > 1


def test_a_mix_of_the_channels_is_found() -> None:
    grey = np.repeat(np.rint(to_ycc(SOURCE)[..., :1]), 3, axis=-1)
    swapped = SOURCE[..., ::-1].copy()
    for after in (grey, swapped):
        toned, _ = fit(after)
        assert np.abs(toned - to_ycc(after)[..., 0]).mean() < 2


def test_an_addition_on_some_tiles_does_not_bend_the_curve() -> None:
    after = SOURCE * 0.9
    after[:2, 8:30] = 255
    toned, _ = fit(after)
    assert np.abs(toned - to_ycc(after)[..., 0])[2:].mean() < 1


def test_a_curve_goes_on_beyond_the_levels_that_occur() -> None:
    x = np.linspace(60, 180, 5000)
    at, to = fit_curve(x, 0.5 * x + 20)
    assert apply_curve(np.array([40.0, 100.0, 200.0]), at, to) == pytest.approx(
        [40, 70, 120], abs=2
    )


def test_a_single_level_gives_a_shift() -> None:
    at, to = fit_curve(np.full(500, 100.0), np.full(500, 130.0))
    assert apply_curve(np.array([100.0, 50.0]), at, to) == pytest.approx([130, 80])


def test_a_table_of_whole_levels_is_found_under_noise() -> None:
    x = np.repeat(np.arange(256, dtype=np.uint8), 200)
    table = np.minimum(255, (1.15 * np.arange(256)).astype(int))
    y = np.clip(table[x] + np.rint(RNG.normal(0, 1.5, x.shape)), 0, 255)
    assert np.abs(fit_table(x, y) - table).max() <= 1
    assert np.mean(fit_table(x, y) == table) > 0.9


def test_levels_without_pixels_lie_between_their_neighbours() -> None:
    x = np.repeat(np.array([10, 20], np.uint8), 50)
    assert fit_table(x, x * 2)[15] == 30


def test_unchanged_pixels_are_simulated_as_they_are() -> None:
    after = SOURCE + RNG.integers(-1, 2, SOURCE.shape)
    found = simulate_levels(SOURCE, after, to_ycc(SOURCE)[..., 0])
    assert np.array_equal(found, np.rint(SOURCE @ LUMA))


def test_a_tone_curve_is_simulated_in_the_levels_of_the_program() -> None:
    after = np.rint(255 * (SOURCE / 255) ** 0.6)
    found = simulate_levels(SOURCE, after, to_ycc(SOURCE)[..., 0])
    assert np.array_equal(found, np.rint(after @ LUMA))
