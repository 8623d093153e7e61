"""The filter of the list of groups."""

from __future__ import annotations

import pytest

from dedupe.review.filters import Filter
from dedupe.review.session import Session


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Filter(), [1, 2, 3]),
        (Filter(folder="/2"), [1]),
        (Filter(how="resized"), [1, 2, 3]),
        (Filter(how="turned"), []),
        (Filter(format="PNG"), []),
        (Filter(state="later"), [2]),
        (Filter(min_bytes=10**9), []),
    ],
)
def test_a_filter_selects_the_groups_that_pass_every_field(
    session: Session, wanted: Filter, numbers: list[int]
) -> None:
    session.decide([2], "later", keeper=0, removed=[1])
    assert session.select(wanted) == numbers
