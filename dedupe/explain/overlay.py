"""Draw what verification sees of two pictures: their frames on each other, and what is left over.

All panels are in the coordinates of the first picture, and show both frames.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.explain.canvas import AMBER, BLUE, GREY, ORANGE, PANEL, PAPER, RED, Colour, Sheet
from dedupe.explain.explain import Explanation, Seen
from dedupe.verify.layers import Layers, Matrix, invert, outline
from dedupe.verify.overlap import find_patches

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB

_TALLEST = 300  # pixels of a panel
_LOUDER = 3  # times what is left over is drawn stronger
_WIDEST = 2.5  # how many times the first picture's frame a panel shows at most


def draw_frames(sheet: Sheet, explanation: Explanation) -> None:
    """Add a row: the first picture, the second laid on it, and what is left over."""
    first, second = explanation.first, explanation.second
    matrix = explanation.matrix
    if matrix is None:
        panels = [_fit(_working(seen)) for seen in (first, second)]
        nothing = "nothing in one picture could be laid on the other"
        sheet.row(PANEL, [
            ("A", panels[0], ""), ("B", panels[1], ""),
            ("What is left over", np.full_like(panels[0], GREY), nothing),
        ])  # fmt: skip
        return
    stage, back = _Stage(explanation, matrix), invert(matrix)
    alone = stage.blank()
    stage.put(alone, _working(first), np.eye(2, 3))
    laid = stage.blank()
    stage.put(laid, fade(_working(first)), np.eye(2, 3))
    stage.put(laid, _working(second), back)
    residual, legend = _residual(stage, explanation, back)
    for panel in (alone, laid, residual):
        stage.outline(panel, first, np.eye(2, 3), ORANGE, 4)
        stage.outline(panel, second, back, BLUE, 2)
    if explanation.box[2]:
        for panel in (alone, residual):
            stage.frame(panel, explanation)
        legend += "; red frame: details that differ"
    shares = [f"{100 * share:.0f} %" for share in explanation.shares]
    fits = "B laid on A" if explanation.fits else "B laid on A: the best guess, which does not fit"
    sheet.row(PANEL, [
        ("A in its frame", alone, f"orange: A, of which {shares[0]} lies in B"),
        (fits, laid, f"blue: B, of which {shares[1]} lies in A"),
        ("What is left over", residual, legend),
    ])  # fmt: skip


class _Stage:
    """A panel in the coordinates of the first picture that shows both frames."""

    def __init__(self, explanation: Explanation, matrix: Matrix) -> None:
        first, second = explanation.first.features.grey, explanation.second.features.grey
        own = outline(first, np.eye(2, 3))
        corners = np.concatenate([own, outline(second, invert(matrix))])
        reach = (own[2] - own[0]) * (_WIDEST - 1) / 2
        low = np.maximum(corners.min(axis=0), own[0] - reach) - 3
        high = np.minimum(corners.max(axis=0), own[2] + reach) + 3
        width, height = high - low
        scale = min(PANEL / width, _TALLEST / height)
        self.shape = (round(scale * height), PANEL)
        left = (PANEL - scale * width) / 2
        self.place = np.array(
            [[scale, 0, left - scale * low[0]], [0, scale, -scale * low[1]]], np.float64
        )

    def blank(self) -> Pixels:
        """Return a grey panel, (H, W, 3)."""
        return np.full((*self.shape, 3), GREY, np.uint8)

    def put(self, panel: Pixels, pixels: Pixels, matrix: Matrix, where: Any = None) -> None:
        """Draw pixels that `matrix` takes to the first picture; only `where` (H, W) is set."""
        full = self.warp(pixels, matrix, cv2.INTER_LINEAR)
        mask = np.ones(pixels.shape[:2], np.uint8) if where is None else where.astype(np.uint8)
        inside = self.warp(mask, matrix, cv2.INTER_NEAREST) > 0
        panel[inside] = full[inside]

    def warp(self, pixels: Any, matrix: Matrix, how: int) -> Any:
        both = self.place[:, :2] @ matrix
        both[:, 2] += self.place[:, 2]
        edge = cv2.BORDER_CONSTANT if how == cv2.INTER_NEAREST else cv2.BORDER_REPLICATE
        return cv2.warpAffine(pixels, both, self.shape[::-1], flags=how, borderMode=edge)

    def outline(
        self, panel: Pixels, seen: Seen, matrix: Matrix, colour: Colour, width: int
    ) -> None:
        """Draw the frame of a picture that `matrix` (2, 3) takes to the first picture."""
        corners = outline(seen.features.grey, matrix) @ self.place[:, :2].T + self.place[:, 2]
        points = np.rint(corners * 16).astype(np.int32)
        cv2.polylines(panel, [points], True, colour, width, cv2.LINE_AA, shift=4)

    def frame(self, panel: Pixels, explanation: Explanation) -> None:
        """Draw a frame round the place of the first picture that differs most."""
        x, y, width, height = explanation.box
        corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
        points = corners * explanation.first.size @ self.place[:, :2].T + self.place[:, 2]
        fixed = np.rint(points * 16).astype(np.int32)
        cv2.polylines(panel, [fixed], True, RED, 2, cv2.LINE_AA, shift=4)


def _residual(stage: _Stage, explanation: Explanation, back: Matrix) -> tuple[Pixels, str]:
    """Draw the outer picture less the inner one, (H, W, 3) uint8, and return its legend."""
    alignment = explanation.comparison.alignment
    assert alignment is not None
    layers = alignment.layers
    patches = find_patches(layers)
    expected = _expect(layers, ~patches.foreign & ~patches.overlay)
    signed = layers.b - expected if explanation.first_is_outer else expected - layers.b
    grey = np.clip(128 + _LOUDER * signed, 0, 255).astype(np.uint8)
    matrix = np.eye(2, 3) if explanation.first_is_outer else back
    panel = stage.blank()
    stage.put(panel, np.stack([grey] * 3, axis=2), matrix, layers.mask > 0)
    caption = f"B less A, {_LOUDER} times as strong, grey where they agree"
    if not explanation.fits:
        return panel, caption + "; next to nothing does"
    legend = []
    for mask, colour, words in (
        (patches.foreign, RED, "red: another thing"),
        (patches.overlay, AMBER, "amber: caption or mark"),
    ):
        share = float(mask.sum()) / max(float((layers.mask > 0).sum()), 1.0)
        if share:
            _mark(panel, stage.warp(mask.astype(np.uint8), matrix, cv2.INTER_NEAREST), colour)
            legend.append(f"{words}, {100 * share:.1f} %")
    return panel, "; ".join([caption, *(legend or ["nothing is odd"])])


def _expect(layers: Layers, where: Any) -> Any:
    """Return the brightness of the inner picture that the outer one makes one expect, (H, W).

    Medians, as what lies on a picture must not change what is expected of the rest.
    """
    alike = where & (layers.mask > 0) & (layers.correlate() > 0.6)
    a, b = layers.a[alike], layers.b[alike]
    steps = (a / 16).astype(np.int64)
    known = [step for step in range(16) if (steps == step).sum() >= 20]
    if len(known) < 2:
        return layers.a
    pairs = [(np.median(a[steps == step]), np.median(b[steps == step])) for step in known]
    return np.interp(layers.a, *np.transpose(pairs))


def _mark(panel: Pixels, mask: Any, colour: Colour) -> None:
    """Tint and outline the places of a mask (H, W)."""
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    tinted = 0.65 * panel[mask > 0] + 0.35 * np.array(colour)
    panel[mask > 0] = tinted.astype(np.uint8)
    lines, _ = cv2.findContours(
        cv2.dilate(closed, np.ones((5, 5), np.uint8)), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(panel, lines, -1, colour, 1, cv2.LINE_AA)


def _working(seen: Seen) -> Pixels:
    """Return the colours of a picture at the size of its features, (H, W, 3)."""
    how = cv2.INTER_AREA if seen.pixels.shape[1] > seen.size[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(seen.pixels, seen.size, interpolation=how), np.uint8)


def _fit(pixels: Pixels) -> Pixels:
    """Centre a picture (H, W, 3) in a panel of the second row, (h, PANEL, 3)."""
    height, width = pixels.shape[:2]
    scale = min(PANEL / width, _TALLEST / height)
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    panel = np.full((size[1], PANEL, 3), PAPER, np.uint8)
    left = (PANEL - size[0]) // 2
    panel[:, left : left + size[0]] = small
    return panel


def fade(pixels: Pixels) -> Pixels:
    """Return a picture pale and grey, to draw on; (H, W, 3) RGB as it was."""
    grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return (255 - 0.3 * (255 - grey.astype(np.float32))).astype(np.uint8)
