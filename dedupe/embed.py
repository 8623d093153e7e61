"""Files to contents: read, decode and embed the files that the index does not contain.

Worker threads read and decode. A worker that completes a batch of pictures embeds it, while the
others go on decoding. Identical bytes are embedded once; each batch is written to the index.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dedupe.decode.formats import DEFAULT_MAX_PIXELS, sniff
from dedupe.decode.frames import read_frames
from dedupe.decode.image import Picture, decode
from dedupe.decode.memory import FILES
from dedupe.decode.panels import Panel, cut_panels
from dedupe.decode.read import Unreadable, read
from dedupe.decode.thumbnail import make_thumbnail
from dedupe.encoder.manifest import Encoder, Manifest
from dedupe.files import digest
from dedupe.files.remote import find_file, is_url
from dedupe.index.embedding_index import Content
from dedupe.index.protocol import Index
from dedupe.index.rows import join_panels, split_panels
from dedupe.low_detail import MIN_DETAIL, measure_detail
from dedupe.threads import count_workers, map_threads
from dedupe.types import Contents, ImageFile, Panels, Photo, Progress, Skipped, no_progress

CHANGED = "changed while it was read"
_MAX_WAITING = 512  # pictures that may wait for the encoder to open: 25 MB at 128 pixels
_AHEAD = 512  # files for each thread that are read while the oldest one waits for its batch
_WRITTEN = 128  # files stored in one transaction, if no batch is complete before

Outcome = str | Skipped
"""The digest of a file that was read, or why it was not."""

Decoded = tuple[Picture, tuple[Panel, ...]]
Loaded = Decoded | Content | Skipped | None
"""A picture to embed, a stored content, why the bytes cannot be decoded, or None if another file
with the same bytes passes the content."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The contents of files, and the files that could not be used."""

    contents: Contents
    skipped: tuple[Skipped, ...]  # in the order of the files
    reused: int = 0  # files that came from the index without being decoded


def embed_files(
    files: Sequence[ImageFile],
    *,
    manifest: Manifest,
    open_encoder: Callable[[], Encoder],
    index: Index | None = None,
    workers: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    on_progress: Progress = no_progress,
) -> Embedded:
    """Embed every readable file, and collapse files with the same bytes to one content.

    The result (but for `reused`) does not depend on `workers`, on the state of the index, or on
    the order in which threads finish.

    Args:
        files: what to embed; contents come in the order of their first files.
        manifest: of the encoder.
        open_encoder: called at most once, in a thread of its own, when a picture was decoded. The
            `embed` of the encoder is called from several threads at once.
        index: where embeddings are read and written; None for none.
        workers: threads; None for one per core.
        max_pixels: images with more are skipped; 0 for no limit.
        on_progress: called as ("embed", files just stored or skipped, files in all).

    Raises:
        IndexFileError: the index cannot be read or written.
        EncoderError: the encoder cannot be opened or fails.
    """
    stored = select_fitting(index.find_files(files), max_pixels) if index else {}
    on_progress("embed", len(stored), len(files))
    outcomes: dict[str, Outcome] = {path: content.digest for path, content in stored.items()}
    contents: dict[str, Content | Skipped] = {c.digest: c for c in stored.values()}
    fresh = [file for file in files if file.path not in stored]
    if fresh:
        with _Embedder(open_encoder, index) as embedder:
            loader = _Loader(embedder, index, manifest.side, max_pixels)
            loaded = map_threads(loader.load, fresh, workers=workers, ahead=_AHEAD)
            reported = skipped = 0
            with contextlib.closing(loaded):  # no thread outlives this call
                for file, outcome in zip(fresh, loaded, strict=True):
                    outcomes[file.path] = outcome
                    skipped += isinstance(outcome, Skipped)
                    finished = skipped + embedder.finished
                    if finished > reported:
                        on_progress("embed", finished - reported, len(files))
                        reported = finished
            embedder.finish(count_workers(workers))
            on_progress("embed", len(fresh) - reported, len(files))
        contents |= embedder.contents
    return collapse(files, outcomes, contents, manifest.dimension, reused=len(stored))


def select_fitting(stored: Mapping[str, Content], max_pixels: int) -> dict[str, Content]:
    """Return the stored contents that are not too large, by path; the others are read again."""
    return {path: content for path, content in stored.items() if _fits(content, max_pixels)}


def _fits(content: Content, max_pixels: int) -> bool:
    return max_pixels <= 0 or content.width * content.height <= max_pixels


