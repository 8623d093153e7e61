"""Why two pictures are, or are not, copies: every number that the decision of a scan rests on.

Compares two files just as a scan would, and keeps what a scan forgets. Has no words for it and
draws nothing.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dedupe.decode.frames import digest_frames
from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable, read
from dedupe.decode.thumbnail import make_thumbnail
from dedupe.encoder.manifest import Encoder, Manifest
from dedupe.encoder.runtime import open_encoder
from dedupe.encoder.threshold import narrow
from dedupe.errors import InputError
from dedupe.files.digest import digest_bytes
from dedupe.files.paths import USER_FILE, StrPath, UserFile
from dedupe.ignored.store import find_ignored
from dedupe.low_detail import MIN_DETAIL, measure_detail
from dedupe.types import Facts
from dedupe.verify.align import one_thread_each
from dedupe.verify.cascade import DEAR, LEVELS, Case, Picture, run_levels
from dedupe.verify.features import Features
from dedupe.verify.judge import Comparison, Decision, PairFacts, decide, weigh
from dedupe.verify.last_look import NOWHERE, FrameBox
from dedupe.verify.layers import Matrix, invert
from dedupe.verify.load import decode_small
from dedupe.verify.small import Residual
from dedupe.verify.thumbnail import open_thumbnail

_SIZES = (10**5, 10**6, 10**7)  # numbers of images for which the reach of a scan is computed


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One of the two pictures, in every form in which it is looked at."""

    path: str
    width: int  # pixels, upright
    height: int
    format: str  # what the bytes are: JPEG, PNG ...
    digest: str
    square: NDArray[np.uint8]  # (side, side, 3) RGB, as the encoder sees it
    pixels: NDArray[np.uint8]  # (H, W, 3) RGB, as verification gets it, its shape kept
    features: Features
    facts: Facts

    @property
    def low_detail(self) -> bool:
        """Whether the picture is too plain to be compared with others."""
        return measure_detail(self.square) < MIN_DETAIL

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels at the working size of verification."""
        height, width = self.features.grey.shape
        return width, height


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Two pictures, how far apart they lie, and how they lie on each other."""

    first: Seen
    second: Seen
    manifest: Manifest  # of the encoder
    sensitivity: str  # that of the scan which is explained
    distance: float  # of the embeddings, in [0, 2], rounded to 6 decimals as in a report
    comparison: Comparison  # what verification says, asked or not
    ignored: bool = False  # a person ruled the pair out, see `dedupe.ignored`

    @property
    def probability(self) -> float:
        """That of a copy, in [0, 1], by the distance alone: the encoder's logistic head."""
        head = self.manifest.head
        return 1 / (1 + math.exp(head["scale"] * self.distance - head["bias"]))

    @property
    def threshold(self) -> float:
        """The largest distance of a copy at the sensitivity."""
        return self.manifest.threshold(self.sensitivity)

    @property
    def decision(self) -> Decision:
        """What makes a scan at the sensitivity take the two for copies, or not."""
        first, second = self.first, self.second
        facts = PairFacts(
            distance=self.distance,
            threshold=self.threshold,
            same_bytes=first.digest == second.digest,
            ignored=self.ignored,
            low_detail=first.low_detail or second.low_detail,
            same_pixels=first.low_detail
            and second.low_detail
            and first.facts.pixels == second.facts.pixels != "",
        )
        return decide(facts, self.comparison.verdict)

    @property
    def box(self) -> FrameBox:
        """The place that differs most if details reject the pair, in the frame of the first."""
        details = self.comparison.details
        if self.comparison.verdict.is_copy or details is None or isinstance(details, Residual):
            return NOWHERE
        return details.box

    @property
    def reach(self) -> int | None:
        """Number of images from which on a default scan does not reach the pair; None if not.

        A scan without a sensitivity searches less far among many images, see
        `dedupe.encoder.threshold.narrow`. Only powers of ten are tried.
        """
        reached = [narrow(self.manifest, images) >= self.distance for images in _SIZES]
        return None if all(reached) else _SIZES[reached.index(False)]

    @property
    def is_copy(self) -> bool:
        """Whether a scan at the sensitivity takes the two for copies."""
        return self.decision in ("same bytes", "same pixels", "verified")

    @property
    def signs(self) -> dict[str, float]:
        """Return the signs of `dedupe.verify.judge.weigh`, empty if the images do not align."""
        overlap = self.comparison.overlap
        return {} if overlap is None else weigh(overlap)

    @property
    def fits(self) -> bool:
        """Whether half of the structure agrees where one picture lies on the other.

        Otherwise `matrix` is but the best guess, and says nothing of the two.
        """
        return self.signs.get("agreeing", 0.0) > 0

    @property
    def first_is_outer(self) -> bool:
        """Whether the first is the outer one of the overlap; also true without an overlap."""
        alignment = self.comparison.alignment
        return alignment is None or alignment.outer is self.first.features

    @property
    def shares(self) -> tuple[float, float]:
        """How much of the first the second shows, and of the second the first, in [0, 1]."""
        overlap = self.comparison.overlap
        if overlap is None:
            return 0.0, 0.0
        shares = overlap.outer, overlap.inner
        return shares if self.first_is_outer else shares[::-1]

    @property
    def matrix(self) -> Matrix | None:
        """The map (2, 3) from the first picture to the second, pixels at the working size."""
        alignment = self.comparison.alignment
        if alignment is None:
            return None
        return alignment.matrix if self.first_is_outer else invert(alignment.matrix)


