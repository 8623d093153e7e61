"""Draw why two pictures are, or are not, copies: what the encoder sees, and what verification sees.

First row, the classic figure of a siamese network: both pictures, their feature maps, how these
differ, and the difference weighted by what it adds to the distance. Second row, the frames of the
pictures on each other, and what is left over where they meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dedupe.explain.attribution import contribute
from dedupe.explain.canvas import BLUE, GREY, ORANGE, RED, TILE, Sheet
from dedupe.explain.explain import Explanation
from dedupe.explain.feature_maps import Views
from dedupe.explain.grid import Floats, between_places, lay_on, warp_maps
from dedupe.explain.overlay import draw_frames, fade
from dedupe.explain.shapley import Shares

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The two pictures at the places of the first one's maps."""

    colours: tuple[Floats, Floats]  # (R, C, 3) in [0, 1], one projection of the channels for both
    difference: Floats  # (R, C) norm of the difference, NaN where the second shows nothing
    weighted: Floats  # (R, C) what each place adds to the squared distance
    outside: float  # what places of the second picture add that lie nowhere on the first
    laid: bool  # the second picture's maps were moved onto the first's


def compare_places(explanation: Explanation, views: Views) -> Places:
    """Compare the maps of two pictures place by place, the second laid on the first if it can be.

    Args:
        explanation: of the pair.
        views: of its two pictures, in order.

    Returns:
        Places; their `weighted` and `outside` add up to the square of the distance. If a head was
        trained beside the tower, they add up to what the head takes from its logit.
    """
    first, second = views.maps
    if isinstance(views.head, Shares):
        difference = np.linalg.norm(first - second, axis=2)
        return Places(_colour(first, second), difference, views.head.places, 0.0, laid=False)
    shares = contribute(views.head, views)
    warped, inside = second, np.ones(first.shape[:2], bool)
    laid, outside = shares.second, 0.0
    pixels = explanation.matrix if explanation.fits else None
    if pixels is not None:
        sizes = explanation.first.size, explanation.second.size
        matrix = between_places(pixels, views.grid, *sizes)
        warped, inside = warp_maps(second, matrix)
        laid, outside = lay_on(shares.second, matrix)
    difference = np.linalg.norm(first - warped, axis=2)
    return Places(
        colours=_colour(first, second),
        difference=np.where(inside, difference, np.nan),
        weighted=shares.first + laid,
        outside=outside,
        laid=explanation.fits,
    )


