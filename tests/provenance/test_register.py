from __future__ import annotations

import numpy as np
import pytest
from photo_files import draw_scene
from PIL import Image

from dedupe.provenance.register import invert, is_exact, refine


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


def test_a_crop_is_found_to_the_whole_pixel() -> None:
    photo = draw_scene()
    crop = photo.crop((37, 21, 337, 241))
    near = np.array([[1.003, 0.001, -36.2], [0.0, 0.998, -21.5]])
    matrix, _ = refine(pixels(photo), pixels(crop), near)
    assert is_exact(matrix)
    assert matrix[:, 2].tolist() == [-37, -21]


def test_a_reduced_frame_is_laid_frame_on_frame() -> None:
    photo = draw_scene()
    small = photo.resize((180, 132), Image.Resampling.LANCZOS)
    near = np.array([[0.503, 0.0, -0.4], [0.0, 0.499, 0.3]])
    matrix, _ = refine(pixels(photo), pixels(small), near)
    assert matrix == pytest.approx(np.array([[0.5, 0, 0], [0, 0.5, 0]]))


def test_a_small_turn_is_found_to_a_tenth_of_a_pixel() -> None:
    photo = draw_scene()
    truth = np.array([[0.998, 0.035, 3.0], [-0.035, 0.998, 9.0]])  # from the copy to the photo
    turned = photo.transform(
        photo.size, Image.Transform.AFFINE, truth.ravel().tolist(), Image.Resampling.BICUBIC
    )
    near = invert(truth) + np.array([[0, 0, 0.6], [0, 0, -0.5]])
    matrix, _ = refine(pixels(photo), pixels(turned), near)
    corners = np.array([[60, 300, 60, 300], [60, 60, 200, 200], [1, 1, 1, 1]])
    assert np.abs(matrix @ corners - invert(truth) @ corners).max() < 0.1
