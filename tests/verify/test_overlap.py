"""Measurements of an overlap: a thing that moved."""

from __future__ import annotations

import cv2
import numpy as np
from drawings import draw_photo
from numpy.typing import NDArray

from dedupe.verify.align import align_frames
from dedupe.verify.features import Features
from dedupe.verify.layers import Layers
from dedupe.verify.overlap import find_moved, find_patches, measure


def count_moved(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> int:
    alignment = align_frames(Features(first), Features(second))
    assert alignment is not None
    overlap = measure(alignment)
    assert overlap is not None
    return overlap.moved


def draw_texture() -> NDArray[np.uint8]:
    """Return a photo with soft structure everywhere, (240, 320, 3)."""
    photo = np.asarray(draw_photo(3, width=320, height=240), np.float32)
    coarse = np.random.default_rng(1).normal(0, 40, (60, 80, 1)).repeat(4, 0).repeat(4, 1)
    return (photo + coarse).clip(0, 255).astype(np.uint8)


def test_a_thing_that_moved_by_two_pixels_is_counted() -> None:
    before = draw_texture()
    after = before.copy()
    after[60:180, 100:220] = np.roll(before, 2, axis=1)[60:180, 100:220]
    cells = 120 * 120 / 8**2
    assert 0.7 * cells < count_moved(before, after) < 1.4 * cells


def test_nothing_moves_in_a_noisy_copy() -> None:
    before = draw_texture()
    grain = np.random.default_rng(2).normal(0, 8, before.shape)
    assert count_moved(before, (before + grain).clip(0, 255).astype(np.uint8)) == 0


def test_blocks_that_a_coarse_jpeg_leaves_did_not_move() -> None:
    """An area moves in one direction; blocks of flattened texture point anywhere."""
    cells = np.zeros((30, 40, 2), np.float32)
    directions = np.random.default_rng(4).uniform(0, 2 * np.pi, (12, 12))
    cells[5:17, 5:17] = np.stack([np.cos(directions), np.sin(directions)], axis=-1)
    firm = np.ones((30, 40), bool)
    assert find_moved(cells, firm, 1.0) < 30
    cells[5:17, 5:17] = (0.8, 0.6)
    assert find_moved(cells, firm, 1.0) == 144


def test_a_flat_spot_does_not_change_the_tones_of_the_rest() -> None:
    before = draw_texture()
    after = before.copy()
    cv2.ellipse(after, (150, 110), (60, 45), 0, 0, 360, (250, 250, 250), -1)
    layers = Layers(Features(before), Features(after), np.eye(2, 3), 1.0)
    patches = find_patches(layers)
    spot = (after == 250).all(axis=2)
    assert patches.overlay[spot].mean() > 0.8
    assert not patches.foreign.any()
    levels, others = patches.tone
    assert np.abs(others - levels).max() < 3