def explain(
    first: str | os.PathLike[str],
    second: str | os.PathLike[str],
    *,
    encoder: Encoder | None = None,
    sensitivity: str = "wide",
    ignored: StrPath | UserFile | None = USER_FILE,
) -> Explanation:
    """Compare two files as a scan does.

    Args:
        first, second: paths of two pictures; `first` may be `second`.
        encoder: an open encoder; None for the built-in one, on the CPU.
        sensitivity: one of the encoder's thresholds; a scan that verifies takes `wide`.
        ignored: file of the pairs that a person ruled out, as for a scan; None for none.

    Raises:
        InputError: one of the two cannot be read, or is no picture.
        UsageError: there is no such sensitivity.
        EncoderError: the encoder was not finished, or fails.
    """
    encoder = encoder or open_encoder(device="cpu")
    encoder.manifest.threshold(sensitivity)
    seen = [see(path, encoder.manifest.side) for path in (first, second)]
    vectors = encoder.embed(np.stack([one.square for one in seen])).astype(np.float64)
    distance = round(float(np.linalg.norm(vectors[0] - vectors[1])), 6)
    low, high = sorted(seen, key=lambda one: one.digest)  # the order in which a scan compares
    with one_thread_each():
        comparison = _compare(low, high, distance)
    return Explanation(
        first=seen[0],
        second=seen[1],
        manifest=encoder.manifest,
        sensitivity=sensitivity,
        distance=distance,
        comparison=comparison,
        ignored=find_ignored(ignored).are_apart(seen[0].digest, seen[1].digest),
    )


def _compare(first: Seen, second: Seen, distance: float) -> Comparison:
    """Judge as a scan does; align the pictures, too, if thumbnails decide, to show how they lie."""
    case = Case(_to_picture(first), _to_picture(second), distance)
    found = run_levels(case, LEVELS.values()) or case.best
    if found.alignment is not None or found.details is not None:
        return found
    shown = run_levels(case, DEAR.values()) or case.best
    return replace(shown, verdict=found.verdict)


def _to_picture(seen: Seen) -> Picture:
    thumbnail = open_thumbnail(make_thumbnail(seen.square), (seen.width, seen.height))
    return Picture(lambda: seen.features, thumbnail)


def see(path: str | os.PathLike[str], side: int) -> Seen:
    """Read a picture in every form that a comparison needs.

    Args:
        side: of the encoder's input, pixels.

    Raises:
        InputError: it cannot be read, or is no picture.
    """
    path = os.fspath(path)
    try:
        data = read(path)
        picture = decode(data, side=side)
        pixels = decode_small(data, picture.width, picture.height)
    except Unreadable as error:
        raise InputError(f"cannot read {path}: {error}") from error
    facts = picture.facts
    if measure_detail(picture.pixels) < MIN_DETAIL:
        facts = replace(facts, pixels=digest_frames(data))
    return Seen(
        path=path,
        width=picture.width,
        height=picture.height,
        format=picture.format,
        digest=digest_bytes(data),
        square=picture.pixels,
        pixels=pixels,
        facts=facts,
        features=Features(pixels, load_fine=lambda: decode(data).pixels),
    )
