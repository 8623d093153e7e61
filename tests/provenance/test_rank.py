from __future__ import annotations

from dataclasses import replace

import pytest

from dedupe.provenance.rank import find_parents, rank_contents, score_pair
from dedupe.types import INTACT


def test_the_root_is_the_content_that_beats_all_others() -> None:
    scores = [[0, -2, 1, -1], [2, 0, 3, 4], [-1, -3, 0, 5], [1, -4, -5, 0]]
    assert rank_contents(4, lambda a, b: scores[a][b])[0] == 1


def test_one_wrong_pair_does_not_hide_the_root() -> None:
    def score(a: int, b: int) -> float:
        if (a, b) == (0, 4):
            return -0.5  # narrowly lost
        if (a, b) == (4, 0):
            return 0.5
        return 4.0 if a < b else -4.0

    assert rank_contents(5, score)[0] == 0


@pytest.mark.parametrize("count", [1, 2, 7])
def test_ties_keep_the_given_order(count: int) -> None:
    assert rank_contents(count, lambda _a, _b: 0.0) == list(range(count))


def test_a_large_group_is_ranked_with_few_comparisons() -> None:
    asked = []

    def score(a: int, b: int) -> float:
        asked.append((a, b))
        return 3.0 if a < b else -3.0

    assert rank_contents(100, score)[0] == 0
    assert len(asked) < 250


def test_metadata_decides_between_equal_pixels() -> None:
    camera = replace(INTACT, camera=True, captured=True)
    assert score_pair(None, camera, INTACT) > 0
    assert score_pair(None, INTACT, camera) == -score_pair(None, camera, INTACT)


def test_each_copy_hangs_on_the_parent_that_predicts_it_best() -> None:
    errors = {(0, 1): 3.0, (0, 2): 2.0, (1, 2): 1.0}
    assert find_parents([0, 1, 2], lambda a, b: errors[a, b]) == {1: 0, 2: 1}


def test_a_comparison_of_two_copies_does_not_harm_their_original() -> None:
    scores = {(0, 1): 2.0, (0, 2): 2.0, (0, 3): 2.0, (1, 2): 9.0, (1, 3): 9.0, (2, 3): 9.0}
    found = rank_contents(4, lambda a, b: scores[a, b] if a < b else -scores[b, a])
    assert found[0] == 0
    weak = scores | {(0, 1): -0.5, (0, 2): 5.0, (0, 3): 5.0, (2, 1): 3.0, (1, 2): -3.0}
    found = rank_contents(4, lambda a, b: weak.get((a, b), -weak.get((b, a), 0.0)))
    assert found[0] == 0
