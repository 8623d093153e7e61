"""Judge one candidate pair: a copy, or another shot of the same thing?

A copy is the same shot, changed. `cascade` has the levels in their order; `align` and `overlap`
measure. Knows no file and no index.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from dedupe.linear_map import split_linear
from dedupe.types import FrameMatrix, Verdict
from dedupe.verify.align import Alignment
from dedupe.verify.bend import Lens
from dedupe.verify.features import Features
from dedupe.verify.last_look import Details, compare_details
from dedupe.verify.overlap import Overlap
from dedupe.verify.patched import Patched, find_patched
from dedupe.verify.small import SAME_FRAME, SMALL_SIDE, Residual, compare_small

SAME_FRACTION = 0.06
"""Share of the threshold within which rows of a dense neighbourhood share a representative. Other
pages of text, too, are as near as 0.03, so each of these pairs is verified."""

_FLAT = 0.12
"""Share of flat pixels in both pictures from which fine print is compared at its own resolution:
the tenth percentile of drawn pages is 0.14, the median of photos 0.08 (docs/verification.md)."""

_GAIN_IN_PLACE = 2.1, 1.5  # bad and good exposure if every pixel is in its place

_EMPTY = 0.95  # share of flat pixels from which a page is nearly empty: drawn ones have 0.99
_TONES = 40.0  # largest change of a colour on nearly empty pages, less the median, levels

NOT_A_COPY = Verdict(False, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A verdict on two pictures and what it rests on."""

    verdict: Verdict
    alignment: Alignment | None = None  # how they are aligned; None if they are not
    overlap: Overlap | None = None  # None where `alignment` is
    details: Details | Residual | Patched | None = None  # None if the verdict needed none


Decision = Literal[
    "same bytes",
    "ignored",
    "same pixels",
    "low detail",
    "too far apart",
    "verified",
    "another shot",
]


@dataclass(frozen=True, slots=True)
class PairFacts:
    """Properties of a pair of contents that decide before its pixels are compared."""

    distance: float  # of the embeddings, in [0, 2]
    threshold: float  # largest distance of a candidate, in [0, 2]
    same_bytes: bool = False
    ignored: bool = False  # a person ruled the pair out
    low_detail: bool = False  # one of the two is too plain to compare
    same_pixels: bool = False  # both are, and all their pixels are equal


def decide(facts: PairFacts, verdict: Verdict) -> Decision:
    """Return the reason for which a scan takes a pair for copies, or does not.

    Copies are "same bytes", "same pixels" and "verified". A scan applies the same rules to all
    pairs at once: `low_detail`, `search`, `ignored` and `group.refine` leave out the pairs that
    end before "verified".
    """
    if facts.same_bytes:
        return "same bytes"
    if facts.ignored:
        return "ignored"
    if facts.low_detail:
        return "same pixels" if facts.same_pixels else "low detail"
    if facts.distance > facts.threshold:
        return "too far apart"
    return "verified" if verdict.is_copy else "another shot"


def compare_empty(found: Comparison, first: Features, second: Features) -> Comparison:
    """Accept two nearly empty pages if their frames, tones and all their details agree."""
    if min(first.flat, second.flat) < _EMPTY or min(first.longest, second.longest) <= SMALL_SIDE:
        return found
    if first.colour.shape != second.colour.shape:
        return found
    change = cv2.blur(first.colour.astype(np.float32) - second.colour, (3, 3))
    if np.abs(change - np.median(change, axis=(0, 1))).max() > _TONES:
        return found
    details = compare_details(first.load_fine(), second.load_fine(), SAME_FRAME)
    if not details.agree:
        return replace(found, details=details)
    verdict = Verdict(True, round(details.least, 4), level="details", matrix=SAME_FRAME)
    return Comparison(verdict, details=details)


def check_details(found: Comparison, first: Features, second: Features) -> Comparison:
    """Reject a pair if the pictures show details that a copy does not have."""
    matrix = found.verdict.matrix
    if matrix is None:
        return found
    details = _compare_details(first, second, matrix, _find_lens(found.alignment, second))
    score = round(min(found.verdict.score, details.score), 4)
    if score > 0.5:
        verdict = replace(found.verdict, score=score)
    else:
        verdict = Verdict(False, score, level="details", matrix=matrix)
    return replace(found, verdict=verdict, details=details)


