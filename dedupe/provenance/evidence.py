"""Compare two aligned files of a group: all evidence on which was made from which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dedupe.provenance.changes import Agreement, find_changes
from dedupe.provenance.register import Matrix, invert, refine
from dedupe.provenance.rounding import SIZE
from dedupe.provenance.scene import lay, measure_outside
from dedupe.provenance.simulate import predict
from dedupe.provenance.single import find_step, measure_levels
from dedupe.provenance.source import Source
from dedupe.types import FrameMatrix

EVIDENCE_VERSION = 3
"""Part of the key under which evidence is remembered: raise it when a number may change."""

_FLAT = 1e-12  # perspective of a map, in shares of a pixel, that is none
_BENT = 0.015  # shift of a corner, share of the longer side, that perspective must exceed
_FEWEST = 400  # common pixels that the levels of a file are measured on
WHOLE_FRAME: FrameMatrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
Numbers = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence on a pair of contents, a first and a second."""

    forward: Numbers  # the second, predicted from the first: see `dedupe.provenance.simulate`
    backward: Numbers  # the first, predicted from the second
    added: Numbers  # in the second and not in the first: see `dedupe.provenance.scene`
    removed: Numbers  # in the first and not in the second
    first: Numbers  # of the first file alone: see `dedupe.provenance.single`
    second: Numbers  # of the second file alone
    matrix: tuple[float, ...]  # (2, 3) row by row, from the first to the second, pixel edges

    def flip(self) -> Evidence:
        """Return the evidence on the same contents in the other order."""
        matrix = invert(np.reshape(self.matrix, (2, 3)))
        return Evidence(
            self.backward, self.forward, self.removed, self.added, self.second, self.first,
            tuple(matrix.ravel().tolist()),
        )  # fmt: skip

    def to_json(self) -> str:
        """Return the evidence as one line of JSON; floats survive the round trip."""
        return json.dumps([getattr(self, name) for name in _FIELDS])


_FIELDS = ("forward", "backward", "added", "removed", "first", "second", "matrix")


def from_json(text: str) -> Evidence:
    """Return the evidence that `Evidence.to_json` wrote."""
    values = dict(zip(_FIELDS, json.loads(text), strict=True))
    return Evidence(**values | {"matrix": tuple(values["matrix"])})


def compare(first: Source, second: Source, near: FrameMatrix = WHOLE_FRAME) -> Evidence | None:
    """Measure all evidence on two files.

    Args:
        near: map from the frame of the second to that of the first, as verification found it.

    Returns:
        None if the two share too few pixels under the map.
    """
    whole = to_pixels(near, first, second)
    matrix, _ = refine(first.luma, second.luma, flatten(whole, first, second))
    back = invert(matrix)
    bent = whole if _is_bent(whole, matrix, first, second) else None
    unbent = None if bent is None else np.asarray(np.linalg.inv(bent), np.float64)
    there = lay(first, second, back, unbent)
    here = lay(second, first, matrix, bent)
    added, removed = measure_outside(there), measure_outside(here)
    if there.inside.mean() >= here.inside.mean():  # the frame of the file that shows less
        agreement, more, less = find_changes(there)
        to_first, to_second = agreement.source, agreement.target
    else:
        agreement, less, more = find_changes(here)
        to_first, to_second = agreement.target, agreement.source
    forward = predict(first, second, back, lambda spots: agreement.agree_on(to_second, spots, SIZE))
    backward = predict(
        second, first, matrix, lambda spots: agreement.agree_on(to_first, spots, SIZE)
    )
    if forward is None or backward is None:
        return None
    return Evidence(
        forward=forward,
        backward=backward,
        added=added | more,
        removed=removed | less,
        first=first.alone | _measure_common(first, agreement, to_first),
        second=second.alone | _measure_common(second, agreement, to_second),
        matrix=tuple(matrix.ravel().tolist()),
    )


def _measure_common(source: Source, agreement: Agreement, to_grid: Matrix) -> dict[str, float]:
    """Return the numbers on the levels of a file where the other one shows the same."""
    step = find_step(source.pixels)
    rgb = source.pixels[::step, ::step]
    common = agreement.find_common(to_grid, rgb.shape[1::-1], step)
    return measure_levels(rgb[common] if common.sum() >= _FEWEST else rgb.reshape(-1, 3))


def to_pixels(frames: FrameMatrix, first: Source, second: Source) -> Matrix:
    """Return the (3, 3) map from pixels of the first to pixels of the second.

    Args:
        frames: map from the frame of the second to that of the first.
    """
    inverse = np.linalg.inv(np.reshape(frames, (3, 3)))
    grow = np.diag([second.width, second.height, 1.0])
    shrink = np.diag([1 / first.width, 1 / first.height, 1.0])
    matrix = grow @ inverse @ shrink
    return np.asarray(matrix / matrix[2, 2])


def flatten(matrix: Matrix, first: Source, second: Source) -> Matrix:
    """Return the (2, 3) affine map nearest to a map with perspective, in the middle of the two.

    Args:
        matrix: (3, 3) map from pixels of the first to pixels of the second.
    """
    if np.abs(matrix[2, :2]).max() < _FLAT:
        return matrix[:2]
    middle = np.array([second.width / 2, second.height / 2, 1.0])
    there = np.linalg.inv(matrix) @ middle
    at = (there[:2] / there[2] + [first.width / 2, first.height / 2]) / 2
    x, y, w = matrix @ [*at, 1.0]
    place = np.array([x / w, y / w])
    linear = (matrix[:2, :2] - np.outer(place, matrix[2, :2])) / w
    return np.hstack([linear, (place - linear @ at)[:, None]])


def _is_bent(whole: Matrix, matrix: Matrix, first: Source, second: Source) -> bool:
    """Return whether perspective moves a corner of the first against its affine map (2, 3)."""
    corners = np.array([[0, first.width] * 2, [0, 0, first.height, first.height], [1] * 4], float)
    places = whole @ corners
    if places[2].min() <= 0 < places[2].max():
        return False
    moved = np.abs(places[:2] / places[2] - matrix @ corners)
    return bool(moved.max() > _BENT * max(second.width, second.height))
