"""Make a changed copy of a photo: what really happens to pictures between two folders.

Owns the edits and how likely each is; knows nothing of networks. Photos come squashed to a square,
as the encoder sees them, so a rotation is done in the photo's own (random) aspect ratio. All
geometry is one affine warp at twice the output size followed by an area resize, which costs a
fraction of a millisecond and does not alias.
"""

from __future__ import annotations

import math
import string
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3) RGB
Matrix = NDArray[np.float64]  # (3, 3) acting on coordinates in [-1, 1]

# Greyscale and sepia as 3 x 3 colour matrices (ITU-R BT.601 luma).
_LUMA = np.array([0.299, 0.587, 0.114])
_GREY = np.tile(_LUMA, (3, 1))
_SEPIA = np.outer([1.07, 0.94, 0.74], _LUMA)


@dataclass(frozen=True, slots=True)
class Strength:
    """How often and how far a view departs from its photo; each `p_` is a probability."""

    rotation: float  # degrees, largest turn to either side
    keep: float  # smallest share of a side that a crop keeps
    p_rotation: float
    p_crop: float
    p_turn: float  # mirrored, or turned by quarter turns
    p_frame: float  # border or letterbox
    p_tone: float  # brightness, contrast, gamma
    p_colour: float  # cast, saturation, greyscale, sepia
    p_blur: float
    p_noise: float
    p_jpeg: float
    p_overlay: float  # caption bar, watermark, sticker


MILD = Strength(
    rotation=2, keep=0.92, p_rotation=0.1, p_crop=0.2, p_turn=0, p_frame=0, p_tone=0.3,
    p_colour=0.1, p_blur=0.2, p_noise=0.05, p_jpeg=0.3, p_overlay=0.02,
)  # fmt: skip
STRONG = Strength(
    rotation=15, keep=0.45, p_rotation=0.4, p_crop=0.7, p_turn=0.4, p_frame=0.25, p_tone=0.55,
    p_colour=0.4, p_blur=0.3, p_noise=0.25, p_jpeg=0.4, p_overlay=0.3,
)  # fmt: skip


def augment(photo: Image, side: int, strength: Strength, rng: np.random.Generator) -> Image:
    """Return one changed copy of `photo`.

    Args:
        photo: (H, W, 3) uint8 RGB, any size, squashed or not.
        side: edge of the square that is returned, in pixels.
        strength: which edits, how often, how far.
        rng: the only source of randomness: the same state gives the same copy.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    view = _warp(photo, 2 * side, strength, rng)
    if rng.random() < strength.p_colour:
        view = _recolour(view, rng)
    if rng.random() < strength.p_tone:
        view = _retone(view, rng)
    if rng.random() < strength.p_blur:
        view = _soften(view, rng)
    if rng.random() < strength.p_noise:
        view = _add_noise(view, rng)
    if rng.random() < strength.p_overlay:
        view = _overlay(view, rng)
    if rng.random() < strength.p_jpeg:
        view = _recompress(view, rng)
    return cv2.resize(view, (side, side), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _warp(photo: Image, side: int, strength: Strength, rng: np.random.Generator) -> Image:
    """Crop, rotate, zoom, frame, mirror and turn in one affine map from output to photo."""
    matrix = np.eye(3)
    if rng.random() < strength.p_turn:
        matrix = _turn(rng) @ matrix
    fill = _fill_colour(rng)
    if rng.random() < strength.p_frame:
        matrix = matrix @ _frame(rng)
    if rng.random() < strength.p_crop:
        matrix = _crop(strength.keep, rng) @ matrix
    if rng.random() < strength.p_rotation:
        matrix = _rotation(strength.rotation, rng) @ matrix
    to_photo = _to_pixels(photo.shape[1], photo.shape[0]) @ matrix
    pixels = to_photo @ np.linalg.inv(_to_pixels(side, side))
    view = cv2.warpAffine(
        photo,
        pixels[:2],
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return _fill_outside(view.astype(np.uint8, copy=False), matrix, fill)


def _fill_outside(view: Image, matrix: Matrix, fill: tuple[int, int, int]) -> Image:
    """Paint what lies outside the photo; its own outermost pixels keep their colours."""
    side = view.shape[0]
    window = np.array([[-1, 1, 1, -1], [-1, -1, 1, 1], [1, 1, 1, 1]])
    if np.abs((matrix @ window)[:2]).max() <= 1:
        return view
    corners = (_to_pixels(side, side) @ np.linalg.inv(matrix) @ window)[:2].T
    inside = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(corners).astype(np.int32), 1)
    return np.where(inside[..., None] == 1, view, np.array(fill, np.uint8))


def _to_pixels(width: int, height: int) -> Matrix:
    """Map [-1, 1] coordinates to pixel centres."""
    w, h = width / 2, height / 2
    return np.array([[w, 0, w - 0.5], [0, h, h - 0.5], [0, 0, 1]])


def _scale(x: float, y: float, dx: float = 0.0, dy: float = 0.0) -> Matrix:
    return np.array([[x, 0, dx], [0, y, dy], [0, 0, 1]])


def _crop(keep: float, rng: np.random.Generator) -> Matrix:
    """A window that keeps at least `keep` of each side, anywhere inside or in the middle.

    Half of them are deep, because those are the hardest to find.
    """
    share = rng.uniform(keep, 1 if rng.random() < 0.5 else (1 + keep) / 2)
    x, y = np.clip(share * np.exp(rng.normal(0, 0.07, 2)), keep, 1)
    dx, dy = rng.uniform(-1, 1, 2) * (rng.random() < 0.7)
    return _scale(x, y, dx * (1 - x), dy * (1 - y))


def _rotation(degrees: float, rng: np.random.Generator) -> Matrix:
    """Rotate in the photo's own aspect; half the time zoom in until no corner is empty."""
    a = math.radians(rng.uniform(-degrees, degrees))
    ratio = math.exp(rng.uniform(-0.45, 0.45))  # width / height before squashing
    c, s = math.cos(a), math.sin(a)
    rotate = np.array([[c, -s / ratio, 0], [s * ratio, c, 0], [0, 0, 1]])
    zoom = 1.0
    if rng.random() < 0.5:
        zoom = 1 / max(c + abs(s) / ratio, c + abs(s) * ratio)
    return rotate @ _scale(zoom, zoom)