def collapse(
    files: Sequence[ImageFile],
    outcomes: Mapping[str, Outcome],
    contents: Mapping[str, Content | Skipped],
    dimension: int,
    *,
    reused: int,
) -> Embedded:
    """Collect the files of each content, in the order of the files.

    Args:
        files: all files.
        outcomes: of each file, by path.
        contents: by digest; Skipped if its pixels cannot be decoded.
        dimension: of a vector.
        reused: files that came from the index.
    """
    rows: dict[str, int] = {}  # by digest
    found: list[Content] = []
    photos: list[list[Photo]] = []
    skipped: list[Skipped] = []
    for file in files:
        outcome = outcomes[file.path]
        content = outcome if isinstance(outcome, Skipped) else contents[outcome]
        if isinstance(content, Skipped):
            skipped.append(replace(content, path=file.path))
            continue
        row = rows.setdefault(content.digest, len(rows))
        if row == len(found):
            found.append(content)
            photos.append([])
        c = found[row]
        photos[row].append(Photo(file, c.width, c.height, c.format, c.digest, c.facts))
    vectors = np.empty((len(found), dimension), np.float32)
    for row, content in enumerate(found):
        vectors[row] = content.vector
    collapsed = Contents(
        digests=tuple(rows),
        vectors=vectors,
        photos=tuple(map(tuple, photos)),
        low_detail=np.array([content.detail < MIN_DETAIL for content in found], bool),
        protected=np.zeros(len(found), np.int64),
        panels=_collect_panels(found, dimension),
    )
    return Embedded(collapsed, tuple(skipped), reused)


def _collect_panels(contents: Sequence[Content], dimension: int) -> Panels | None:
    """Return the panels of contents; None if they have none."""
    rows = [row for row, content in enumerate(contents) if content.panels]
    if not rows:
        return None
    parts = [split_panels(contents[row].panels, dimension) for row in rows]
    return Panels(
        np.repeat(np.array(rows, np.int64), [len(boxes) for boxes, _ in parts]),
        np.concatenate([boxes for boxes, _ in parts]),
        np.concatenate([vectors for _, vectors in parts]),
    )


class _Loader:
    """Reads and decodes one file; used from many threads at once."""

    def __init__(
        self, embedder: _Embedder, index: Index | None, side: int, max_pixels: int
    ) -> None:
        self._embedder = embedder
        self._index = index
        self._side = side
        self._max_pixels = max_pixels
        self._claims: dict[str, str] = {}  # digest -> path of the file that decodes it

    def load(self, file: ImageFile) -> Outcome:
        """Return the digest of a file, and pass its content to the embedder."""
        with FILES.reserve(min(file.size, FILES.total), file.path):
            item = self._read(file)
        if isinstance(item, Skipped):
            return item
        name, content = item
        self._embedder.add(file, name, content)
        return name

    def _read(self, file: ImageFile) -> Skipped | tuple[str, Loaded]:
        try:
            data = read(file.path, check=sniff)
        except Unreadable as trouble:
            return Skipped(file.path, trouble.reason, trouble.detail)
        if not _is_unchanged(file):
            return Skipped(file.path, CHANGED)
        name = digest.digest_bytes(data)
        if self._claims.setdefault(name, file.path) != file.path:
            return name, None
        stored = self._index.find_content(name) if self._index else None
        if stored is not None and _fits(stored, self._max_pixels):
            return name, stored
        try:
            picture = decode(data, side=self._side, max_pixels=self._max_pixels)
            if picture.facts.frames > 1 or measure_detail(picture.pixels) < MIN_DETAIL:
                frames = read_frames(data)
                facts = replace(picture.facts, pixels=frames.digest, motion=frames.motion)
                return name, (replace(picture, facts=facts), ())
            return name, (picture, cut_panels(data, picture, max_pixels=self._max_pixels))
        except Unreadable as trouble:  # its traceback keeps the bytes of the file alive
            return name, Skipped(file.path, trouble.reason, trouble.detail)


def _is_unchanged(file: ImageFile) -> bool:
    """Return whether a file is as the walk found it, so that the index may be keyed by it."""
    try:
        if is_url(file.path):
            found = find_file(file.path)
            return (found.size, found.mtime_ns, found.version) == (
                *(file.size, file.mtime_ns, file.inode),
            )
        now = os.stat(file.path)
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (file.size, file.mtime_ns)


