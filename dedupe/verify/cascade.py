"""The levels of verification, from cheap to dear: the first that decides a pair ends it.

A scan and `explain` use this list. A level knows neither the files of a pair nor other pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dedupe.types import FrameMatrix, Verdict
from dedupe.verify.align import Alignment, align_frames, align_points
from dedupe.verify.features import Array, Features
from dedupe.verify.fine import to_pixels
from dedupe.verify.judge import (
    NOT_A_COPY,
    Comparison,
    check_details,
    compare_empty,
    judge,
    weigh,
)
from dedupe.verify.overlap import measure
from dedupe.verify.perspective import align_bent, measure_bend
from dedupe.verify.small import SAME_FRAME
from dedupe.verify.thumbnail import Thumbnail, compare_ways, judge_thumbnails, refuse_by_sketch

_BENDABLE = 8  # places that agree on an affine map from which a perspective is tried
_FAR = 7.0  # pixels that a bend moves a corner, of 320; the frames of a burst move less
_FIRM = 0.8  # least sign of a lesser bend: a scene with depth has none that fits everywhere
_CONTAINED = 0.995  # share of one frame that it shows: a camera that turned shows something else
_NEAR = 0.5  # distance up to which whole frames are laid on each other in any case
_RELATED = 0.3  # correlation of thumbnails from which they are, at any distance
_NOTHING = Comparison(NOT_A_COPY)


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture in each form in which a level reads it."""

    load: Callable[[], Features]  # called once; raises `dedupe.decode.read.Unreadable`
    thumbnail: Thumbnail | None = None  # None to skip the levels that need one

    @cached_property
    def features(self) -> Features:
        return self.load()


@dataclass(slots=True, eq=False)
class Case:
    """A pair on its way through the levels."""

    first: Picture
    second: Picture
    distance: float = 0.0  # of the embeddings, in [0, 2]; 0 if it is not known
    best: Comparison = _NOTHING  # the most likely alignment so far
    places: int = 0  # that agree on an affine map

    def is_related(self) -> bool:
        """Return whether the thumbnails correlate; also true without thumbnails."""
        first, second = self.first.thumbnail, self.second.thumbnail
        if first is None or second is None:
            return True
        return max(compare_ways(first, second)) >= _RELATED

    @property
    def features(self) -> tuple[Features, Features]:
        return self.first.features, self.second.features

    def propose(self, level: str, alignment: Alignment | None) -> Comparison | None:
        """Measure and judge an alignment, and remember the best; decide if it is one of a copy."""
        overlap = None if alignment is None else measure(alignment)
        if alignment is None or overlap is None:
            return None
        verdict = judge(overlap)
        if self.best.overlap is None or verdict.score > self.best.verdict.score:
            matrix = _map_frames(alignment, self.first.features)
            self.best = Comparison(replace(verdict, level=level, matrix=matrix), alignment, overlap)
        return check_details(self.best, *self.features) if self.best.verdict.is_copy else None


Level = Callable[[Case], Comparison | None]


def by_thumbnails(case: Case) -> Comparison | None:
    """Accept frames that were kept, and refuse small pictures, by 64 x 64 pixels."""
    first, second = case.first.thumbnail, case.second.thumbnail
    if first is None or second is None:
        return None
    verdict = judge_thumbnails(first, second)
    return None if verdict is None else Comparison(verdict)


def by_sketch(case: Case) -> Comparison | None:
    """Refuse a pair that has no part in common, by points of interest of the thumbnails."""
    first, second = case.first.thumbnail, case.second.thumbnail
    if first is None or second is None:
        return None
    verdict = refuse_by_sketch(first, second, case.distance)
    return None if verdict is None else Comparison(verdict)


def by_pixels(case: Case) -> Comparison | None:
    """Accept equal pixels."""
    first, second = case.features
    if not first.equals(second):
        return None
    return Comparison(Verdict(True, 1.0, level="pixels", matrix=SAME_FRAME))


def by_frames(case: Case) -> Comparison | None:
    """Lay whole frames on each other; the last look follows where that makes a copy."""
    if case.distance > _NEAR and not case.is_related():
        return None
    return case.propose("frames", align_frames(*case.features))


def by_points(case: Case) -> Comparison | None:
    """Lay points of interest on each other; the last look follows where that makes a copy."""
    alignment = align_points(*case.features)
    case.places = 0 if alignment is None else alignment.inliers
    return case.propose("points", alignment)


def by_perspective(case: Case) -> Comparison | None:
    """Try perspective and lens if much agrees on an affine map that does not fit."""
    alignment, overlap = case.best.alignment, case.best.overlap
    if alignment is None or overlap is None:
        return None
    signs = weigh(overlap)
    if min(signs["in place"], signs["rigid"], signs["agreeing"]) >= 0.5:
        return None  # an affine map fits, so something else decides
    if case.places < _BENDABLE:
        return None
    bent = align_bent(alignment)
    if bent is None or (measure_bend(bent) < _FAR and not _is_firm(bent)):
        return None
    return case.propose("perspective", bent)


def _is_firm(bent: Alignment) -> bool:
    """Return whether a bend explains every place, and one picture shows nothing of its own."""
    overlap = measure(bent)
    if overlap is None:
        return False
    frames = (overlap.outer, overlap.outer_framed), (overlap.inner, overlap.inner_framed)
    if not any(share >= _CONTAINED or framed for share, framed in frames):
        return False
    signs = weigh(overlap)
    return min(signs["in place"], signs["rigid"], signs["agreeing"]) >= _FIRM


def by_emptiness(case: Case) -> Comparison | None:
    """Accept nearly empty pages of which all details agree; refuse what is left."""
    return compare_empty(case.best, *case.features)


CHEAP: dict[str, Level] = {"thumbnails": by_thumbnails, "sketch": by_sketch}
"""The levels that read no file."""

DEAR: dict[str, Level] = {
    "pixels": by_pixels,
    "frames": by_frames,
    "points": by_points,
    "perspective": by_perspective,
    "details": by_emptiness,
}
"""The levels that read the files. The last one decides whatever the others left."""

LEVELS = CHEAP | DEAR
"""All levels, from cheap to dear."""


def run_levels(case: Case, levels: Iterable[Level]) -> Comparison | None:
    """Return what the first level that decides a pair found; None if none decides.

    Raises:
        Unreadable: a level needed the pixels of a file that cannot be read.
    """
    for level in levels:
        found = level(case)
        if found is not None:
            return found
    return None


def examine(first: Features, second: Features) -> Comparison:
    """Compare the pixels of two pictures, and keep what the verdict rests on.

    Raises:
        Unreadable: every pixel was needed, and a file could not be read again.
    """
    case = Case(Picture(lambda: first), Picture(lambda: second))
    return run_levels(case, DEAR.values()) or case.best


def compare(first: Features, second: Features) -> Verdict:
    """Compare the pixels of two pictures."""
    return examine(first, second).verdict


def _map_frames(alignment: Alignment, first: Features) -> FrameMatrix:
    """Return the map from the frame of the second picture to that of the first."""
    outer, inner = (to_pixels(picture.grey) for picture in (alignment.outer, alignment.inner))
    matrix: Array = np.linalg.inv(inner) @ alignment.square @ outer
    if alignment.outer is first:  # so far the map leads from the outer to the inner picture
        matrix = np.linalg.inv(matrix)
    return tuple((matrix / matrix[2, 2]).ravel().tolist())
