"""The groups of a star are recalled by a name of all that they depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import a_group, a_photo, some_contents

from dedupe.ignored.pairs import IgnoredPairs
from dedupe.pipeline.stars import StarMemory
from dedupe.types import Contents, Star, Verdict

PHOTOS = [[a_photo(f"/p/{name}.jpg", name.encode())] for name in "abc"]
CONTENTS = some_contents(PHOTOS)
STAR = Star(1, ((0, 0.25),))
COPY = Verdict(True, 0.9, "turned 90", "pixels", tuple(np.eye(3).ravel().tolist()))
GROUP = a_group(PHOTOS[1][0], PHOTOS[0][0])


def name(
    star: Star = STAR,
    contents: Contents = CONTENTS,
    verdict: Verdict = COPY,
    setting: str = "s",
    ignored: IgnoredPairs | None = None,
) -> str:
    return StarMemory(setting, lambda _: []).name(star, contents, {0: verdict}, ignored)


def contents_with(row: int, **change: object) -> Contents:
    """Return the contents with another state of one file."""
    photo = PHOTOS[row][0]
    photos = [*PHOTOS]
    photos[row] = [replace(photo, file=replace(photo.file, **change))]  # type: ignore[arg-type]
    return some_contents(photos)


def test_equal_stars_have_equal_names_in_any_row() -> None:
    moved = some_contents([PHOTOS[2], PHOTOS[0], PHOTOS[1]])
    memory = StarMemory("s", lambda _: [])
    assert memory.name(Star(2, ((1, 0.25),)), moved, {1: COPY}, IgnoredPairs([])) == name()
    assert name(contents=contents_with(2, size=1)) == name()


@pytest.mark.parametrize(
    "other",
    [
        name(star=Star(1, ((0, 0.26),))),
        name(star=Star(1, ((0, 0.25), (2, 0.25)))),
        name(star=Star(0, ((1, 0.25),))),
        name(verdict=replace(COPY, how="")),
        name(verdict=replace(COPY, matrix=None)),
        name(contents=contents_with(0, mtime_ns=1)),
        name(contents=contents_with(1, path="/p/d.jpg")),
        name(contents=some_contents(PHOTOS, protected=[1, 0, 0])),
        name(setting="t"),
        name(ignored=IgnoredPairs([(CONTENTS.digests[:2], "apart")])),
    ],
)
def test_whatever_can_change_a_group_changes_the_name(other: str) -> None:
    assert other != name()


def test_groups_of_the_last_scan_are_found_and_named() -> None:
    memory = StarMemory("s", {"known": [GROUP]}.get)  # type: ignore[arg-type]
    assert memory.find("known") == [GROUP]
    assert memory.name_stars([GROUP]) == {GROUP.keeper.path: "known"}


def test_a_star_is_not_named_after_a_group_that_another_stage_changed() -> None:
    memory = StarMemory("s", lambda _: [])
    memory.note("one", [GROUP])
    assert memory.name_stars([replace(GROUP, reason="largest")]) == {}
