"""Compare two aligned files of a group: all evidence on which was made from which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dedupe.provenance.register import Matrix, invert, refine
from dedupe.provenance.scene import compare_scene
from dedupe.provenance.simulate import predict
from dedupe.provenance.source import Source
from dedupe.types import FrameMatrix

EVIDENCE_VERSION = 2
"""Part of the key under which evidence is remembered: raise it when a number may change."""

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
    matrix, _ = refine(first.luma, second.luma, to_pixels(near, first, second))
    back = invert(matrix)
    forward = predict(first, second, back)
    backward = predict(second, first, matrix)
    if forward is None or backward is None:
        return None
    return Evidence(
        forward=forward,
        backward=backward,
        added=compare_scene(first, second, back),
        removed=compare_scene(second, first, matrix),
        first=first.alone,
        second=second.alone,
        matrix=tuple(matrix.ravel().tolist()),
    )


def to_pixels(frames: FrameMatrix, first: Source, second: Source) -> Matrix:
    """Return the (2, 3) map from pixels of the first to pixels of the second.

    Args:
        frames: map from the frame of the second to that of the first.
    """
    inverse = np.linalg.inv(np.reshape(frames, (3, 3)))
    grow = np.diag([second.width, second.height, 1.0])
    shrink = np.diag([1 / first.width, 1 / first.height, 1.0])
    matrix = grow @ inverse @ shrink
    return np.asarray((matrix / matrix[2, 2])[:2])
