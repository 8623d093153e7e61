"""The levels of verification run in their order until one decides."""

from __future__ import annotations

import numpy as np
import pytest
from drawings import draw_photo

from dedupe.decode.thumbnail import make_thumbnail
from dedupe.types import WITHOUT_FILES
from dedupe.verify.cascade import CHEAP, DEAR, LEVELS, Case, Picture, examine, run_levels
from dedupe.verify.compose import LEVEL as COMPOSED
from dedupe.verify.features import Features
from dedupe.verify.thumbnail import open_thumbnail


def picture(seed: int) -> Picture:
    """Return a drawn photo whose pixels nothing may read."""
    square = draw_photo(seed, width=128, height=128)
    return Picture(refuse, open_thumbnail(make_thumbnail(square), (512, 512)))


def refuse() -> Features:
    raise AssertionError("a cheap level reads no file")


def test_the_cheap_levels_come_first() -> None:
    assert list(LEVELS) == [*CHEAP, *DEAR]
    assert {*CHEAP, COMPOSED} == WITHOUT_FILES


def test_the_first_level_that_decides_ends_a_pair() -> None:
    found = run_levels(Case(picture(1), picture(2), distance=0.98), LEVELS.values())
    assert found is not None
    assert (found.verdict.is_copy, found.verdict.level) == (False, "sketch")


def test_cheap_levels_leave_a_near_pair_undecided() -> None:
    assert run_levels(Case(picture(1), picture(2), distance=0.5), CHEAP.values()) is None


def test_the_last_level_decides_what_is_left() -> None:
    first, second = (Features(draw_photo(seed, width=320, height=320)) for seed in (1, 2))
    found = run_levels(Case(Picture(lambda: first), Picture(lambda: second)), DEAR.values())
    assert found is not None
    assert not found.verdict.is_copy


@pytest.mark.parametrize("same", [True, False])
def test_equal_pixels_end_before_any_alignment(same: bool) -> None:
    pixels = draw_photo(1, width=320, height=320)
    other = pixels if same else np.ascontiguousarray(pixels[::-1])
    found = examine(Features(pixels), Features(other))
    assert (found.verdict.level == "pixels") == same
    assert (found.alignment is None) == same
