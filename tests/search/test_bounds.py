"""Bounds of scalar products: never below the product, and worth it where rows are far apart."""

from __future__ import annotations

import numpy as np
import pytest
from clouds import Vectors, listed

from dedupe.search import search
from dedupe.search.bounds import choose_axes, shorten
from dedupe.search.limits import SearchLimits


def spread(count: int, seed: int = 1) -> Vectors:
    """Make unit vectors of 48 dimensions. The first coordinates vary most, as those of photos."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((count, 48)) * 0.9 ** np.arange(48)
    vectors[1::10] = vectors[::10] + 0.01 * rng.standard_normal((len(vectors[::10]), 48))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def test_short_vectors_have_norm_one_and_products_that_are_no_smaller() -> None:
    vectors = spread(500)
    axes = choose_axes(vectors, 0.5)
    assert axes is not None
    short = shorten(vectors, axes)
    assert short.shape == (500, axes.shape[1] + 1)
    np.testing.assert_allclose(np.linalg.norm(short, axis=1), 1, atol=1e-6)
    assert ((short @ short.T) - (vectors @ vectors.T)).min() > -2e-6


def test_axes_are_few_if_the_first_coordinates_vary_most() -> None:
    axes = choose_axes(spread(4000), 0.5)
    assert axes is not None
    assert axes.shape[1] <= 24
    np.testing.assert_allclose(axes.T @ axes, np.eye(axes.shape[1]), atol=1e-5)


def test_bounds_are_not_used_if_nearly_every_pair_passes() -> None:
    assert choose_axes(spread(4000), 1.6) is None


def test_a_search_with_bounds_finds_the_pairs_of_one_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = spread(3000)
    limits = SearchLimits(0.4)
    plain = search.find_pairs(vectors, limits=limits)
    monkeypatch.setattr(search, "_BOUNDED", 100)
    bounded = search.find_pairs(vectors, limits=limits)
    assert listed(bounded.pairs) == listed(plain.pairs)
    assert bounded.stats == plain.stats
    assert len(plain.pairs) >= 300
