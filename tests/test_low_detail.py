"""Low-detail pictures: how they are measured, paired and listed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import some_contents
from drawings import draw_photo
from numpy.typing import NDArray

from dedupe.low_detail import MIN_DETAIL, find_same_pixels, list_low_detail, measure_detail
from dedupe.types import INTACT, Contents, ImageFile, Photo

Pixels = NDArray[np.uint8]
BLANK = np.full((64, 64, 3), 250, np.uint8)


def grainy(deviation: float) -> Pixels:
    noise = np.random.default_rng(0).normal(0, deviation, BLANK.shape)
    return (BLANK.astype(float) - 100 + noise).clip(0, 255).astype(np.uint8)


def with_a_line_of_text() -> Pixels:
    page = BLANK.copy()
    page[30:33, 8:56:2] = 20
    return page


@pytest.mark.parametrize("pixels", [BLANK, BLANK * 0, BLANK // 2, grainy(1)])
def test_one_colour_and_faint_grain_are_low_detail(pixels: Pixels) -> None:
    assert measure_detail(pixels) < MIN_DETAIL


@pytest.mark.parametrize("pixels", [draw_photo(3), with_a_line_of_text()])
def test_a_photo_and_a_line_of_text_are_not(pixels: Pixels) -> None:
    assert measure_detail(pixels) > 2 * MIN_DETAIL


def test_detail_is_the_spread_of_brightness_in_levels() -> None:
    halves = np.zeros((8, 8, 3), np.uint8)
    halves[:4] = 100
    assert measure_detail(halves) == pytest.approx(50, abs=0.5)


def scanned(*pictures: tuple[str, str], low_detail: set[int]) -> Contents:
    """Contents with the digest of their pixels; "b2" is two files of "b"."""
    files = [
        [
            Photo(file, 10, 10, "PNG", name[0], replace(INTACT, pixels=pixels))
            for copy in range(int(name[1:] or 1))
            for file in [ImageFile(f"/p/{row}{copy}", 0, 9, 9, 1, row)]
        ]
        for row, (name, pixels) in enumerate(pictures)
    ]
    vectors = np.tile(np.array([1, 0], np.float32), (len(files), 1))
    return some_contents(files, vectors, low_detail=low_detail)


def test_low_detail_pictures_with_equal_pixels_are_paired_with_the_first() -> None:
    pictures = [("a", "p"), ("b", "p"), ("c", "q"), ("d", "r"), ("e", "p")]
    found = find_same_pixels(scanned(*pictures, low_detail={0, 1, 2, 3, 4}))
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == [(0, 1), (0, 4)]
    assert found.distance.tolist() == [0, 0]


def test_pictures_with_detail_and_files_of_one_content_are_not_paired_by_pixels() -> None:
    contents = scanned(("a", "p"), ("b2", "p"), low_detail={1})
    assert len(find_same_pixels(contents)) == 0


def test_pictures_without_a_digest_of_their_pixels_are_not_paired() -> None:
    assert len(find_same_pixels(scanned(("a", ""), ("b", ""), low_detail={0, 1}))) == 0


def test_low_detail_pictures_in_no_group_are_listed() -> None:
    contents = scanned(("a", "p"), ("b", "q"), ("c2", "r"), low_detail={0, 2})
    listed = list_low_detail(contents, {"/p/00"})
    assert [(one.path, one.reason) for one in listed] == [
        ("/p/20", "low-detail"),
        ("/p/21", "low-detail"),
    ]
