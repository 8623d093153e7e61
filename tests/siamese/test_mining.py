"""Look-alikes: the nearest photos that are no copies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dedupe.siamese.mining import find_look_alikes


def corner_colour(pixels: NDArray[np.uint8], training: bool) -> NDArray[np.float32]:
    """Stand for a tower: the direction of a picture's mean colour."""
    assert not training
    means = pixels.reshape(len(pixels), -1, 3).mean(axis=1)
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)


def plain(*colours: tuple[int, int, int]) -> NDArray[np.uint8]:
    photos = np.empty((len(colours), 20, 20, 3), np.uint8)
    photos[:] = np.array(colours, np.uint8)[:, None, None]
    return photos


def test_the_nearest_photo_comes_first() -> None:
    photos = plain((255, 0, 0), (200, 200, 0), (0, 0, 255))
    alike = find_look_alikes(corner_colour, photos, side=8)
    assert alike.shape == (3, 2)
    assert alike[0, 0] == 1  # red: orange before blue
    assert sorted(alike[2]) == [0, 1]


def test_a_copy_is_no_look_alike() -> None:
    photos = plain((255, 0, 0), (250, 10, 0), (0, 0, 255))
    alike = find_look_alikes(corner_colour, photos, side=8)
    assert alike[0].tolist() == [2, 0]  # never 1; itself where nothing is left


def test_it_gives_no_more_than_asked_for_and_sees_photos_of_every_block() -> None:
    hues = np.linspace(0, np.pi / 2, 600)
    colours = [(int(255 * np.cos(h)), int(255 * np.sin(h)), 0) for h in hues]
    alike = find_look_alikes(corner_colour, plain(*colours), side=8, count=5)
    assert alike.shape == (600, 5)
    between = np.abs(hues[alike[:, 0]] - hues)
    assert ((between > 0.49) & (between < 0.53)).all()  # the chord of 0.5
