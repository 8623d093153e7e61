"""The pairs of a scan, with and without what the scan before found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dedupe.index.embedding_index import EmbeddingIndex
from dedupe.search.candidates import find_candidates
from dedupe.search.search import Searched, find_pairs
from dedupe.types import Embeddings, ImageFile, Pairs, Photo

Found = list[tuple[int, int, float]]
POINTS = np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)
VECTORS: NDArray[np.float32] = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[EmbeddingIndex]:
    with EmbeddingIndex(tmp_path / "index.sqlite", encoder="e") as opened:
        yield opened


def scene(numbers: Sequence[int], *, plain: Sequence[int] = ()) -> Embeddings:
    """Pictures by number; the number is the content."""
    photos = tuple(
        Photo(ImageFile(f"/p/{row:03}", 0, 9, 9, 1, row), 10, 10, "PNG", f"digest{number}")
        for row, number in enumerate(numbers)
    )
    vectors = VECTORS[list(numbers)]
    return Embeddings(photos, vectors, (), "e", plain=frozenset(plain))


def candidates(embeddings: Embeddings, *, threshold: float = 0.4, **options: Any) -> Found:
    rows = range(len(embeddings.photos))
    asked: dict[str, Any] = {"choose_order": lambda: rows, "alike": 0.0, **options}
    return listed(find_candidates(embeddings, threshold=threshold, **asked))


def listed(pairs: Pairs) -> Found:
    columns = (pairs.left.tolist(), pairs.right.tolist(), pairs.distance.tolist())
    return list(zip(*columns, strict=True))


def never() -> Sequence[int]:
    raise AssertionError("nothing was to be searched")


def test_without_an_index_the_pairs_are_those_of_the_search() -> None:
    embeddings = scene(range(60))
    found = candidates(embeddings)
    assert found == listed(find_pairs(embeddings, threshold=0.4))
    assert len(found) > 20


CHANGES: dict[str, Callable[[], Embeddings]] = {
    "nothing": lambda: scene(range(50)),
    "some gone": lambda: scene(range(10, 50)),
    "some new": lambda: scene(range(55)),
    "some gone and some new": lambda: scene(range(5, 60)),
    "moved": lambda: scene([*range(50)][::-1]),
    "copied": lambda: scene([*range(50), *range(20)]),
    "most of it new": lambda: scene([*range(40, 60), 3]),
    "all gone": lambda: scene([]),
    "one that was plain": lambda: scene(range(50), plain=[7]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_last_scan_found_changes_no_pair(change: str, index: EmbeddingIndex) -> None:
    candidates(scene(range(50)), index=index)
    after = CHANGES[change]()
    assert candidates(after, index=index) == candidates(after)
    assert candidates(after, index=index) == candidates(after)


def test_where_nothing_is_new_nothing_is_searched(index: EmbeddingIndex) -> None:
    first = candidates(scene(range(50)), index=index)
    told: list[Searched] = []
    done: list[int] = []
    again = candidates(
        scene(range(50)),
        index=index,
        choose_order=never,
        on_searched=told.append,
        on_rows=done.append,
    )
    assert again == first
    assert told == [Searched(50)]
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


def crowd(size: int) -> Embeddings:
    """Pictures that are one and the same to the encoder."""
    every = scene([0] * size)
    photos = tuple(
        Photo(photo.file, 10, 10, "PNG", f"one-of-{row}") for row, photo in enumerate(every.photos)
    )
    return Embeddings(photos, every.vectors, (), "e")


def test_a_crowd_that_did_not_change_is_not_searched_again(
    index: EmbeddingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = candidates(crowd(80), index=index)
    with monkeypatch.context() as patch:
        patch.setattr("dedupe.search.candidates.find_pairs", None)
        patch.setattr("dedupe.search.candidates.extend_pairs", None)
        assert candidates(crowd(80), index=index) == found


@pytest.mark.parametrize(
    "changed", [{"choose_order": lambda: range(79, -1, -1)}, {"threshold": 0.3}, {"alike": 0.2}]
)
def test_a_crowd_is_searched_again_where_what_is_listed_may_differ(
    changed: dict[str, Any], index: EmbeddingIndex
) -> None:
    candidates(crowd(80), index=index)
    assert candidates(crowd(80), index=index, **changed) == candidates(crowd(80), **changed)
    assert candidates(crowd(75), index=index) == candidates(crowd(75))


def test_plain_pictures_are_paired_where_their_pixels_agree_and_with_no_others() -> None:
    near = [i for i in range(60) if np.linalg.norm(VECTORS[i] - VECTORS[0]) < 0.4]
    assert len(near) > 1
    embeddings = scene(near, plain=range(len(near)))
    assert candidates(embeddings) == []
    twin = Photo(ImageFile("/p/twin", 0, 9, 9, 1, 99), 10, 10, "BMP", "other bytes")
    vectors = np.concatenate([embeddings.vectors, embeddings.vectors[:1]])
    plain = frozenset(range(len(near) + 1))
    both = Embeddings((*embeddings.photos, twin), vectors, (), "e", plain=plain)
    assert candidates(both) == [(0, len(near), 0.0)]
