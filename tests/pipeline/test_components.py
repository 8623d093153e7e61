"""Candidates fall into components, each named by all that its groups depend on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pytest
from builders import a_photo, some_contents

from dedupe.ignored.pairs import IgnoredPairs
from dedupe.pipeline.components import Candidates, Components
from dedupe.types import Contents, Pairs, Panels

NONE = IgnoredPairs([])


def pairs_of(*pairs: tuple[int, int, float]) -> Pairs:
    left, right, distance = np.array(pairs, np.float64).reshape(-1, 3).T
    return Pairs(left.astype(np.int64), right.astype(np.int64), distance.astype(np.float32))


def contents_of(names: str, twice: Collection[str] = ()) -> Contents:
    """Return a content for each letter, and a panel in each but the first."""
    files = [
        [a_photo(f"/p/{name}{number}.jpg", name.encode()) for number in range(1 + (name in twice))]
        for name in names
    ]
    rows = np.arange(1, len(names))
    boxes = np.tile(np.array([0, 0, 0.5, 0.5], np.float32), (len(rows), 1))
    panels = Panels(rows, boxes, rows[:, None].astype(np.float32))
    vectors = np.arange(len(names), dtype=np.float32)[:, None]
    return replace(some_contents(files, vectors), panels=panels)


ALL = Candidates(
    contents_of("abcdefgh", twice="h"),
    pairs_of((0, 3, 0.5), (3, 4, 0.25)),
    ((1, 5, 0.5),),  # the panel of c shows f
)


def names_of(candidates: Candidates, setting: str = "s", ignored: IgnoredPairs = NONE) -> set[str]:
    return {*Components(candidates, setting=setting, ignored=ignored).names}


def test_pairs_panels_and_equal_bytes_join_contents() -> None:
    components = Components(ALL, setting="s", ignored=NONE)
    rows = [components.find_rows({name}).tolist() for name in components.names]
    assert rows == [[0, 3, 4], [2, 5], [7]]
    assert components.find_rows({*components.names}).tolist() == [0, 2, 3, 4, 5, 7]
    assert components.find_rows(()).tolist() == []


def test_selected_components_have_the_names_they_had() -> None:
    components = Components(ALL, setting="s", ignored=NONE)
    for chosen in ({components.names[1]}, {components.names[0], components.names[2]}):
        some = ALL.select(components.find_rows(chosen))
        assert names_of(some) == chosen


def test_selected_candidates_are_numbered_anew() -> None:
    some = ALL.select(np.array([0, 2, 3, 4, 5]))
    assert some.contents.vectors.ravel().tolist() == [0, 2, 3, 4, 5]
    assert some.contents.panels is not None
    assert some.contents.panels.rows.tolist() == [1, 2, 3, 4]
    assert some.contents.panels.vectors.ravel().tolist() == [2, 3, 4, 5]
    assert [some.pairs.left.tolist(), some.pairs.right.tolist()] == [[0, 2], [2, 3]]
    assert some.shown == ((0, 4, 0.5),)


def test_a_content_that_comes_between_changes_no_other_name() -> None:
    pairs, shown = pairs_of((0, 4, 0.5), (4, 5, 0.25)), ((2, 6, 0.5),)
    more = Candidates(contents_of("abxcdefgh", twice="h"), pairs, shown)
    assert names_of(more) == names_of(ALL)


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        (replace(ALL, pairs=pairs_of((0, 3, 0.5), (3, 4, 0.3))), 2),
        (replace(ALL, pairs=pairs_of((0, 3, 0.5), (0, 4, 0.25))), 2),
        (replace(ALL, pairs=pairs_of((0, 3, 0.5), (3, 4, 0.25), (4, 5, 0.5))), 1),
        (replace(ALL, shown=((1, 5, 0.6),)), 2),
        (replace(ALL, shown=((1, 5, 0.5), (1, 7, 0.5))), 1),
        (replace(ALL, contents=contents_of("abcdefgh", twice="hf")), 2),
        (replace(ALL, contents=replace(ALL.contents, protected=np.array([0] * 7 + [1]))), 2),
    ],
)
def test_a_change_changes_the_name_of_its_component(changed: Candidates, kept: int) -> None:
    assert len(names_of(changed) & names_of(ALL)) == kept


def test_settings_and_ignored_pairs_are_part_of_a_name() -> None:
    digests = ALL.contents.digests
    assert not names_of(ALL, "t") & names_of(ALL, "s")
    apart = IgnoredPairs([((digests[0], digests[4]), "apart"), ((digests[1], digests[5]), "apart")])
    assert len(names_of(ALL, ignored=apart) & names_of(ALL)) == 2


def test_nothing_has_no_component() -> None:
    alone = Candidates(contents_of("abc"), pairs_of())
    assert names_of(alone) == set()
    assert len(alone.select(np.empty(0, np.int64)).contents) == 0
