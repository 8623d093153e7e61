"""Changed copies: repeatable, of the asked size, and still copies."""

from __future__ import annotations

import io
from dataclasses import fields, replace

import cv2
import numpy as np
import PIL.Image
import pytest
from drawings import draw_photo
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dedupe.siamese.augment import MILD, STRONG, Strength, augment

Image = NDArray[np.uint8]
EDITS = [field.name for field in fields(Strength) if field.name.startswith("p_")]
NOTHING = replace(STRONG, rotation=0, keep=1, **dict.fromkeys(EDITS, 0.0))


def only(edit: str) -> Strength:
    """One edit, every time; crops that keep most of the picture."""
    return replace(STRONG, keep=0.8, **(dict.fromkeys(EDITS, 0.0) | {edit: 1.0}))


def symmetries(picture: Image) -> list[Image]:
    """The picture, its quarter turns, and the same of its mirror image."""
    return [np.rot90(flipped, k) for flipped in (picture, picture[:, ::-1]) for k in range(4)]


def likeness(one: Image, other: Image) -> float:
    """Correlation of two thumbnails, 1 for copies of one another."""
    small = [cv2.resize(picture, (8, 8), interpolation=cv2.INTER_AREA) for picture in (one, other)]
    return float(np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1])


@pytest.mark.parametrize("strength", [MILD, STRONG])
def test_the_same_seed_gives_the_same_copy(strength: Strength) -> None:
    photo = draw_photo(3)
    for seed in range(20):
        one = augment(photo, 48, strength, np.random.default_rng(seed))
        two = augment(photo, 48, strength, np.random.default_rng(seed))
        np.testing.assert_array_equal(one, two)


def test_other_seeds_give_other_copies() -> None:
    copies = {
        augment(draw_photo(3), 48, STRONG, np.random.default_rng(seed)).tobytes()
        for seed in range(30)
    }
    assert len(copies) == 30


def test_a_photo_is_never_written_to() -> None:
    photo = draw_photo(3)
    photo.setflags(write=False)
    before = photo.copy()
    for seed in range(30):
        augment(photo, 32, STRONG, np.random.default_rng(seed))
    np.testing.assert_array_equal(photo, before)


@settings(deadline=None, max_examples=80)
@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    side=st.integers(8, 64),
    seed=st.integers(0, 10**6),
)
def test_a_photo_of_any_size_gives_a_square_of_the_asked_size(
    width: int, height: int, side: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (height, width, 3), np.uint8)
    copy = augment(photo, side, STRONG, rng)
    assert copy.shape == (side, side, 3)
    assert copy.dtype == np.uint8


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [1, 16])
def test_no_edit_fails_on_a_tiny_picture_of_one_grey(edit: str, level: int, size: int) -> None:
    photo = np.full((size, size, 3), level, np.uint8)
    for seed in range(12):
        copy = augment(photo, 16, only(edit), np.random.default_rng(seed))
        assert copy.shape == (16, 16, 3)
        assert copy.dtype == np.uint8


def test_without_edits_a_photo_is_only_averaged_over_areas() -> None:
    photo = draw_photo(5, width=96, height=96)
    copy = augment(photo, 48, NOTHING, np.random.default_rng(0))
    areas = photo.reshape(48, 2, 48, 2, 3).mean(axis=(1, 3))
    assert np.abs(copy - areas).max() <= 0.5


def test_without_edits_a_photo_of_another_size_is_only_resized() -> None:
    ramp = np.linspace(0, 255, 160)
    photo = np.stack(np.broadcast_arrays(ramp, ramp[:, None], 128.0), axis=2).astype(np.uint8)
    copy = augment(photo, 48, NOTHING, np.random.default_rng(0))
    resized = cv2.resize(photo, (48, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(copy.astype(int) - resized).max() <= 2  # its edges, too


@pytest.mark.parametrize("edit", EDITS)
def test_every_edit_alone_changes_a_photo_which_stays_recognisable(edit: str) -> None:
    alike = []
    changed = 0
    for seed in range(25):
        photo = draw_photo(seed, width=128, height=128)
        plain = augment(photo, 64, NOTHING, np.random.default_rng(seed))
        copy = augment(photo, 64, only(edit), np.random.default_rng(seed))
        changed += not np.array_equal(copy, plain)
        alike.append(max(likeness(copy, turned) for turned in symmetries(plain)))
    assert changed >= 24  # a crop may keep everything
    assert np.median(alike) > 0.6
    assert min(alike) > 0


def test_a_mild_copy_is_more_like_its_photo_than_a_strong_one() -> None:
    photos = [draw_photo(seed, width=128, height=128) for seed in range(40)]
    plain = [augment(photo, 64, NOTHING, np.random.default_rng(0)) for photo in photos]
    mild, strong = (
        [
            likeness(augment(photo, 64, strength, np.random.default_rng(seed)), plain[seed])
            for seed, photo in enumerate(photos)
        ]
        for strength in (MILD, STRONG)
    )
    assert np.median(mild) > 0.95
    assert np.mean(mild) > np.mean(strong)


def test_a_turn_is_one_of_the_seven_other_symmetries_and_moves_pixels_exactly() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    doubled = pixels.repeat(2, axis=0).repeat(2, axis=1)  # so that averaging areas gives it back
    names = {turned.tobytes(): name for name, turned in enumerate(symmetries(pixels))}
    seen = {
        names[augment(doubled, 16, only("p_turn"), np.random.default_rng(seed)).tobytes()]
        for seed in range(200)
    }
    assert seen == {1, 2, 3, 4, 5, 6, 7}


def test_mild_views_are_never_turned_or_framed() -> None:
    assert (MILD.p_turn, MILD.p_frame) == (0, 0)


def test_probabilities_are_shares_of_the_copies() -> None:
    photo = draw_photo(7, width=64, height=64)
    plain = augment(photo, 32, NOTHING, np.random.default_rng(0))
    sometimes = replace(NOTHING, p_turn=0.3)
    copies = [augment(photo, 32, sometimes, np.random.default_rng(seed)) for seed in range(400)]
    changed = np.mean([not np.array_equal(copy, plain) for copy in copies])
    assert changed == pytest.approx(0.3, abs=0.07)  # three standard deviations


def test_a_frame_leaves_a_hard_edge_and_the_colours_inside_it_alone() -> None:
    grey = np.full((20, 20, 3), 77, np.uint8)
    for seed in range(60):
        fully = augment(grey, 64, only("p_frame"), np.random.default_rng(seed))
        middle = fully[16:48, 16:48]
        assert (middle == 77).all()
        outside = fully[(fully != 77).any(axis=2)]
        assert len(np.unique(outside, axis=0)) <= 3  # the fill, and seams half covered by it


def test_a_jpeg_copy_is_what_pillow_would_save() -> None:
    """In the wrong order of channels, red would lose what only blue may lose."""
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    photo[..., 1:] //= 4
    copy = augment(photo, 32, only("p_jpeg"), np.random.default_rng(0)).astype(int)
    saved = []
    for quality in range(10, 70):
        file = io.BytesIO()
        PIL.Image.fromarray(photo).save(file, "JPEG", quality=quality)
        view = np.asarray(PIL.Image.open(file))
        saved.append(augment(view, 32, NOTHING, np.random.default_rng(0)).astype(int))
    assert min(np.abs(copy - view).mean() for view in saved) < 1
