"""Verify pairs of photos: read them, judge them in threads, remember the verdicts.

`judge` decides; this module knows the files and the index.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dedupe.decode.formats import DEFAULT_MAX_PIXELS
from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable, read
from dedupe.decode.thumbnail import make_thumbnail
from dedupe.files.digest import digest_bytes
from dedupe.index.embedding_index import Digests
from dedupe.index.protocol import Index
from dedupe.threads import map_threads
from dedupe.types import Photo, Verdict
from dedupe.verify.align import one_thread_each
from dedupe.verify.compose import Composer
from dedupe.verify.features import SIDE, Features
from dedupe.verify.judge import NOT_A_COPY, compare
from dedupe.verify.thumbnail import Thumbnail, judge_thumbnails, open_thumbnail

VERIFIER_VERSION = 8
"""Part of the key under which verdicts are remembered: raise it when a verdict may change."""

_LEADERS = 8  # contents that a content is compared with to find one of the same frame
_HELD_THUMBNAILS = 16384  # thumbnails that are kept, 20 kB each
_HELD = 2048  # pictures with features in memory, 0.15 MB each

_FINE_BYTES = 256 << 20  # pixels of photos that were read with every pixel

_T = TypeVar("_T")


def load_pixels(photo: Photo, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a photo at the size that `dedupe.verify.align` works at, its shape kept.

    Returns:
        (H, W, 3) RGB, the longer side `SIDE` pixels, or at most twice that, and every pixel.

    Raises:
        Unreadable: the file is gone, is no picture, or no longer has the photo's digest.
    """
    return decode_small(_read_content(photo), photo.width, photo.height, max_pixels=max_pixels)


def load_thumbnail(photo: Photo, *, side: int, max_pixels: int = DEFAULT_MAX_PIXELS) -> bytes:
    """Make the thumbnail of a photo from the square of `side` pixels that the encoder gets.

    Raises:
        Unreadable: the file is gone, is no picture, or no longer has the photo's digest.
    """
    pixels = decode(_read_content(photo), side=side, max_pixels=max_pixels).pixels
    return make_thumbnail(pixels)


