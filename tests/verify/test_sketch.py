"""Points of a thumbnail agree on a map between copies, and not between other photos."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage
from numpy.typing import NDArray
from PIL import Image, ImageOps

from dedupe.verify.sketch import Sketch, draw_sketch, have_common_part

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "motorcycle_left")


@cache
def photo(name: str) -> Image.Image:
    folder = Path(skimage.__file__).parent / "data"
    return Image.open(next(folder.glob(f"{name}.*"))).convert("RGB")


def sketch(image: Image.Image) -> Sketch:
    grey: NDArray[np.uint8] = np.asarray(image.convert("L"))
    square = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA)
    return draw_sketch(square, image.size)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "cropped": lambda i: i.crop((i.width // 5, i.height // 5, i.width, i.height)),
    "tilted": lambda i: i.rotate(20),
    "turned": lambda i: i.transpose(Image.Transpose.ROTATE_90),
    "mirrored": ImageOps.mirror,
    "mirrored and cropped": lambda i: ImageOps.mirror(i).crop((0, 0, i.width * 4 // 5, i.height)),
    "bordered": lambda i: ImageOps.expand(i, i.width // 6, "white"),
    "darker": lambda i: i.point(lambda v: v * 0.4),
}


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("change", CHANGES)
def test_points_of_a_copy_agree(name: str, change: str) -> None:
    assert have_common_part(sketch(photo(name)), sketch(CHANGES[change](photo(name))), 7)


@pytest.mark.parametrize("second", PHOTOS[1:])
def test_points_of_other_photos_do_not_agree(second: str) -> None:
    assert not have_common_part(sketch(photo("astronaut")), sketch(photo(second)), 6)


def test_a_blank_picture_has_no_points() -> None:
    blank = sketch(Image.new("RGB", (80, 60), "white"))
    assert len(blank.places) == 0
    assert not have_common_part(blank, sketch(photo("coffee")), 1)
