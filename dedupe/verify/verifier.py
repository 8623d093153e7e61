"""Verify pairs of photos: read them, judge them in threads, remember the verdicts.

`cascade` decides a pair; this module knows the files, the index and other pairs.
"""

from __future__ import annotations

import copy
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dedupe.decode.read import Unreadable
from dedupe.index.embedding_index import Digests
from dedupe.index.protocol import Index
from dedupe.threads import map_threads
from dedupe.types import Photo, Verdict
from dedupe.verify.align import one_thread_each
from dedupe.verify.cascade import CHEAP, DEAR, Case, Picture, run_levels
from dedupe.verify.compose import Composer
from dedupe.verify.features import Features
from dedupe.verify.judge import NOT_A_COPY
from dedupe.verify.load import FineCache, load_every_pixel, load_pixels
from dedupe.verify.thumbnail import Thumbnail, judge_thumbnails, open_thumbnail

VERIFIER_VERSION = 15
"""Part of the key under which verdicts are remembered: raise it when a verdict may change."""

_LEADERS = 8  # contents that a content is compared with to find one of the same frame
_HELD_THUMBNAILS = 4096  # thumbnails with sketches that are kept, 75 kB each at most
_HELD = 1024  # pictures with features in memory, 0.3 MB each at most

_T = TypeVar("_T")


def _content_pair(photos: Sequence[Photo], left: int, right: int) -> Digests:
    first, second = sorted((photos[left].digest, photos[right].digest))
    return first, second


