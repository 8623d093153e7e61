from __future__ import annotations

import numpy as np
import pytest

from dedupe.provenance.forest import Forest, load_forest

STUMP = Forest(  # value 0 up to 0.5: 1, else value 1 up to 2: 3, else 7
    feature=np.array([[0, -1, 1, -1, -1]]),
    bound=np.array([[0.5, 0, 2.0, 0, 0]]),
    left=np.array([[1, 0, 3, 0, 0]]),
    right=np.array([[2, 0, 4, 0, 0]]),
    value=np.array([[3.0, 1.0, 5.0, 3.0, 7.0]]),
)


@pytest.mark.parametrize(
    ("values", "leaf"), [((0.5, 9), 1.0), ((0.6, 2), 3.0), ((0.6, 2.1), 7.0), ((9, 9), 7.0)]
)
def test_values_up_to_a_bound_go_left(values: tuple[float, float], leaf: float) -> None:
    assert STUMP.evaluate(np.array(values, float)) == leaf


def test_shares_add_up_to_the_change_from_the_root() -> None:
    assert STUMP.explain(np.array([0.6, 9.0])).tolist() == [2.0, 2.0]
    assert STUMP.explain(np.array([0.1, 9.0])).tolist() == [-2.0, 0.0]


def test_the_shares_of_the_fitted_forest_add_up() -> None:
    forest = load_forest()
    rng = np.random.default_rng(1)
    root = forest.value[:, 0].sum()
    for _ in range(5):
        values = rng.normal(0, 3, int(forest.feature.max()) + 1)
        total = root + forest.explain(values).sum()
        assert total == pytest.approx(forest.evaluate(values), abs=1e-3)
