"""The pairs of a scan, with and without what the scan before found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import a_photo, some_contents
from clouds import listed
from numpy.typing import NDArray

from dedupe.index.embedding_index import EmbeddingIndex
from dedupe.search.candidates import find_candidates
from dedupe.search.limits import SearchLimits
from dedupe.search.search import find_pairs
from dedupe.types import Contents, Facts, ImageFile, Photo, SearchStats

Listed = list[tuple[int, int, float]]
POINTS = np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)
VECTORS: NDArray[np.float32] = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[EmbeddingIndex]:
    with EmbeddingIndex(tmp_path / "index.sqlite", encoder="e", decoder=1) as opened:
        yield opened


def scene(numbers: Sequence[int], *, low_detail: Sequence[int] = ()) -> Contents:
    """Pictures by number; the number is the content and its pixels."""

    def photo(row: int, number: int) -> Photo:
        file = ImageFile(f"/p/{row:03}", 0, 9, 9, 1, row)
        facts = Facts(pixels=f"pixels{number}")
        return Photo(file, 10, 10, "PNG", f"digest{number}", facts)

    files = [[photo(row, number)] for row, number in enumerate(numbers)]
    return some_contents(files, VECTORS[list(numbers)], low_detail=low_detail)


def candidates(
    contents: Contents, *, threshold: float = 0.4, copy_radius: float = 0.0, **options: Any
) -> Listed:
    asked: dict[str, Any] = {"choose_order": lambda: np.arange(len(contents)), **options}
    limits = SearchLimits(threshold, copy_radius)
    return listed(find_candidates(contents, limits=limits, **asked).pairs)


def never() -> NDArray[np.int64]:
    raise AssertionError("nothing was to be searched")


def test_without_an_index_the_pairs_are_those_of_the_search() -> None:
    found = candidates(scene(range(60)))
    assert found == listed(find_pairs(VECTORS, limits=SearchLimits(0.4)).pairs)
    assert len(found) > 20


CHANGES: dict[str, Callable[[], Contents]] = {
    "nothing": lambda: scene(range(50)),
    "some gone": lambda: scene(range(10, 50)),
    "some new": lambda: scene(range(55)),
    "some gone and some new": lambda: scene(range(5, 60)),
    "moved": lambda: scene([*range(50)][::-1]),
    "most of it new": lambda: scene([*range(40, 60), 3]),
    "all gone": lambda: scene([]),
    "one that is low-detail now": lambda: scene(range(50), low_detail=[7]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_last_scan_found_changes_no_pair(change: str, index: EmbeddingIndex) -> None:
    candidates(scene(range(50)), index=index)
    after = CHANGES[change]()
    assert candidates(after, index=index) == candidates(after)
    assert candidates(after, index=index) == candidates(after)


def test_where_nothing_is_new_nothing_is_searched(index: EmbeddingIndex) -> None:
    first = candidates(scene(range(50)), index=index)
    done: list[int] = []
    again = find_candidates(
        scene(range(50)),
        limits=SearchLimits(0.4, 0.0),
        index=index,
        choose_order=never,
        on_progress=lambda _stage, count, _total: done.append(count),
    )
    assert listed(again.pairs) == first
    assert again.stats == SearchStats(50)
    assert sum(done) == 50


def test_a_smaller_threshold_is_a_part_of_what_is_known(index: EmbeddingIndex) -> None:
    candidates(scene(range(50)), index=index)
    narrower = candidates(scene(range(50)), threshold=0.2, index=index, choose_order=never)
    assert narrower == candidates(scene(range(50)), threshold=0.2)


def test_a_larger_threshold_is_searched_anew(index: EmbeddingIndex) -> None:
    candidates(scene(range(50)), threshold=0.2, index=index)
    assert candidates(scene(range(50)), index=index) == candidates(scene(range(50)))


def test_each_set_of_roots_has_a_search_of_its_own(index: EmbeddingIndex) -> None:
    one = candidates(scene(range(30)), index=index, roots=b"/a")
    other = candidates(scene(range(20, 60)), index=index, roots=b"/b")
    assert candidates(scene(range(30)), index=index, roots=b"/a", choose_order=never) == one
    assert candidates(scene(range(20, 60)), index=index, roots=b"/b", choose_order=never) == other


def crowd(size: int) -> Contents:
    """Pictures that are one and the same to the encoder."""
    files = [[a_photo(f"/p/{row}", b"%d" % row)] for row in range(size)]
    return some_contents(files, VECTORS[[0] * size])


def test_a_crowd_that_did_not_change_is_not_searched_again(
    index: EmbeddingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = candidates(crowd(80), index=index)
    with monkeypatch.context() as patch:
        patch.setattr("dedupe.search.candidates.find_pairs", None)
        patch.setattr("dedupe.search.candidates.extend_pairs", None)
        assert candidates(crowd(80), index=index) == found


@pytest.mark.parametrize(
    "changed",
    [
        {"choose_order": lambda: np.arange(79, -1, -1)},
        {"threshold": 0.3},
        {"copy_radius": 0.2},
    ],
)
def test_a_crowd_is_searched_again_where_what_is_listed_may_differ(
    changed: dict[str, Any], index: EmbeddingIndex
) -> None:
    candidates(crowd(80), index=index)
    assert candidates(crowd(80), index=index, **changed) == candidates(crowd(80), **changed)
    assert candidates(crowd(75), index=index) == candidates(crowd(75))


def test_low_detail_pictures_are_paired_if_their_pixels_agree_and_with_no_others() -> None:
    near = [i for i in range(60) if np.linalg.norm(VECTORS[i] - VECTORS[0]) < 0.4]
    assert len(near) > 1
    rows = range(len(near))
    contents = scene(near, low_detail=rows)
    assert candidates(contents) == []
    facts = contents.photos[0][0].facts
    same = Photo(ImageFile("/p/same", 0, 9, 9, 1, 99), 10, 10, "BMP", "other bytes", facts)
    vectors = np.concatenate([contents.vectors, contents.vectors[:1]])
    both = some_contents([*contents.photos, [same]], vectors, low_detail=[*rows, len(near)])
    assert candidates(both) == [(0, len(near), 0.0)]
