"""Compute the features of one picture, once for many comparisons.

Points of interest with RootSIFT descriptors (Lowe 2004; Arandjelović and Zisserman 2012), and the
picture itself at a working size, in which the longer side is `SIDE`. Knows nothing of files, and
of no second picture but to match points.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # of OpenCV; each function states shape and dtype

SIDE = 320  # longer side of the working size, pixels
_POINT_SIDES = (160, SIDE)  # longer sides at which points are looked for, the second if need be
_ENOUGH = 100  # points
_POINTS = 300  # at most, the strongest
_RATIO = 0.8  # largest, of the distances to the nearest and to the second nearest descriptor
_FLAT_WINDOW = 5  # edge of a window that may be flat, pixels
_FLAT = 4  # largest difference of brightness in a flat window, levels
_SOFT = 40  # the same in a window with soft structure, as of a photo
_DRAWN_FLAT = 0.35  # least share of flat windows in a drawn picture (docs/verification.md)
_PAPERS = 3  # levels, each with its two neighbours, that paper and walls of a drawing have
_DRAWN_PAPERS = 0.8  # least share of the flat windows with these levels: a sky has many levels
_DRAWN_SOFT = 0.5  # largest share of soft windows over that of flat ones in it
_REVERSED = (8 - np.arange(8)) % 8  # SIFT's eight directions, seen in a mirror


class Features:
    """The features of one picture, about 0.2 MB. Safe to use from many threads."""

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        *,
        load_fine: Callable[[], NDArray[np.uint8]] | None = None,
    ) -> None:
        """Take a picture to the working size; points of interest are found when first asked for.

        Args:
            pixels: (H, W, 3) RGB or (H, W) grey, of any size.
            load_fine: returns (H, W, 3) RGB with every pixel; None if `pixels` is that.
        """
        rgb = pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
        every = np.asarray(rgb, np.uint8)
        self.load_fine: Callable[[], NDArray[np.uint8]] = load_fine or (lambda: every)
        rgb = _resize(rgb, SIDE)
        self.grey: Array = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))  # (H, W) uint8
        self.half = _resize(rgb, SIDE // 2)  # (H / 2, W / 2, 3) uint8 RGB
        self.colour = _resize(rgb, SIDE // 4)  # (H / 4, W / 4, 3) uint8 RGB
        self.longest = max(pixels.shape[:2])  # longer side as given, pixels
        self.blur = max(1.0, 0.8 * SIDE / max(pixels.shape[:2]))  # spread of one of its own pixels
        self._lock = threading.Lock()
        self._points: tuple[Array, Array] | None = None

    def equals(self, other: Features) -> bool:
        """Return whether two pictures have one size and the same pixels, all of them."""
        if not np.array_equal(self.grey, other.grey) or not np.array_equal(
            self.colour, other.colour
        ):
            return False
        return np.array_equal(self.load_fine(), other.load_fine())

    @cached_property
    def _contrast(self) -> Array:
        """Difference of brightness in the window around each pixel, (H, W) uint8 levels."""
        ring = np.ones((_FLAT_WINDOW, _FLAT_WINDOW), np.uint8)
        return np.asarray(cv2.dilate(self.grey, ring) - cv2.erode(self.grey, ring))

    @cached_property
    def flat(self) -> float:
        """Share of the picture without any structure, in [0, 1]: paper, a wall of a drawing."""
        return float((self._contrast <= _FLAT).mean())

    @cached_property
    def is_drawn(self) -> bool:
        """Whether hard edges on flat areas make the picture: a page, a plot, a screenshot."""
        soft = (self._contrast > _FLAT) & (self._contrast <= _SOFT)
        if self.flat < _DRAWN_FLAT or float(soft.mean()) > _DRAWN_SOFT * self.flat:
            return False
        count = np.bincount(self.grey[self._contrast <= _FLAT], minlength=256)
        common = 0
        for _ in range(_PAPERS):
            level = int(np.convolve(count, np.ones(3), "same").argmax())
            common += int(count[max(0, level - 1) : level + 2].sum())
            count[max(0, level - 1) : level + 2] = 0
        return common >= _DRAWN_PAPERS * self.flat * self.grey.size

    @property
    def points(self) -> tuple[Array, Array]:
        """Places (K, 2) float32, x and y in `grey`; and RootSIFT times 512, (K, 128) uint8."""
        with self._lock:
            if self._points is None:
                self._points = _find_points(self.grey)
            return self._points


def _find_points(grey: Array) -> tuple[Array, Array]:
    """Return places (K, 2) float32 and descriptors (K, 128) uint8 of a picture (H, W) uint8."""
    sift = cv2.SIFT.create(nfeatures=_POINTS, contrastThreshold=0.02)
    for side in _POINT_SIDES:
        small = _stretch_contrast(_resize(grey, side))
        found, words = sift.detectAndCompute(small, None)
        if len(found) >= _ENOUGH:
            break
    places = np.array([point.pt for point in found[:_POINTS]], np.float32).reshape(-1, 2)
    roots = to_roots(np.zeros((0, 128)) if words is None else words[:_POINTS])
    zoom = np.array([grey.shape[1] / small.shape[1], grey.shape[0] / small.shape[0]], np.float32)
    return (places + 0.5) * zoom - 0.5, np.minimum(np.rint(512 * roots), 255).astype(np.uint8)


def to_roots(words: Array) -> NDArray[np.float32]:
    """Return RootSIFT (K, 128), each row of norm 1, of the descriptors (K, 128) that SIFT gives."""
    words = np.asarray(words, np.float64)
    roots = np.sqrt(words / np.maximum(words.sum(axis=1, keepdims=True), 1e-9))
    return np.asarray(roots, np.float32)


def mirror_words(words: Array) -> Array:
    """Return descriptors (K, 128) as of the picture in a mirror: the bins change."""
    return np.asarray(words.reshape(-1, 4, 4, 8)[:, ::-1][..., _REVERSED].reshape(-1, 128))


def match(first: Features, second: Features, mirrored: bool) -> tuple[Array, Array]:
    """Return the places (M, 2), (M, 2) float32 of the features that pass the ratio test."""
    here, words_here = first.points
    there, words = second.points
    if mirrored:
        words = mirror_words(words)
    if min(len(here), len(there)) < 4:
        return here[:0], there[:0]
    ours, theirs = (np.divide(w, 512, dtype=np.float32) for w in (words_here, words))
    alike = np.asarray(  # (K, L) cosines; OpenCV's product starts no threads of its own
        cv2.gemm(ours, theirs, 1.0, None, 0.0, flags=cv2.GEMM_2_T)  # type: ignore[call-overload]
    )
    rows = np.arange(len(alike))
    nearest = alike.argmax(axis=1)
    near = 2 - 2 * alike[rows, nearest]  # squared distances
    alike[rows, nearest] = -1
    clear = near < _RATIO**2 * (2 - 2 * alike.max(axis=1))
    return here[clear], there[nearest[clear]]


def _resize(pixels: Array, side: int) -> Array:
    """Scale (H, W) or (H, W, 3) uint8 to a longer side of `side`, no side below 16 pixels."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    if size == (width, height):
        return pixels
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=how))


def _stretch_contrast(grey: Array) -> Array:
    """Return (H, W) uint8 with weak contrast stretched to levels 16 to 236."""
    low, high = np.percentile(grey, [1, 99])
    if not 4 < high - low < 200:
        return grey
    stretched = (grey - low) * (220 / (high - low)) + 16
    return np.asarray(np.clip(stretched, 0, 255).astype(np.uint8))
