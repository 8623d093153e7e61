"""Laying one picture on another: the map that is found is the map that was applied."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_info

from dedupe.verify.align import align_frames, align_points, one_thread_each
from dedupe.verify.features import SIDE, Features, match
from dedupe.verify.layers import outline


@cache
def pixels(name: str) -> NDArray[np.uint8]:
    folder = Path(skimage.__file__).parent / "data"
    image = Image.open(next(folder.glob(f"{name}.*"))).convert("RGB")
    return np.asarray(image.resize((SIDE, SIDE * image.height // image.width)))


def bend(name: str, matrix: list[list[float]]) -> Features:
    """Return the photo of which each pixel shows what lies at `matrix` times its place."""
    height, width = pixels(name).shape[:2]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return Features(
        np.asarray(cv2.warpAffine(pixels(name), np.array(matrix), (width, height), flags=flags))
    )


MAPS = {
    "nothing": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
    "shift": [[1.0, 0.0, 12.4], [0.0, 1.0, -7.3]],
    "part": [[0.62, 0.0, 40.0], [0.0, 0.62, 30.0]],
    "tilt": [[0.9, -0.12, 25.0], [0.12, 0.9, -5.0]],
    "stretch": [[0.85, 0.0, 20.0], [0.0, 1.0, 0.0]],
    "mirror": [[-0.9, 0.0, 300.0], [0.0, 0.9, 8.0]],
}


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("kind", MAPS)
def test_points_find_the_map_to_a_fifth_of_a_pixel(name: str, kind: str) -> None:
    whole, bent = Features(pixels(name)), bend(name, MAPS[kind])
    found = align_points(whole, bent)
    assert found is not None
    matrix = found.matrix if found.outer is bent else cv2.invertAffineTransform(found.matrix)
    error = outline(bent.grey, np.asarray(matrix)) - outline(bent.grey, np.array(MAPS[kind]))
    assert np.abs(error).max() < 0.2


def test_the_wide_picture_is_the_one_that_shows_more() -> None:
    whole, part = Features(pixels("coffee")), bend("coffee", MAPS["part"])
    for found in (align_points(whole, part), align_points(part, whole)):
        assert found is not None
        assert found.outer is whole


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_whole_frames_are_laid_in_all_eight_ways(turns: int, mirrored: bool) -> None:
    other = np.rot90(pixels("chelsea")[:, ::-1] if mirrored else pixels("chelsea"), turns)
    found = align_frames(Features(pixels("chelsea")), Features(np.ascontiguousarray(other)))
    assert found is not None
    assert (np.linalg.det(found.matrix[:, :2]) < 0) == mirrored
    assert np.mean(found.layers.correlate() > 0.9) > 0.95


def test_frames_that_do_not_look_alike_are_not_laid_together() -> None:
    assert align_frames(Features(pixels("coffee")), Features(pixels("chelsea"))) is None


def test_mirrored_descriptors_are_those_of_the_mirrored_picture() -> None:
    whole = Features(pixels("coffee"))
    mirrored = Features(np.ascontiguousarray(pixels("coffee")[:, ::-1]))
    here, there = match(whole, mirrored, mirrored=True)
    error = np.hypot(*(here - [whole.grey.shape[1] - 1, 0] - there * [-1, 1]).T)
    assert np.mean(error < 2) > 0.9
    assert len(here) > 2 * len(match(whole, mirrored, mirrored=False)[0])


def test_points_lie_on_the_grid_of_the_working_size() -> None:
    places, words = Features(pixels("astronaut")).points
    assert places.shape == (len(words), 2)
    assert words.shape[1] == 128
    assert places.min() > -1
    assert places.max() < SIDE


def blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_opencv_and_blas_get_their_threads_back() -> None:
    before = cv2.getNumThreads(), blas_threads()
    with one_thread_each():
        assert cv2.getNumThreads() == 1
        assert set(blas_threads()) <= {1}
    assert (cv2.getNumThreads(), blas_threads()) == before
