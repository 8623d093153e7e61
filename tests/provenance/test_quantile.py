from __future__ import annotations

import numpy as np
import pytest

from dedupe.provenance.quantile import find_median, find_quantile


@pytest.mark.parametrize("count", [1, 2, 5, 16])
@pytest.mark.parametrize("share", [0.0, 0.15, 0.4, 1.0])
def test_quantiles_are_those_of_numpy(count: int, share: float) -> None:
    values = np.random.default_rng(count).normal(0, 1, count)
    assert find_quantile(values, share) == pytest.approx(np.quantile(values, share))


def test_the_median_of_a_matrix_is_that_of_its_values() -> None:
    values = np.random.default_rng(3).normal(0, 1, (4, 5))
    assert find_median(values) == pytest.approx(np.median(values))