def _turn(rng: np.random.Generator) -> Matrix:
    """One of the seven other symmetries of the square, the mirror image the likeliest."""
    if rng.random() < 0.35:
        return _scale(-1, 1)
    quarter = [(0, -1), (-1, 0), (0, 1)][rng.integers(3)]
    c, s = quarter
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    return turn @ _scale(-1, 1) if rng.random() < 0.15 else turn


def _frame(rng: np.random.Generator) -> Matrix:
    """Shrink the picture inside the square: a border all round, or bars on two sides."""
    share = rng.uniform(0.02, 0.15)
    if rng.random() < 0.5:
        return _scale(1 / (1 - share), 1 / (1 - share * rng.uniform(0.6, 1)))
    bars = 1 / rng.uniform(0.5, 0.95)
    return _scale(bars, 1) if rng.random() < 0.4 else _scale(1, bars)


def _fill_colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """Black, white, grey, or any colour."""
    pick = rng.random()
    if pick < 0.45:
        return (0, 0, 0)
    if pick < 0.75:
        return (255, 255, 255)
    r, g, b = rng.integers(0, 256, 3)
    return (int(r), int(g), int(b))


def _recolour(view: Image, rng: np.random.Generator) -> Image:
    """Greyscale, sepia, another saturation, or a colour cast."""
    pick = rng.random()
    if pick < 0.35:
        colour = _GREY
    elif pick < 0.42:
        colour = _SEPIA
    else:
        saturation = rng.uniform(0, 2)
        colour = saturation * np.eye(3) + (1 - saturation) * _GREY
        colour = np.diag(rng.uniform(0.75, 1.3, 3)) @ colour
        colour = colour + rng.normal(0, 0.06, (3, 3))
    return cv2.transform(view, colour).astype(np.uint8, copy=False)


def _retone(view: Image, rng: np.random.Generator) -> Image:
    """Another gamma, contrast and brightness through one table."""
    levels = np.linspace(0, 1, 256) ** math.exp(rng.uniform(-0.7, 0.7))
    levels = (levels - 0.5) * rng.uniform(0.55, 1.6) + 0.5
    levels = levels * rng.uniform(0.6, 1.45) + rng.uniform(-0.1, 0.1)
    table = (levels * 255).clip(0, 255).astype(np.uint8)
    return cv2.LUT(view, table).astype(np.uint8, copy=False)


