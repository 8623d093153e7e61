"""Look again at pairs that the embedding leaves uncertain: a copy, or another shot?

A copy is the same shot, changed: one affine map lays it on the other picture, at least one of the
two is covered almost whole, and nothing but an overlay stands where the two differ. Another shot
shows another part of the scene, or moves differently in front than behind, or shows something
else where it moved. Owns what counts as a copy and the words for how; `align` measures.
"""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import joblib
import numpy as np
from numpy.typing import NDArray

from dedupe.decode import image as decode
from dedupe.files.digest import digest_bytes
from dedupe.index.embedding_index import Digests, EmbeddingIndex
from dedupe.types import Photo, Verdict
from dedupe.verify.align import Alignment, align_frames, align_points, one_thread_each
from dedupe.verify.features import SIDE, Features
from dedupe.verify.overlap import Overlap, measure

VERIFIER_VERSION = 1
"""Part of the key under which verdicts are remembered: raise it when a verdict may change."""

SURE = 0.06
"""Share of the threshold within which a pair is a copy without a second look. Frames of a burst
come as near as 0.05, so no more than re-encoded and resized copies pass."""

_HELD = 2048  # pictures whose features are kept, 0.15 MB each

_T = TypeVar("_T")

NOT_A_COPY = Verdict(False, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A verdict on two pictures and what it rests on."""

    verdict: Verdict
    alignment: Alignment | None = None  # how they lie on each other; None where they do not
    overlap: Overlap | None = None  # None where `alignment` is


def compare(first: Features, second: Features) -> Verdict:
    """Judge two pictures: frame on frame, and where that makes no copy, by points of interest."""
    return examine(first, second).verdict


def examine(first: Features, second: Features) -> Comparison:
    """Judge two pictures as `compare` does, and keep what the verdict rests on."""
    best = Comparison(NOT_A_COPY)
    for align in (align_frames, align_points):
        alignment = align(first, second)
        overlap = None if alignment is None else measure(alignment)
        if overlap is not None:
            verdict = judge(overlap)
            if best.overlap is None or verdict.score > best.verdict.score:
                best = Comparison(verdict, alignment, overlap)
        if best.verdict.is_copy:
            break
    return best


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
        "nothing foreign": _ramp(o.foreign, 0.005, 0.0),
        "one exposure": _ramp(o.exposure, 1.3, 0.7),
        "structure": _ramp(o.texture, 0.0, 0.04),
        "inliers": _ramp(o.inliers, -1, 15),
    }
    if min(o.colourful) > 6:
        signs["colours"] = _ramp(o.chroma_correlation, 0.0, 0.5)
    if not o.inliers:  # no points say so, so everything else has to fit all the better
        signs["inliers"] = min(_ramp(o.agreeing, 0.8, 1.0), _ramp(o.luma_correlation, 0.8, 1.0))
    return signs


def describe(overlap: Overlap) -> str:
    """Say in words how the two pictures of a copy differ; "" where nothing worth a word does."""
    linear = overlap.matrix[:, :2]
    mirrored = float(np.linalg.det(linear)) < 0
    left, stretch, right = np.linalg.svd(linear @ np.diag([-1.0 if mirrored else 1.0, 1.0]))
    turn = left @ right
    angle = math.degrees(math.atan2(turn[1, 0], turn[0, 0]))
    quarter = round(angle / 90)
    tilt = abs(angle - 90 * quarter)
    shares = {True: 1.0, False: 1.0}  # least share that is covered, by whether the rest is flat
    for share, framed in (
        (overlap.outer, overlap.outer_framed),
        (overlap.inner, overlap.inner_framed),
    ):
        shares[framed] = min(shares[framed], share)
    stretched = float(stretch[0] / stretch[1])
    words = {
        "mirrored": mirrored,
        f"turned {90 * abs(quarter)}": quarter != 0,
        f"tilted {tilt:.0f}°": tilt >= 1.5,
        f"cropped to {100 * shares[False]:.0f} %": shares[False] < 0.97,
        "border added": shares[True] < 0.97 and tilt < 1.5,
        f"stretched {100 * (stretched - 1):.0f} %": stretched > 1.04,
        "caption or mark added": overlap.overlay > 0.005,
        "greyscale": min(overlap.colourful) < 2 and max(overlap.colourful) > 6,
        "brightness changed": abs(math.log(overlap.gain)) > 0.12,
    }
    return ", ".join(word for word, holds in words.items() if holds)


def load_pixels(photo: Photo, *, max_pixels: int = decode.DEFAULT_MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a photo at the size that `dedupe.verify.align` works at, its shape kept.

    Returns:
        (H, W, 3) RGB, the longer side `SIDE` pixels, or at most twice that, and every pixel.

    Raises:
        Unreadable: the file is gone, is no picture, or no longer has the photo's digest.
    """
    data = decode.read(photo.path)
    if digest_bytes(data) != photo.digest:
        raise decode.Unreadable("vanished", "another content is in its place")
    return decode_small(data, photo.width, photo.height, max_pixels=max_pixels)


def decode_small(
    data: bytes, width: int, height: int, *, max_pixels: int = decode.DEFAULT_MAX_PIXELS
) -> NDArray[np.uint8]:
    """Decode a picture of `width` x `height` as `load_pixels` does a photo."""
    if max(width, height) <= 2 * SIDE:
        return decode.decode(data, max_pixels=max_pixels).pixels
    picture = decode.decode(data, side=SIDE, max_pixels=max_pixels)
    scale = SIDE / max(picture.width, picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return np.asarray(cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _content_pair(photos: Sequence[Photo], left: int, right: int) -> Digests:
    first, second = sorted((photos[left].digest, photos[right].digest))
    return first, second


class Verifier:
    """Judges pairs of photos, and keeps the features of those it saw last.

    A verdict does not depend on the number of workers or on what is remembered. A file that cannot
    be read any more is nobody's copy.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        *,
        load: Callable[[Photo], NDArray[np.uint8]] = load_pixels,
        workers: int | None = None,
        remembered: EmbeddingIndex | None = None,
    ) -> None:
        """Prepare to judge rows of `photos`.

        Args:
            photos: what the rows are.
            load: gives a photo's RGB pixels, at least `SIDE` on the longer side where it has them;
                raises `dedupe.decode.image.Unreadable`. Called from several threads.
            workers: threads; None for one per core.
            remembered: where verdicts are looked up and kept; None to do without.
        """
        self._photos = photos
        self._load = load
        self._workers = workers or os.cpu_count() or 1
        self._remembered = remembered
        self._features: OrderedDict[str, Features | None] = OrderedDict()  # None: unreadable

    def judge(self, pairs: Sequence[tuple[int, int]]) -> list[Verdict]:
        """Return the verdict on each pair of rows, in order.

        Holds the features of all of them at once: some hundred pairs a call are plenty.
        """
        index = self._remembered
        keys = [_content_pair(self._photos, *pair) for pair in pairs]
        verdicts = index.find_verdicts(keys, VERIFIER_VERSION) if index else {}
        new = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in verdicts}
        if new:
            with one_thread_each():
                fresh = self._compare(new)
            if index and fresh:
                index.remember_verdicts(fresh, VERIFIER_VERSION)
            verdicts |= fresh
        return [verdicts.get(key, NOT_A_COPY) for key in keys]

    def _compare(self, pairs: Mapping[Digests, tuple[int, int]]) -> dict[Digests, Verdict]:
        """Compare the pairs that can be read, the one with the lower digest first."""
        rows = {self._photos[row].digest: row for pair in pairs.values() for row in pair}
        self._read_all(rows)
        ready = [
            (key, first, second)
            for key in pairs
            if (first := self._features[key[0]]) and (second := self._features[key[1]])
        ]
        verdicts = self._run(compare, ((first, second) for _, first, second in ready))
        while len(self._features) > _HELD:
            self._features.popitem(last=False)
        return {key: verdict for (key, _, _), verdict in zip(ready, verdicts, strict=True)}

    def _read_all(self, rows: Mapping[str, int]) -> None:
        """Make sure that the rows' features are at hand, by digest."""
        fresh = {digest: row for digest, row in rows.items() if digest not in self._features}
        found = self._run(self._read, ((self._photos[row],) for row in fresh.values()))
        self._features.update(zip(fresh, found, strict=True))
        for digest in rows:
            self._features.move_to_end(digest)

    def _read(self, photo: Photo) -> Features | None:
        try:
            return Features(self._load(photo))
        except decode.Unreadable:
            return None

    def _run(self, work: Callable[..., _T], calls: Iterable[tuple[object, ...]]) -> list[_T]:
        parallel = joblib.Parallel(self._workers, backend="threading")
        return list(parallel(joblib.delayed(work)(*call) for call in calls))


def _ramp(value: float, bad: float, good: float) -> float:
    """Map `bad` to 0 and `good` to 1, what lies between in proportion."""
    return min(1.0, max(0.0, (value - bad) / (good - bad)))
