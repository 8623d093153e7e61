from __future__ import annotations

from collections.abc import Sequence

import pytest

from dedupe.group.recentre import Relations, recentre
from dedupe.types import Star

STAR = Star(1, ((1, 0.0), (2, 0.1), (3, 0.2), (4, 0.3), (5, 0.4)))


def replacing(*rows: int):  # type: ignore[no-untyped-def]
    def relate(_keeper: int, others: Sequence[int]) -> Relations:
        return {row: (0.25, None) for row in others if row in rows}

    return relate


def test_the_best_row_becomes_the_keeper_of_all_others() -> None:
    centred = recentre(STAR, [3, 1, 2, 4, 5], replacing(1, 2, 4, 5))
    assert centred is not None
    assert centred.star == Star(3, ((1, 0.25), (2, 0.25), (3, 0.0), (4, 0.25), (5, 0.25)))


def test_the_keeper_stays_if_it_is_best() -> None:
    assert recentre(STAR, [1, 3, 2, 4, 5], replacing(1, 2, 3, 4, 5)) is None


def test_a_row_that_cannot_replace_the_keeper_is_passed_over() -> None:
    assert recentre(STAR, [3, 1, 2, 4, 5], replacing(2, 4, 5)) is None


def test_one_row_of_four_may_be_left_out() -> None:
    centred = recentre(STAR, [3, 1, 2, 4, 5], replacing(1, 2, 4))
    assert centred is not None
    assert [row for row, _ in centred.star.duplicates] == [1, 2, 3, 4]


def test_a_row_that_would_leave_out_more_is_passed_over() -> None:
    assert recentre(STAR, [3, 1, 2, 4, 5], replacing(1, 2)) is None


@pytest.mark.parametrize(("others", "most"), [(3, 0), (4, 1), (19, 1), (20, 2), (50, 5)])
def test_a_tenth_of_many_rows_may_be_left_out(others: int, most: int) -> None:
    star = Star(0, tuple((row, 0.1 * (row > 0)) for row in range(others + 1)))
    order = [1, 0, *range(2, others + 1)]
    rest = order[1:]
    centred = recentre(star, order, replacing(*rest[: others - most]))
    assert centred is not None
    assert len(centred.star.rows) == others + 1 - most
    assert recentre(star, order, replacing(*rest[: others - most - 1])) is None