@dataclass(slots=True, eq=False)
class _Unfinished:
    """A picture and its panels on their way to vectors."""

    name: str  # content digest
    picture: Picture
    panels: tuple[Panel, ...]
    vectors: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    """By position: that of the whole picture at 0, those of the panels behind it."""

    @property
    def squares(self) -> int:
        """Return the number of vectors to compute."""
        return 1 + len(self.panels)

    def finish(self, *, has_index: bool) -> Content:
        """Return the content of all vectors, with a thumbnail if an index will store it."""
        p = self.picture
        panels = b""
        if self.panels:
            boxes = np.array([panel.box for panel in self.panels], np.float32)
            vectors = np.stack([self.vectors[at] for at in range(1, self.squares)])
            panels = join_panels(boxes, vectors)
        return Content(
            *(self.name, p.width, p.height, p.format, measure_detail(p.pixels), self.vectors[0]),
            facts=p.facts,
            panels=panels,
            thumbnail=make_thumbnail(p.pixels) if has_index else b"",
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Square:
    """One square to embed: a whole picture, or one of its panels."""

    picture: _Unfinished
    position: int

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """Return (side, side, 3) RGB."""
        if self.position == 0:
            return self.picture.picture.pixels
        return self.picture.panels[self.position - 1].pixels


class _Embedder:
    """Collects decoded pictures into batches, and embeds and stores each full batch.

    The thread that completes a batch embeds it.
    """

    def __init__(self, open_encoder: Callable[[], Encoder], index: Index | None) -> None:
        self.contents: dict[str, Content | Skipped] = {}  # by digest
        self.finished = 0  # files with a content, stored if there is an index
        self._open_encoder = open_encoder
        self._index = index
        self._lock = threading.Lock()  # guards what follows
        self._squares: list[_Square] = []  # to embed
        self._unwritten: list[tuple[ImageFile, str]] = []  # files that are not finished
        self._write_at = _WRITTEN
        self._opening: Future[Encoder] | None = None
        self._opener = ThreadPoolExecutor(1)

    def __enter__(self) -> _Embedder:
        return self

    def __exit__(self, *_: object) -> None:
        self._opener.shutdown()

    def add(self, file: ImageFile, name: str, loaded: Loaded) -> None:
        """Add a file, and embed a batch or store a group of files if there are enough.

        Args:
            file: the file.
            name: its content digest.
            loaded: its content, as far as this file passes it.
        """
        with self._lock:
            self._unwritten.append((file, name))
            if isinstance(loaded, tuple):
                picture = _Unfinished(name, *loaded)
                self._squares += [_Square(picture, at) for at in range(picture.squares)]
                if self._opening is None:
                    self._opening = self._opener.submit(self._open_encoder)
            elif loaded is not None:
                self.contents[name] = loaded
            opening, is_due = self._opening, len(self._unwritten) >= self._write_at
            may_wait = len(self._squares) < _MAX_WAITING
        if isinstance(loaded, tuple) and opening and (opening.done() or not may_wait):
            encoder = opening.result()
            if batch := self._take(encoder.batch_size, least=encoder.batch_size):
                self._embed(encoder, batch)
        elif is_due:
            self._write()

    def finish(self, workers: int) -> None:
        """Embed the pictures that are left, and store all files."""
        if self._opening is not None:
            encoder = self._opening.result()

            def batches() -> Iterator[list[_Square]]:
                while batch := self._take(encoder.batch_size):
                    yield batch

            for _ in map_threads(lambda b: self._embed(encoder, b), batches(), workers=workers):
                pass
        self._write()

    def _take(self, size: int, *, least: int = 1) -> list[_Square]:
        """Remove and return up to `size` squares; none if there are fewer than `least`."""
        with self._lock:
            if len(self._squares) < least:
                return []
            batch, self._squares = self._squares[:size], self._squares[size:]
        return batch

    def _embed(self, encoder: Encoder, batch: Sequence[_Square]) -> None:
        vectors = encoder.embed(np.stack([square.pixels for square in batch]))
        complete = []
        with self._lock:
            for square, vector in zip(batch, vectors, strict=True):
                square.picture.vectors[square.position] = vector
                if len(square.picture.vectors) == square.picture.squares:
                    complete.append(square.picture)
        for picture in complete:
            self.contents[picture.name] = picture.finish(has_index=self._index is not None)
        self._write()

    def _write(self) -> None:
        """Store the files with a known content in the index, and count them as finished."""
        with self._lock:
            ready: list[tuple[ImageFile, Content]] = []
            waiting: list[tuple[ImageFile, str]] = []
            for file, name in self._unwritten:
                content = self.contents.get(name)
                if content is None:
                    waiting.append((file, name))
                elif isinstance(content, Content):
                    ready.append((file, content))
            settled = len(self._unwritten) - len(waiting)
            self._unwritten = waiting
            self._write_at = len(waiting) + _WRITTEN
        if self._index is not None and ready:
            self._index.remember(ready)
        for _, content in ready:
            if content.thumbnail:  # it is in the index; here it only takes memory
                self.contents[content.digest] = replace(content, thumbnail=b"")
        with self._lock:
            self.finished += settled
