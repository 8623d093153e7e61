"""The edits that measurements make."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image
from skimage import data

from dedupe.siamese.edits import EDITS, LEVELS


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.fromarray(data.coffee()).resize((300, 200))


def edited(name: str, photo: Image.Image, seed: int = 0) -> Image.Image:
    return Image.open(io.BytesIO(EDITS[name].apply(photo, random.Random(seed))))


def darkest(picture: Image.Image) -> int:
    return int(np.asarray(picture).min())


def test_every_level_has_edits() -> None:
    assert {edit.level for edit in EDITS.values()} == set(LEVELS)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_gives_another_file_and_leaves_the_photo_alone(
    name: str, photo: Image.Image
) -> None:
    before = photo.tobytes()
    picture = edited(name, photo)

    assert picture.convert("RGB").tobytes() != before
    assert photo.tobytes() == before


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_depends_on_its_seed_alone(name: str, photo: Image.Image) -> None:
    first, second = (EDITS[name].apply(photo, random.Random(5)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("half_size", (150, 100)),
        ("quarter_size", (75, 50)),
        ("crop_60", (180, 120)),
        ("border", (324, 224)),
        ("letterbox", (300, 300)),
        ("turn_90", (200, 300)),
        ("rotate_10", (300, 200)),
    ],
)
def test_an_edit_has_its_size(name: str, size: tuple[int, int], photo: Image.Image) -> None:
    assert edited(name, photo).size == size


def test_a_tight_rotation_leaves_no_empty_corner(photo: Image.Image) -> None:
    white = Image.new("RGB", photo.size, "white")
    assert darkest(edited("rotate_10", white)) > 128  # the very corners are interpolated
    assert darkest(edited("rotate_10_fill", white)) < 10