def decode_small(
    data: bytes, width: int, height: int, *, max_pixels: int = DEFAULT_MAX_PIXELS
) -> NDArray[np.uint8]:
    """Decode a picture of `width` x `height` as `load_pixels` does a photo, (H, W, 3) RGB."""
    if max(width, height) <= 2 * SIDE:
        return decode(data, max_pixels=max_pixels).pixels
    picture = decode(data, side=SIDE, max_pixels=max_pixels)
    scale = SIDE / max(picture.width, picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return np.asarray(cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def load_every_pixel(photo: Photo, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a photo as (H, W, 3) RGB with every pixel.

    Raises:
        Unreadable: as `load_pixels` does.
    """
    return decode(_read_content(photo), max_pixels=max_pixels).pixels


def _read_content(photo: Photo) -> bytes:
    """Read the file of a photo, whose bytes must still have its digest; else raise Unreadable."""
    data = read(photo.path)
    if digest_bytes(data) != photo.digest:
        raise Unreadable("vanished", "another content is in its place")
    return data


def _content_pair(photos: Sequence[Photo], left: int, right: int) -> Digests:
    first, second = sorted((photos[left].digest, photos[right].digest))
    return first, second


def _compare_readable(first: Features, second: Features) -> Verdict | None:
    """Compare two pictures; None if a file can no longer be read."""
    try:
        return compare(first, second)
    except Unreadable:
        return None


class _FineCache:
    """The photos read last with every pixel, `_FINE_BYTES` at most. Safe to use from threads."""

    def __init__(self, load: Callable[[Photo], NDArray[np.uint8]]) -> None:
        """Start empty; `load` returns (H, W, 3) RGB with every pixel."""
        self._load = load
        self._lock = threading.Lock()
        self._pixels: OrderedDict[str, NDArray[np.uint8]] = OrderedDict()  # by digest
        self._bytes = 0

    def load(self, photo: Photo) -> NDArray[np.uint8]:
        """Return the pixels of a photo, (H, W, 3) RGB; raise Unreadable."""
        with self._lock:
            if photo.digest in self._pixels:
                self._pixels.move_to_end(photo.digest)
                return self._pixels[photo.digest]
        pixels = self._load(photo)
        with self._lock:
            if photo.digest not in self._pixels:
                self._pixels[photo.digest] = pixels
                self._bytes += pixels.nbytes
            while self._bytes > _FINE_BYTES and len(self._pixels) > 1:
                self._bytes -= self._pixels.popitem(last=False)[1].nbytes
        return pixels


class Verifier:
    """Judges pairs of photos, and keeps the features of those it saw last.

    A verdict does not depend on the number of workers. One that follows from two others can have
    another score or other words if an index contains more of them. An unreadable file has no copy.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        *,
        load: Callable[[Photo], NDArray[np.uint8]] = load_pixels,
        load_fine: Callable[[Photo], NDArray[np.uint8]] = load_every_pixel,
        workers: int | None = None,
        load_thumbnail: Callable[[Photo], bytes] | None = None,
        remembered: Index | None = None,
    ) -> None:
        """Prepare to judge rows of `photos`.

        Args:
            photos: what the rows are.
            load: returns a photo as (H, W, 3) RGB, the longer side `SIDE` pixels or more if the
                file has them; raises `dedupe.decode.read.Unreadable`. Called from several threads.
            load_fine: returns every pixel, (H, W, 3) RGB; raises and is called as `load`.
            workers: threads; None for one per core.
            load_thumbnail: makes the thumbnail of a photo that the index does not hold, see
                `dedupe.decode.thumbnail`; raises `Unreadable`. None to skip the level of
                thumbnails.
            remembered: index of verdicts, read and written; None for no index.
        """
        self._photos = photos
        self._load = load
        self._fine = _FineCache(load_fine)
        self._workers = workers or os.cpu_count() or 1
        self._remembered = remembered
        self._load_thumbnail = load_thumbnail
        self._thumbnails: OrderedDict[str, Thumbnail | None] = OrderedDict()  # None: unreadable
        self._composer = Composer()
        self._features: OrderedDict[str, Features | None] = OrderedDict()  # None: unreadable

    def judge(self, pairs: Sequence[tuple[int, int]]) -> list[Verdict]:
        """Return the verdict on each pair of rows, in order, its first row first.

        Holds the features of all of them at once: some hundred pairs a call are plenty.
        """
        index = self._remembered
        keys = [_content_pair(self._photos, *pair) for pair in pairs]
        verdicts = index.find_verdicts(keys, VERIFIER_VERSION) if index else {}
        self._composer.add(verdicts)
        new = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in verdicts}
        composed = {key: v for key in new if (v := self._composer.compose(key)) is not None}
        rest = {key: pair for key, pair in new.items() if key not in composed}
        fresh: dict[Digests, Verdict] = {}
        if rest:
            with one_thread_each():
                fresh = self._decide(rest)
        if index and (fresh or composed):
            index.remember_verdicts(fresh | composed, VERIFIER_VERSION)
        verdicts |= fresh | composed
        oriented = []
        for key, (left, _) in zip(keys, pairs, strict=True):
            verdict = verdicts.get(key, NOT_A_COPY)
            oriented.append(verdict if self._photos[left].digest == key[0] else verdict.flip())
        return oriented

    def _decide(self, pairs: Mapping[Digests, tuple[int, int]]) -> dict[Digests, Verdict]:
        """Return the verdicts on pairs that do not follow from others, level by level.

        One of the contents that thumbnails show to be one frame is compared by its pixels; what
        that finds is composed for the others.
        """
        decided = self._compare_thumbnails(pairs)
        self._composer.add(decided)
        rest = {key: pair for key, pair in pairs.items() if key not in decided}
        leaders = self._choose_leaders(rest)
        for batch in (leaders, [key for key in rest if key not in leaders]):
            composed = {key: v for key in batch if (v := self._composer.compose(key)) is not None}
            compared = self._compare({key: rest[key] for key in batch if key not in composed})
            self._composer.add(compared)
            decided |= composed | compared
        return decided

    def _choose_leaders(self, pairs: Mapping[Digests, tuple[int, int]]) -> set[Digests]:
        """Return the pairs to compare first, and give the composer those that are like them.

        A pair follows another one if both share a content and thumbnails show the other two
        contents to be copies. It also follows a pair that was a copy before.
        """
        leaders: set[Digests] = set()
        leading: dict[str, list[str]] = {}  # by content: the other contents of its leading pairs
        for key in pairs:
            for hub, leaf in (key, key[::-1]):
                others = self._composer.list_copies(hub)[:_LEADERS] + leading.get(hub, [])
                if any(self._is_one_frame(leaf, other) for other in others[:_LEADERS]):
                    break
            else:
                leaders.add(key)
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

    def _compare_thumbnails(
        self, pairs: Mapping[Digests, tuple[int, int]]
    ) -> dict[Digests, Verdict]:
        """Return the verdicts on the pairs that thumbnails decide."""
        if self._load_thumbnail is None:
            return {}
        rows = {self._photos[row].digest: row for pair in pairs.values() for row in pair}
        self._read_thumbnails(rows)
        known = self._thumbnails
        ready = [(key, a, b) for key in pairs if (a := known[key[0]]) and (b := known[key[1]])]
        verdicts = [judge_thumbnails(first, second) for _, first, second in ready]
        while len(known) > _HELD_THUMBNAILS:
            known.popitem(last=False)
        return {key: v for (key, _, _), v in zip(ready, verdicts, strict=True) if v is not None}

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

    def _compare(self, pairs: Mapping[Digests, tuple[int, int]]) -> dict[Digests, Verdict]:
        """Compare the pairs that can be read, the one with the lower digest first."""
        rows = {self._photos[row].digest: row for pair in pairs.values() for row in pair}
        self._read_all(rows)
        ready = [
            (key, first, second)
            for key in pairs
            if (first := self._features[key[0]]) and (second := self._features[key[1]])
        ]
        verdicts = self._run(_compare_readable, ((first, second) for _, first, second in ready))
        while len(self._features) > _HELD:
            self._features.popitem(last=False)
        judged = zip((key for key, _, _ in ready), verdicts, strict=True)
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
            load_fine = functools.partial(self._fine.load, photo)
            return Features(self._load(photo), load_fine=load_fine)
        except Unreadable:
            return None

    def _run(self, work: Callable[..., _T], calls: Iterable[tuple[object, ...]]) -> list[_T]:
        return list(map_threads(lambda call: work(*call), calls, workers=self._workers))
