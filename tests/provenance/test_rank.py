from __future__ import annotations

from dataclasses import replace

import pytest
from builders import a_photo

from dedupe.provenance.rank import LARGER, find_parents, rank_contents, score_pair
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


def test_a_clear_wrong_pair_does_not_hide_the_root_of_a_large_group() -> None:
    def score(a: int, b: int) -> float:
        if {a, b} == {0, 9}:
            return -5.0 if a == 0 else 5.0  # a copy that looks like the original of the original
        if 0 in (a, b):
            return 2.0 if a == 0 else -2.0
        return 0.3 if (b - a) % 20 < 10 else -0.3  # copies of each other as often as not

    for likely in (range(20), reversed(range(20))):
        assert rank_contents(20, score, list(likely))[0] == 0


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


def test_each_copy_is_compared_once_if_the_likeliest_is_the_original() -> None:
    asked = []

    def score(a: int, b: int) -> float:
        asked.append({a, b})
        return 3.0 if a == 7 or (b != 7 and a < b) else -3.0

    assert rank_contents(20, score, [7, *range(7), *range(8, 20)])[0] == 7
    assert len(asked) == 19


def test_the_order_of_the_trials_does_not_change_the_ranking() -> None:
    scores = [[0, -2, 1, -1], [2, 0, 3, 4], [-1, -3, 0, 5], [1, -4, -5, 0]]
    found = [
        rank_contents(4, lambda a, b: scores[a][b], likely)
        for likely in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1])
    ]
    assert found[0] == found[1] == found[2]


def test_metadata_decides_between_equal_pixels() -> None:
    plain = a_photo("plain.jpg")
    camera = replace(plain, facts=replace(INTACT, camera=True, captured=True))
    assert score_pair(None, camera, plain) > 0
    assert score_pair(None, plain, camera) == -score_pair(None, camera, plain)


def test_a_file_of_twice_the_pixels_is_likelier_the_original() -> None:
    photo = a_photo("photo.jpg")
    assert score_pair(None, replace(photo, width=2 * photo.width), photo) == LARGER


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