def _compare_details(
    first: Features, second: Features, matrix: FrameMatrix, lens: Lens | None
) -> Details | Residual | Patched:
    """Compare two pictures by the details that pictures of their kind have."""
    small = [picture.longest <= SMALL_SIDE for picture in (first, second)]
    if all(small) and not _is_upright(matrix):  # an arrow to the left is not one to the right
        matrix = SAME_FRAME
    drawn = first.is_drawn and second.is_drawn
    if any(small) or drawn:
        patched = find_patched(first.load_fine(), second.load_fine())
        if patched.score <= 0.5:
            return patched
    if any(small):
        return compare_small(first.load_fine(), second.load_fine(), matrix)
    if min(first.flat, second.flat) >= _FLAT:
        return compare_details(
            first.load_fine(), second.load_fine(), matrix, drawn=drawn, lens=lens
        )
    return compare_details(first.grey, second.grey, matrix, lens=lens)


def _find_lens(alignment: Alignment | None, second: Features) -> Lens | None:
    """Return what bends a frame besides the perspective; None for nothing."""
    if alignment is None or not alignment.layers.bend.radial:
        return None
    return Lens(alignment.layers.bend, alignment.layers.size, alignment.outer is second)


def _is_upright(matrix: FrameMatrix) -> bool:
    """Return whether a map neither mirrors nor turns by more than an eighth."""
    a, b, _, c, d = matrix[:5]
    return min(a, d) > max(abs(b), abs(c))


def judge(overlap: Overlap) -> Verdict:
    """Judge how two pictures lie on each other: the weakest sign decides."""
    score = round(min(weigh(overlap).values()), 4)
    return Verdict(score >= 0.5, score, describe(overlap) if score >= 0.5 else "")


def weigh(overlap: Overlap) -> dict[str, float]:
    """Return the signs of a copy, each in [0, 1]; 0.5 is where a copy and another shot part.

    docs/verification.md has the measurements that the bounds rest on.
    """
    o = overlap
    covered = max(1.0 if o.outer_framed else o.outer, 1.0 if o.inner_framed else o.inner)
    slack = max(1.0, o.blur / 1.6)  # small pictures cannot be laid as exactly
    signs = {
        "covered": _ramp(covered, 0.80, 0.96),
        "agreeing": _ramp(o.agreeing, 0.50, 0.90),
        "in place": _ramp(o.displaced / slack, 0.58, 0.08),
        "rigid": _ramp(o.nonrigid / slack, 0.32, 0.04),
        "nothing moved": min(_ramp(o.moved, 55, 25), _ramp(o.swapped, 0.85, 0.65)),
        "nothing foreign": _ramp(o.foreign, 0.005, 0.0),
        "one exposure": _ramp(o.exposure, *_GAIN_IN_PLACE if o.displaced < 0.2 else (1.3, 0.7)),
        "structure": _ramp(o.texture, 0.0, 0.04),
        "inliers": _ramp(o.inliers, -1, 15),
    }
    if min(o.colours.colourful) > 6:
        signs["colours"] = _ramp(o.colours.chroma_correlation, 0.0, 0.5)
        signs["nothing recoloured"] = _ramp(o.colours.recoloured, 0.06, 0.0)
    if not o.inliers:  # no points say so, so everything else has to fit all the better
        signs["inliers"] = min(
            _ramp(o.agreeing, 0.8, 1.0), _ramp(o.colours.luma_correlation, 0.8, 1.0)
        )
    return signs


def describe(overlap: Overlap) -> str:
    """Say in words how the two pictures of a copy differ; "" where nothing worth a word does."""
    parts = split_linear(overlap.matrix[:, :2])
    shares = {True: 1.0, False: 1.0}  # least share that is covered, by whether the rest is flat
    for share, framed in (
        (overlap.outer, overlap.outer_framed),
        (overlap.inner, overlap.inner_framed),
    ):
        shares[framed] = min(shares[framed], share)
    words = {
        "mirrored": parts.mirrored,
        f"turned {parts.degrees}": parts.quarters != 0,
        f"tilted {parts.tilt:.0f}°": parts.tilt >= 1.5,
        f"cropped to {100 * shares[False]:.0f} %": shares[False] < 0.97,
        "border added": shares[True] < 0.97 and parts.tilt < 1.5,
        f"stretched {100 * (parts.stretch - 1):.0f} %": parts.stretch > 1.04,
        "caption or mark added": overlap.overlay > 0.005,
        "greyscale": min(overlap.colours.colourful) < 2 and max(overlap.colours.colourful) > 6,
        "brightness changed": abs(math.log(overlap.colours.gain)) > 0.12,
    }
    return ", ".join(word for word, holds in words.items() if holds)


def _ramp(value: float, bad: float, good: float) -> float:
    """Map `bad` to 0 and `good` to 1, what lies between in proportion."""
    return min(1.0, max(0.0, (value - bad) / (good - bad)))
