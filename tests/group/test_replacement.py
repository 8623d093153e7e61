"""Which contents a keeper may replace."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from dedupe.group.replacement import Replacements, may_replace
from dedupe.motion import COARSE_SIDE, FRAME_SIDE, format_motion
from dedupe.types import INTACT, Facts

RICHER = [
    replace(INTACT, frames=2, pixels="a"),
    replace(INTACT, transparent=True),
    replace(INTACT, bits=16),
    replace(INTACT, captured=True),
    replace(INTACT, located=True),
    replace(INTACT, movie=99),
]


@pytest.mark.parametrize("rich", RICHER)
def test_a_content_that_contains_more_is_not_replaced(rich: Facts) -> None:
    assert not may_replace(INTACT, rich)
    assert may_replace(rich, INTACT)


def test_a_grey_keeper_does_not_replace_a_colour_picture() -> None:
    grey = replace(INTACT, colour=False)
    assert not may_replace(grey, INTACT)
    assert may_replace(INTACT, grey)


def test_a_damaged_keeper_replaces_damaged_contents_alone() -> None:
    damaged = replace(INTACT, damage="the data end early")
    assert not may_replace(damaged, INTACT)
    assert may_replace(damaged, replace(INTACT, damage="another reason"))
    assert may_replace(INTACT, damaged)


def test_a_raw_file_and_a_developed_picture_do_not_replace_each_other() -> None:
    raw = replace(INTACT, raw=True)
    assert not may_replace(raw, INTACT)
    assert not may_replace(INTACT, raw)
    assert may_replace(raw, raw)


def test_a_content_of_several_frames_is_replaced_by_equal_frames_alone() -> None:
    film = replace(INTACT, frames=3)
    assert not may_replace(film, film)
    assert not may_replace(replace(film, pixels="a"), replace(film, pixels="b"))
    assert may_replace(replace(film, pixels="a"), replace(film, pixels="a"))
    assert not may_replace(replace(film, pixels="a", transparent=True), film)


def test_an_animation_is_replaced_by_one_of_the_same_motion() -> None:
    dark, light = (
        format_motion(80, bytes([level]) * FRAME_SIDE**2 * 3, bytes([level]) * COARSE_SIDE**2 * 3)
        for level in (40, 90)
    )
    film = replace(INTACT, frames=3, pixels="a", motion=dark)
    assert may_replace(film, replace(film, pixels="b"))
    assert not may_replace(film, replace(film, pixels="b", motion=light))
    assert not may_replace(replace(film, frames=4, pixels="b"), film)


def test_replaceable_contents_are_found_as_one_by_one() -> None:
    facts = [INTACT, *RICHER, replace(INTACT, damage="a"), replace(INTACT, damage="b"), INTACT]
    replacements = Replacements(facts)
    everyone = np.arange(len(facts))
    for keeper, other in itertools.product(range(len(facts)), repeat=2):
        expected = may_replace(facts[keeper], facts[other])
        assert (
            replacements.find_replaceable(np.full_like(everyone, keeper), everyone)[other]
            == expected
        )
    assert replacements.find_replaceable(everyone[:0], everyone[:0]).shape == (0,)
