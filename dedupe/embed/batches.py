"""Collect decoded pictures into batches, embed each, and write it to the index. Reads no file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dedupe.decode.image import Picture
from dedupe.decode.panels import Panel
from dedupe.decode.thumbnail import make_thumbnail
from dedupe.encoder.manifest import Encoder
from dedupe.index.embedding_index import Content
from dedupe.index.protocol import Index
from dedupe.index.rows import join_panels
from dedupe.low_detail import measure_detail
from dedupe.threads import map_threads
from dedupe.types import ImageFile, Skipped

_MAX_WAITING = 512  # pictures that may wait for the encoder to open: 25 MB at 128 pixels
_WRITTEN = 128  # files stored in one transaction, if no batch is complete before

Decoded = tuple[Picture, tuple[Panel, ...]]
Loaded = Decoded | Content | Skipped | None
"""A picture to embed, a stored content, why the bytes cannot be decoded, or None if another file
with the same bytes passes the content."""


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


class Embedder:
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

    def __enter__(self) -> Embedder:
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