def _soften(view: Image, rng: np.random.Generator) -> Image:
    """Blur, or shrink and enlarge, or sharpen."""
    side = view.shape[0]
    pick = rng.random()
    if pick < 0.45:
        return cv2.GaussianBlur(view, (0, 0), side * rng.uniform(0.004, 0.016)).astype(np.uint8)
    if pick < 0.85:
        small = max(16, round(side * rng.uniform(0.12, 0.5)))
        tiny = cv2.resize(view, (small, small), interpolation=cv2.INTER_AREA)
        mode = cv2.INTER_NEAREST if rng.random() < 0.2 else cv2.INTER_CUBIC
        return cv2.resize(tiny, (side, side), interpolation=mode).astype(np.uint8)
    blurred = cv2.GaussianBlur(view, (0, 0), 2)
    return cv2.addWeighted(view, 2.0, blurred, -1.0, 0).astype(np.uint8)


def _add_noise(view: Image, rng: np.random.Generator) -> Image:
    """Add Gaussian noise, per channel or the same in all three."""
    channels = 3 if rng.random() < 0.7 else 1
    noise = rng.standard_normal((*view.shape[:2], channels), dtype=np.float32)
    noisy = view + noise * np.float32(rng.uniform(5, 32))
    return noisy.clip(0, 255).astype(np.uint8)


def _recompress(view: Image, rng: np.random.Generator) -> Image:
    """Save as JPEG of quality 10 to 70 and read back."""
    quality = int(rng.uniform(10, 70))
    blue_first = cv2.cvtColor(view, cv2.COLOR_RGB2BGR)  # OpenCV's order; JPEG treats them unlike
    _, data = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, quality])
    read = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return cv2.cvtColor(read, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _overlay(view: Image, rng: np.random.Generator) -> Image:
    """Lay something over the picture: a caption bar, a watermark, or a sticker."""
    view = np.ascontiguousarray(view).copy()
    pick = rng.random()
    if pick < 0.45:
        return _caption(view, rng)
    if pick < 0.8:
        return _watermark(view, rng)
    return _sticker(view, rng)


def _words(rng: np.random.Generator, longest: int) -> str:
    letters = list(string.ascii_letters + "    .!0123456789")
    return "".join(rng.choice(letters, rng.integers(4, longest)))


def _write(view: Image, at: tuple[int, int], height: float, colour: tuple[int, ...],
           rng: np.random.Generator) -> None:  # fmt: skip
    font = int(rng.integers(0, 8))
    thickness = max(1, round(height / 9))
    cv2.putText(view, _words(rng, 26), at, font, height / 24, colour, thickness, cv2.LINE_AA)


def _caption(view: Image, rng: np.random.Generator) -> Image:
    """A bar of 6 to 22 % of the height at the top or bottom, with a line of text."""
    side = view.shape[0]
    bar = round(side * rng.uniform(0.06, 0.22))
    top = 0 if rng.random() < 0.35 else side - bar
    dark = rng.random() < 0.65
    paper, ink = ((0, 0, 0), (255, 255, 255)) if dark else ((255, 255, 255), (0, 0, 0))
    view[top : top + bar] = paper
    _write(view, (round(side * 0.04), round(top + bar * 0.7)), bar * 0.6, ink, rng)
    return view


def _watermark(view: Image, rng: np.random.Generator) -> Image:
    """Translucent text anywhere, once or a few times."""
    side = view.shape[0]
    ink = view.copy()
    colour = (255, 255, 255) if rng.random() < 0.7 else _fill_colour(rng)
    for _ in range(int(rng.integers(1, 4))):
        at = (int(rng.uniform(0, 0.4) * side), int(rng.uniform(0.1, 0.95) * side))
        _write(ink, at, side * rng.uniform(0.06, 0.2), colour, rng)
    opacity = rng.uniform(0.25, 0.8)
    return cv2.addWeighted(ink, opacity, view, 1 - opacity, 0).astype(np.uint8)


def _sticker(view: Image, rng: np.random.Generator) -> Image:
    """A filled disc or box that hides up to a tenth of the picture."""
    side = view.shape[0]
    x, y = (int(v) for v in rng.integers(0, side, 2))
    size = int(side * rng.uniform(0.05, 0.16))
    if rng.random() < 0.5:
        cv2.circle(view, (x, y), size, _fill_colour(rng), -1, cv2.LINE_AA)
    else:
        cv2.rectangle(view, (x, y), (x + 2 * size, y + size), _fill_colour(rng), -1)
    return view
