"""Pictures that show next to nothing."""

from __future__ import annotations

import numpy as np
import pytest
from drawings import draw_photo
from numpy.typing import NDArray

from dedupe.low_detail import LEAST, find_same_pixels, list_plain, measure_detail
from dedupe.types import Embeddings, ImageFile, Photo

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
def test_one_colour_and_faint_grain_are_plain(pixels: Pixels) -> None:
    assert measure_detail(pixels) < LEAST


@pytest.mark.parametrize("pixels", [draw_photo(3), with_a_line_of_text()])
def test_a_photo_and_a_line_of_text_are_not(pixels: Pixels) -> None:
    assert measure_detail(pixels) > 2 * LEAST


def test_detail_is_the_spread_of_brightness_in_levels() -> None:
    halves = np.zeros((8, 8, 3), np.uint8)
    halves[:4] = 100
    assert measure_detail(halves) == pytest.approx(50, abs=0.5)


def scanned(*pictures: tuple[str, int, float], plain: set[int]) -> Embeddings:
    """Embeddings of pictures, each of a digest, a width, and an angle in place of its vector."""
    photos = tuple(
        Photo(ImageFile(f"/p/{row}", 0, 9, 9, 1, row), width, 10, "PNG", digest)
        for row, (digest, width, _) in enumerate(pictures)
    )
    angles = np.array([angle for *_, angle in pictures])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return Embeddings(photos, vectors, (), "e", plain=frozenset(plain))


def test_plain_pictures_of_one_size_and_one_embedding_are_paired_with_the_first() -> None:
    same, wider, other = (10, 0.0), (20, 0.0), (10, 1e-3)
    pictures = [("a", *same), ("b", *same), ("c", *wider), ("d", *other), ("e", *same)]
    found = find_same_pixels(scanned(*pictures, plain={0, 1, 2, 3, 4}))
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == [(0, 1), (0, 4)]
    assert found.distance.tolist() == [0, 0]


def test_pictures_with_detail_and_files_of_one_content_are_left_to_others() -> None:
    embeddings = scanned(("a", 10, 0.0), ("b", 10, 0.0), ("b", 10, 0.0), plain={1, 2})
    assert len(find_same_pixels(embeddings)) == 0


def test_plain_pictures_that_no_group_holds_are_listed() -> None:
    embeddings = scanned(("a", 10, 0.0), ("b", 10, 0.5), ("c", 10, 1.0), plain={0, 2})
    listed = list_plain(embeddings, [0])
    assert [(one.path, one.reason) for one in listed] == [("/p/2", "low-detail")]
