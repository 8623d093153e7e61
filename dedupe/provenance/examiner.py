"""Examine the contents of verified groups: read them, compare pairs, remember the evidence."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dedupe.decode.formats import DEFAULT_MAX_PIXELS
from dedupe.decode.read import Unreadable, read_photo
from dedupe.index.protocol import Index
from dedupe.provenance.damage import find_broken
from dedupe.provenance.evidence import EVIDENCE_VERSION, WHOLE_FRAME, Evidence, compare, from_json
from dedupe.provenance.rank import explain_score, rank_contents, score_pair
from dedupe.provenance.signs import sum_groups
from dedupe.provenance.source import LOSSLESS, Source, read_source
from dedupe.types import FrameMatrix, Photo

BREAK_VERSION = 1001
"""Key of what `breaks_beside` remembers, among the versions of the evidence."""
_HELD_PIXELS = 60_000_000  # decoded pixels that one group keeps in memory, 3 bytes each


class Examiner:
    """Compares contents of one group at a time. Safe to use from many threads."""

    def __init__(
        self,
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        remembered: Index | None = None,
        workers: int | None = None,
    ) -> None:
        """Prepare to examine groups.

        Args:
            max_pixels: larger images are not compared; 0 for no limit.
            remembered: where evidence is read and kept; None to do without.
            workers: threads for the groups of a scan; None for one per core.
        """
        self.workers = workers
        self._max_pixels = max_pixels
        self._remembered = remembered

    def open_group(self, photos: Sequence[Photo], frames: Mapping[str, FrameMatrix]) -> Examination:
        """Begin the examination of one group.

        Args:
            photos: one file of each content, in the order that breaks ties.
            frames: map from the frame of a content to the frame that all share, by digest;
                contents without one are laid frame on frame.
        """
        return Examination(photos, frames, self._max_pixels, self._remembered)


class Examination:
    """The evidence on the contents of one group, measured when first asked for."""

    def __init__(
        self,
        photos: Sequence[Photo],
        frames: Mapping[str, FrameMatrix],
        max_pixels: int,
        remembered: Index | None,
    ) -> None:
        self._photos = photos
        self._frames = frames
        self._max_pixels = max_pixels
        self._remembered = remembered
        self._sources: OrderedDict[str, Source | None] = OrderedDict()  # None: unreadable
        self._evidence: dict[tuple[str, str], Evidence | None] = {}

    def rank(self) -> list[int]:
        """Return positions in `photos`, from the most likely original to the least."""
        return rank_contents(len(self._photos), self.score, self._order_likely())

    def _order_likely(self) -> list[int]:
        """Return positions in `photos`, those first that are originals most often.

        Copies have fewer metadata and fewer bytes. Few comparisons suffice if the first is right.
        """

        def rate(position: int) -> tuple[int, int, int]:
            photo = self._photos[position]
            facts = photo.facts
            metadata = facts.camera + facts.captured + facts.located
            size = 0 if photo.format in LOSSLESS else photo.file.size
            return -metadata, -size, position

        return sorted(range(len(self._photos)), key=rate)

    def score(self, first: int, second: int) -> float:
        """Return the log-odds that the second of two photos was made from the first."""
        a, b = self._photos[first], self._photos[second]
        return score_pair(self.find_evidence(a, b), a, b)

    def explain(self, first: Photo, second: Photo) -> tuple[tuple[str, float], ...]:
        """Return the log-odds of each kind of evidence that the second was made from the first."""
        evidence = self.find_evidence(first, second)
        return tuple(sum_groups(explain_score(evidence, first, second)).items())

    def find_evidence(self, first: Photo, second: Photo) -> Evidence | None:
        """Return the evidence on two photos; None if their pixels cannot be compared."""
        low, high = sorted((first, second), key=lambda photo: photo.digest)
        key = low.digest, high.digest
        if key not in self._evidence:
            self._evidence[key] = self._measure(low, high)
        evidence = self._evidence[key]
        return evidence.flip() if evidence and first is not low else evidence

    def breaks_beside(self, first: Photo, second: Photo) -> bool:
        """Return whether a photo is broken where another one of the same frame goes on.

        See `dedupe.provenance.damage.find_broken`; False if one of them cannot be read.
        """
        low, high = sorted((first, second), key=lambda photo: photo.digest)
        key, index = (low.digest, high.digest), self._remembered
        known = index.find_evidence(key, BREAK_VERSION, WHOLE_FRAME) if index else None
        if known is None:
            one, other = self._open(low), self._open(high)
            if one is None or other is None:
                return False
            known = find_broken(one.pixels, other.pixels)
            if index:
                index.remember_evidence(key, BREAK_VERSION, WHOLE_FRAME, known)
        return known == ("first" if first is low else "second")

    def _measure(self, low: Photo, high: Photo) -> Evidence | None:
        near = self._relate(low, high)
        key, index = (low.digest, high.digest), self._remembered
        if index and (known := index.find_evidence(key, EVIDENCE_VERSION, near)):
            return from_json(known)
        first, second = self._open(low), self._open(high)
        if first is None or second is None:
            return None
        evidence = compare(first, second, near)
        if index and evidence:
            index.remember_evidence(key, EVIDENCE_VERSION, near, evidence.to_json())
        return evidence

    def _relate(self, first: Photo, second: Photo) -> FrameMatrix:
        """Return the map from the frame of the second to that of the first."""
        a, b = (
            np.reshape(self._frames.get(photo.digest, WHOLE_FRAME), (3, 3))
            for photo in (first, second)
        )
        matrix: NDArray[np.float64] = np.linalg.inv(a) @ b
        return tuple(np.round(matrix / matrix[2, 2], 9).ravel().tolist())

    def _open(self, photo: Photo) -> Source | None:
        """Return a decoded photo; None if it cannot be read or has another content by now."""
        if photo.digest not in self._sources:
            self._sources[photo.digest] = self._read(photo)
            held = sum(s.pixels.size // 3 for s in self._sources.values() if s)
            while held > _HELD_PIXELS and len(self._sources) > 2:
                _, source = self._sources.popitem(last=False)
                held -= source.pixels.size // 3 if source else 0
        self._sources.move_to_end(photo.digest)
        return self._sources[photo.digest]

    def _read(self, photo: Photo) -> Source | None:
        try:
            return read_source(read_photo(photo), max_pixels=self._max_pixels)
        except Unreadable:
            return None