def _colour(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Project the channels of both on their three principal components, as red, green, blue."""
    rows = np.concatenate([first.reshape(-1, first.shape[2]), second.reshape(-1, first.shape[2])])
    centred = rows - rows.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:3] * np.sign(axes[:3].sum(axis=1, keepdims=True) + 1e-12)  # SVD leaves signs open
    values = centred @ axes.T  # (2 R C, 3)
    low, high = np.quantile(values, [0.02, 0.98], axis=0)
    shown = np.clip((values - low) / np.maximum(high - low, 1e-9), 0, 1)
    halves = shown.reshape(2, *first.shape[:2], -1)
    return halves[0], halves[1]


def draw_figure(
    explanation: Explanation, views: Views, *, title: str, subtitle: str
) -> Image.Image:
    """Draw the figure of one pair.

    Args:
        explanation: of the pair.
        views: the tower's, of its two pictures in order.
        title: one line, the verdict.
        subtitle: one line below.

    Returns:
        An RGB picture, 1088 pixels wide.
    """
    places = compare_places(explanation, views)
    sheet = Sheet(title, subtitle, BLUE if explanation.comparison.verdict.is_copy else ORANGE)
    _draw_maps(sheet, explanation, views, places)
    draw_frames(sheet, explanation)
    sheet.write(_caption(views, places))
    return sheet.finish()


def _draw_maps(sheet: Sheet, explanation: Explanation, views: Views, places: Places) -> None:
    grid = views.grid
    side = explanation.manifest.side
    seen = f"{side} x {side}, as encoded"
    rows, columns, channels = views.maps.shape[1:]
    maps = f"{rows} x {columns} places, {channels} channels as 3 colours"
    largest = float(np.nanmax(places.difference, initial=0.0))
    where = "B laid on A" if places.laid else "as they stand"
    total = float(places.weighted.sum()) + places.outside
    tiles: list[tuple[str, Pixels, str]] = [
        ("A", _enlarge(explanation.first.square), seen),
        ("B", _enlarge(explanation.second.square), seen),
        ("Features of A", _spread(_bytes(places.colours[0]), grid), maps),
        ("Features of B", _spread(_bytes(places.colours[1]), grid), maps),
        ("Difference |a - b|", _heat(places.difference, largest, grid),
         f"dark 0, bright {largest:.1f}\n{where}"),
        ("Weighted difference", _weigh(places.weighted, explanation.first.square, grid),
         f"red drives apart, blue draws together; sums to {total:.3f}"),
    ]  # fmt: skip
    sheet.row(TILE, tiles)


def _caption(views: Views, places: Places) -> str:
    rows, columns = views.maps.shape[1:3]
    if isinstance(views.head, Shares):
        return _caption_shares(views.head)
    text = (
        "Features are the last maps of the tower before they are pooled; both pictures' channels "
        "are projected on the same three principal components. The weighted difference is what "
        "each place adds to the squared distance, exactly: pooling, linear layer and "
        f"normalisation included. Each of the {rows} x {columns} places is drawn where it looks: "
        "padding shifts them right and down. "
    )
    if views.middle is not None:
        text += (
            "The tower looks at the middle once more, enlarged: what it finds there is in the "
            "weighted difference, at the places of the whole. "
        )
    if not places.laid:
        return text + "No map lays B on A, so places are compared as they stand."
    text += "B's features were moved onto A by the map that verification found"
    if abs(places.outside) >= 0.0005:
        text += f" (parts of B beyond A add {places.outside:+.3f})"
    if np.isnan(places.difference).any():
        text += "; grey places lie outside B"
    return text + "; what the filters make of a turned picture is not turned back."


def _caption_shares(shares: Shares) -> str:
    text = (
        "Features are the last maps of the tower, both pictures' channels projected on the same "
        f"three principal components. Places are compared as they stand. {shares.how} "
    )
    if shares.bias is None:
        return text + "Shares add up to the squared distance."
    return text + (
        "Shares add up to what the difference takes from the head's logit: of the "
        f"{shares.bias:.2f} of identical pictures {shares.bias - shares.places.sum():.2f} is left, "
        f"which makes them the same with probability {shares.probability:.2f}."
    )


def _enlarge(square: Pixels) -> Pixels:
    """Resize a picture to (TILE, TILE, 3)."""
    return np.asarray(cv2.resize(square, (TILE, TILE), interpolation=cv2.INTER_CUBIC), np.uint8)


def _bytes(values: Floats) -> Pixels:
    """Scale values in [0, 1], (R, C) or (R, C, 3), to uint8 of the same shape."""
    return np.rint(255 * values).astype(np.uint8)


def _spread(values: NDArray[Any], grid: Floats) -> NDArray[Any]:
    """Enlarge (R, C, ...) to a tile, each place at its position in the picture."""
    at = (np.arange(TILE) + 0.5) / TILE
    rows, columns = values.shape[:2]
    y = np.clip(np.rint(grid[1, 1] * at + grid[1, 2]), 0, rows - 1).astype(np.int64)
    x = np.clip(np.rint(grid[0, 0] * at + grid[0, 2]), 0, columns - 1).astype(np.int64)
    return np.asarray(values[y[:, None], x[None, :]])


def _heat(values: Floats, largest: float, grid: Floats) -> Pixels:
    """Draw (R, C) from dark, 0, to bright; grey where it is NaN."""
    known = np.nan_to_num(values / max(largest, 1e-9))
    heat = cv2.cvtColor(cv2.applyColorMap(_bytes(known), cv2.COLORMAP_MAGMA), cv2.COLOR_BGR2RGB)
    heat[np.isnan(values)] = GREY
    return _spread(np.asarray(heat, np.uint8), grid)


def _weigh(values: Floats, square: Pixels, grid: Floats) -> Pixels:
    """Draw (R, C) in red and blue over a faded picture."""
    under = fade(_enlarge(square)).astype(np.float32)
    strength = _spread(values / max(float(np.abs(values).max()), 1e-12), grid)[..., None]
    colour = np.where(strength > 0, np.array(RED), np.array(BLUE))
    part = 0.9 * np.abs(strength) ** 0.8
    return np.asarray(under * (1 - part) + colour * part, np.uint8)
