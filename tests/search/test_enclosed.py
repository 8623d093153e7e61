"""Which contents a panel may show: against a double loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import a_photo, some_contents
from numpy.typing import NDArray

from dedupe.search.enclosed import MOST_SHOWN, find_shown, measure
from dedupe.types import Contents, Panels


def unit(seed: int, count: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, 16))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def with_panels(
    rows: list[int], vectors: NDArray[np.float32], low_detail: tuple[int, ...] = ()
) -> Contents:
    photos = [[a_photo(f"/p/{n}.jpg", b"%d" % n)] for n in range(30)]
    contents = some_contents(photos, unit(1, 30), low_detail=low_detail)
    boxes = np.tile(np.array([0, 0, 0.5, 0.5], np.float32), (len(rows), 1))
    return replace(contents, panels=Panels(np.array(rows, np.int64), boxes, vectors))


def test_the_nearest_contents_of_each_panel_are_found() -> None:
    contents = with_panels([3, 3, 9], unit(2, 3), low_detail=(4, 5))
    assert contents.panels is not None
    expected = []
    for panel, own in enumerate([3, 3, 9]):
        others = [row for row in range(30) if row not in (own, 4, 5)]
        near = sorted((measure(contents, panel, row), row) for row in others)[:MOST_SHOWN]
        expected += [(panel, row, distance) for distance, row in near if distance <= 1.3]
    assert list(find_shown(contents, 1.3)) == expected
    assert len(expected) > 3


def test_a_content_does_not_show_itself() -> None:
    contents = with_panels([3], unit(1, 30)[3:4])
    assert 3 not in [row for _, row, _ in find_shown(contents, 2.0)]


def test_contents_without_panels_show_nothing() -> None:
    assert list(find_shown(replace(with_panels([], unit(1, 0)), panels=None), 2.0)) == []
    assert list(find_shown(with_panels([], unit(1, 0)), 2.0)) == []


def test_panels_need_a_box_and_a_vector_each() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        Panels(np.zeros(2, np.int64), np.zeros((1, 4), np.float32), unit(1, 2))