class Verifier:
    """Judges pairs of photos, and keeps the features of those it saw last.

    A verdict does not depend on the number of workers, nor on what else an index contains: only
    verdicts that rest on two contents alone are remembered; what follows from others is composed
    anew. An unreadable file has no copy.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        *,
        load: Callable[[Photo], NDArray[np.uint8]] = load_pixels,
        load_fine: Callable[[Photo], NDArray[np.uint8]] = load_every_pixel,
        workers: int | None = None,
        load_thumbnail: Callable[[Photo], bytes] | None = None,
        vectors: NDArray[np.float32] | None = None,
        remembered: Index | None = None,
    ) -> None:
        """Prepare to judge rows of `photos`.

        Args:
            photos: what the rows are.
            load: returns a photo as (H, W, 3) RGB, the longer side `features.SIDE` pixels or more
                if the file has them; raises `dedupe.decode.read.Unreadable`. Called from several
                threads.
            load_fine: returns every pixel, (H, W, 3) RGB; raises and is called as `load`.
            workers: threads; None for one per core.
            load_thumbnail: makes the thumbnail of a photo that the index does not hold, see
                `dedupe.decode.thumbnail`; raises `Unreadable`. None to skip the levels that need
                thumbnails.
            vectors: (U, D) embeddings, each row of norm 1; None to refuse nothing by distance.
            remembered: index of verdicts, read and written; None for no index.
        """
        self._photos = photos
        self._load = load
        self._fine = FineCache(load_fine)
        self._workers = workers or os.cpu_count() or 1
        self._remembered = remembered
        self._load_thumbnail = load_thumbnail
        self._vectors = vectors
        self._thumbnails: OrderedDict[str, Thumbnail | None] = OrderedDict()  # None: unreadable
        self._composer = Composer()
        self._features: OrderedDict[str, Features | None] = OrderedDict()  # None: unreadable

    def judge(self, pairs: Sequence[tuple[int, int]]) -> list[Verdict]:
        """Return the verdict on each pair of rows, in order, its first row first.

        Holds the features of all of them at once: some hundred pairs a call are plenty.
        """
        keys = [_content_pair(self._photos, *pair) for pair in pairs]
        stored = self._remembered.find_verdicts(keys, VERIFIER_VERSION) if self._remembered else {}
        verdicts: dict[Digests, Verdict] = {}
        if keys:
            with one_thread_each():
                verdicts = self._decide(dict(zip(keys, pairs, strict=True)), stored)
        oriented = []
        for key, (left, _) in zip(keys, pairs, strict=True):
            verdict = verdicts.get(key, NOT_A_COPY)
            oriented.append(verdict if self._photos[left].digest == key[0] else verdict.flip())
        return oriented

    def isolate(
        self, known: Mapping[tuple[int, int], Verdict]
    ) -> Callable[[Sequence[tuple[int, int]]], list[Verdict]]:
        """Return a judge whose verdicts depend on the given pairs and known verdicts alone.

        Args:
            known: verdicts on pairs of rows, its first row first, that may be composed.
        """
        alone = copy.copy(self)
        alone._composer, alone._thumbnails = Composer(), OrderedDict()
        for pair, verdict in known.items():
            key = _content_pair(self._photos, *pair)
            is_sorted = self._photos[pair[0]].digest == key[0]
            alone._composer.add({key: verdict if is_sorted else verdict.flip()})
        return alone.judge

    def _decide(
        self, pairs: Mapping[Digests, tuple[int, int]], stored: Mapping[Digests, Verdict]
    ) -> dict[Digests, Verdict]:
        """Return the verdicts on pairs: composed, by the cheap levels, then by the dear ones.

        One of the contents that thumbnails show to be one frame is compared by its pixels; what
        that finds is composed for the others. Stored verdicts save work and change nothing.
        """
        decided = self._compose(pairs)
        rest = {key: pair for key, pair in pairs.items() if key not in decided}
        cheap = self._run_cheap(rest, stored)
        self._composer.add(cheap)
        fresh = dict(cheap)
        rest = {key: pair for key, pair in rest.items() if key not in cheap}
        leaders = self._choose_leaders(rest)
        first = frozenset(leaders)
        for batch in (leaders, [key for key in rest if key not in first]):
            composed = self._compose(batch)
            some = {key: rest[key] for key in batch if key not in composed}
            compared = {key: stored[key] for key in some if key in stored}
            compared |= self._run_dear({k: pair for k, pair in some.items() if k not in compared})
            self._composer.add(compared)
            decided |= composed
            fresh |= compared
        new = {key: verdict for key, verdict in fresh.items() if key not in stored}
        if self._remembered and new:
            self._remembered.remember_verdicts(new, VERIFIER_VERSION)
        return decided | fresh

    def _compose(self, keys: Iterable[Digests]) -> dict[Digests, Verdict]:
        """Return the verdicts that follow from those of earlier pairs."""
        return {key: v for key in keys if (v := self._composer.compose(key)) is not None}

    def _choose_leaders(self, pairs: Mapping[Digests, tuple[int, int]]) -> list[Digests]:
        """Return the pairs to compare first, and give the composer those that are like them.

        A pair follows another one if both share a content and thumbnails show the other two
        contents to be copies. It also follows a pair that was a copy before.
        """
        leaders: list[Digests] = []
        leading: dict[str, list[str]] = {}  # by content: the other contents of its leading pairs
        for key in pairs:
            for hub, leaf in (key, key[::-1]):
                others = self._composer.list_copies(hub)[:_LEADERS] + leading.get(hub, [])
                if any(self._is_one_frame(leaf, other) for other in others[:_LEADERS]):
                    break
            else:
                leaders.append(key)
                for hub, leaf in (key, key[::-1]):
                    leading.setdefault(hub, []).append(leaf)
        return leaders

    def _is_one_frame(self, leaf: str, other: str) -> bool:
        """Return whether thumbnails accept two contents, and give the composer the verdict."""
        one, two = sorted((leaf, other))
        first, second = self._thumbnails.get(one), self._thumbnails.get(two)
        if one == two or first is None or second is None:
            return False
        verdict = judge_thumbnails(first, second)
        if verdict is None or not verdict.is_copy:
            return False
        self._composer.add({(one, two): verdict})
        return True

    def _run_cheap(
        self, pairs: Mapping[Digests, tuple[int, int]], stored: Mapping[Digests, Verdict]
    ) -> dict[Digests, Verdict]:
        """Return the verdicts on the pairs that need no file to be read."""
        found = {key: stored[key] for key in pairs if key in stored and stored[key].level in CHEAP}
        if self._load_thumbnail is None:
            return found
        rest = {key: pair for key, pair in pairs.items() if key not in found}
        self._read_thumbnails({self._photos[row].digest: row for p in rest.values() for row in p})
        known = self._thumbnails
        for key, (left, right) in rest.items():
            first, second = known[key[0]], known[key[1]]
            if key in stored or first is None or second is None:
                continue
            distance = self._measure_distance(left, right)
            case = Case(Picture(_load_nothing, first), Picture(_load_nothing, second), distance)
            decided = run_levels(case, CHEAP.values())
            if decided is not None:
                found[key] = decided.verdict
        while len(known) > _HELD_THUMBNAILS:
            known.popitem(last=False)
        return found

    def _measure_distance(self, left: int, right: int) -> float:
        """Return the distance of two embeddings, in [0, 2], as a report rounds it."""
        if self._vectors is None:
            return 0.0
        gap = self._vectors[left].astype(np.float64) - self._vectors[right]
        return round(float(np.sqrt(gap @ gap)), 6)

    def _read_thumbnails(self, rows: Mapping[str, int]) -> None:
        """Make sure that the thumbnails of rows are at hand, by digest."""
        missing = [digest for digest in rows if digest not in self._thumbnails]
        stored = self._remembered.find_thumbnails(missing) if self._remembered else {}
        unread = [digest for digest in missing if digest not in stored]
        made = self._run(self._make_thumbnail, ((self._photos[rows[d]],) for d in unread))
        stored |= dict(zip(unread, made, strict=True))
        for digest in missing:
            photo, data = self._photos[rows[digest]], stored[digest]
            size = photo.width, photo.height
            self._thumbnails[digest] = open_thumbnail(data, size) if data else None
        for digest in rows:
            self._thumbnails.move_to_end(digest)

    def _make_thumbnail(self, photo: Photo) -> bytes:
        assert self._load_thumbnail is not None
        try:
            return self._load_thumbnail(photo)
        except Unreadable:
            return b""

    def _open_case(self, pair: tuple[int, int], first: Features, second: Features) -> Case:
        """Return a pair for the dear levels; `first` is that of the lower digest."""
        digests = _content_pair(self._photos, *pair)
        one, two = (
            Picture(partial(_same, features), self._thumbnails.get(digest))
            for digest, features in zip(digests, (first, second), strict=True)
        )
        return Case(one, two, self._measure_distance(*pair))

    def _run_dear(self, pairs: Mapping[Digests, tuple[int, int]]) -> dict[Digests, Verdict]:
        """Compare the pairs that can be read, the one with the lower digest first."""
        self._read_all({self._photos[row].digest: row for pair in pairs.values() for row in pair})
        ready = [
            (key, self._open_case(pair, first, second))
            for key, pair in pairs.items()
            if (first := self._features[key[0]]) and (second := self._features[key[1]])
        ]
        verdicts = self._run(_compare_readable, ((case,) for _, case in ready))
        while len(self._features) > _HELD:
            self._features.popitem(last=False)
        judged = zip((key for key, _ in ready), verdicts, strict=True)
        return {key: verdict for key, verdict in judged if verdict is not None}

    def _read_all(self, rows: Mapping[str, int]) -> None:
        """Make sure that the rows' features are at hand, by digest."""
        fresh = {digest: row for digest, row in rows.items() if digest not in self._features}
        found = self._run(self._read, ((self._photos[row],) for row in fresh.values()))
        self._features.update(zip(fresh, found, strict=True))
        for digest in rows:
            self._features.move_to_end(digest)

    def _read(self, photo: Photo) -> Features | None:
        try:
            load_fine = partial(self._fine.load, photo)
            return Features(self._load(photo), load_fine=load_fine)
        except Unreadable:
            return None

    def _run(self, work: Callable[..., _T], calls: Iterable[tuple[object, ...]]) -> list[_T]:
        return list(map_threads(lambda call: work(*call), calls, workers=self._workers))


def _compare_readable(case: Case) -> Verdict | None:
    """Return the verdict by the levels that read files; None if one can no longer be read."""
    try:
        found = run_levels(case, DEAR.values())
    except Unreadable:
        return None
    return (found or case.best).verdict


def _same(features: Features) -> Features:
    return features


def _load_nothing() -> Features:
    raise AssertionError("a level before the pixels reads no file")
