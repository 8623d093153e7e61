"""From files to embeddings: read, decode and embed what the index does not know.

Threads read and decode one chunk of files while the encoder works on the chunk before. Identical
bytes are embedded once. Every finished chunk is written to the index, so a scan that is stopped
goes on where it was. One bad file costs itself only.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import joblib
import numpy as np

from dedupe.decode.formats import DEFAULT_MAX_PIXELS, sniff
from dedupe.decode.frames import digest_frames
from dedupe.decode.image import Picture, decode
from dedupe.decode.memory import FILES
from dedupe.decode.read import Unreadable, read
from dedupe.decode.thumbnail import make_thumbnail
from dedupe.encoder.manifest import Encoder, Manifest
from dedupe.files import digest
from dedupe.index.embedding_index import Content, EmbeddingIndex
from dedupe.low_detail import MIN_DETAIL, measure_detail
from dedupe.types import Contents, ImageFile, Photo, Progress, Skipped, no_progress

CHANGED = "changed while it was read"
_CHUNK = 128  # files decoded ahead of the encoder; bounds memory, and what a kill can cost


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The contents of files, and the files that could not be used."""

    contents: Contents
    skipped: tuple[Skipped, ...]  # in the order of the files
    reused: int = 0  # files that came from the index without being decoded


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """A file that was read.

    At most one of `content`, `picture` and `trouble` is set; none if another file already decodes
    the same bytes.
    """

    file: ImageFile
    digest: str
    content: Content | None = None  # from the index
    picture: Picture | None = None  # to embed
    trouble: Skipped | None = None  # not the exception: its traceback keeps the file's bytes alive


def embed_files(
    files: Sequence[ImageFile],
    *,
    manifest: Manifest,
    open_encoder: Callable[[], Encoder],
    index: EmbeddingIndex | None = None,
    workers: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    on_progress: Progress = no_progress,
) -> Embedded:
    """Embed every readable file, and collapse files with the same bytes to one content.

    The result (but for `reused`) does not depend on `workers`, on what the index already holds, or
    on the order in which threads finish.

    Args:
        files: what to embed; contents come in the order of their first files.
        manifest: of the encoder.
        open_encoder: called at most once, when the first picture is there to be embedded.
        index: where embeddings are looked up and remembered; None to do without.
        workers: decoding threads; None for one per core.
        max_pixels: images with more are skipped; 0 for no limit.
        on_progress: called as ("embed", files just finished or skipped, files in all).

    Raises:
        IndexFileError: the index cannot be read or written.
        EncoderError: the encoder cannot be opened or fails.
    """
    known = _look_up(files, index, max_pixels)
    on_progress("embed", len(known), len(files))
    fresh = [file for file in files if file.path not in known]
    skipped: dict[str, Skipped] = {}
    if fresh:
        loader = _Loader(index, manifest.side, max_pixels)
        embedder = _Embedder(open_encoder, index)
        chunks = _work_ahead(fresh, loader, embedder, workers or os.cpu_count() or 1)
        with contextlib.closing(chunks):  # no thread outlives this call
            for chunk in chunks:
                for item in chunk:
                    if isinstance(item, Skipped):
                        skipped[item.path] = item
                    else:
                        known[item[0].path] = item[1]
                on_progress("embed", len(chunk), len(files))
    return Embedded(
        contents=_collapse(files, known, manifest.dimension),
        skipped=tuple(skipped[file.path] for file in files if file.path in skipped),
        reused=len(files) - len(fresh),
    )


def _collapse(files: Sequence[ImageFile], known: Mapping[str, Content], dimension: int) -> Contents:
    """Return the contents of the files that are known by path, in the order of the files."""
    rows: dict[str, int] = {}  # by digest
    contents: list[Content] = []
    photos: list[list[Photo]] = []
    for file in files:
        content = known.get(file.path)
        if content is None:
            continue
        row = rows.setdefault(content.digest, len(rows))
        if row == len(contents):
            contents.append(content)
            photos.append([])
        photos[row].append(_photo(file, content))
    vectors = np.empty((len(contents), dimension), np.float32)
    for row, content in enumerate(contents):
        vectors[row] = content.vector
    return Contents(
        digests=tuple(rows),
        vectors=vectors,
        photos=tuple(map(tuple, photos)),
        low_detail=np.array([content.detail < MIN_DETAIL for content in contents], bool),
        protected=np.zeros(len(contents), np.int64),
    )


def _look_up(
    files: Sequence[ImageFile], index: EmbeddingIndex | None, max_pixels: int
) -> dict[str, Content]:
    """Return what the index knows of the files, by path; what is too large now is read again."""
    known = index.find_files(files) if index else {}
    return {path: content for path, content in known.items() if _fits(content, max_pixels)}


def _fits(content: Content, max_pixels: int) -> bool:
    return max_pixels <= 0 or content.width * content.height <= max_pixels


def _photo(file: ImageFile, content: Content) -> Photo:
    return Photo(file, content.width, content.height, content.format, content.digest, content.facts)


_Finished = list[Skipped | tuple[ImageFile, Content]]


def _work_ahead(
    files: Sequence[ImageFile], loader: _Loader, embedder: _Embedder, workers: int
) -> Generator[_Finished]:
    """Yield finished chunks; the next one is decoded while the encoder has this one."""
    load = joblib.delayed(loader.load)
    with (
        ThreadPoolExecutor(1) as device,
        joblib.Parallel(workers, backend="threading") as parallel,
    ):
        waiting = None
        for start in range(0, len(files), _CHUNK):
            loaded = parallel(load(file) for file in files[start : start + _CHUNK])
            embedder.prepare(loaded)
            if waiting is not None:
                yield waiting.result()
            waiting = device.submit(embedder.embed, loaded)
        if waiting is not None:
            yield waiting.result()


class _Loader:
    """Reads and decodes one file; used from many threads at once."""

    def __init__(self, index: EmbeddingIndex | None, side: int, max_pixels: int) -> None:
        self._index = index
        self._side = side
        self._max_pixels = max_pixels
        self._claims: dict[str, str] = {}  # digest -> path of the file that decodes it

    def load(self, file: ImageFile) -> _Read | Skipped:
        with FILES.reserve(min(file.size, FILES.total), file.path):
            return self._load(file)

    def _load(self, file: ImageFile) -> _Read | Skipped:
        try:
            data = read(file.path, check=sniff)
        except Unreadable as trouble:
            return Skipped(file.path, trouble.reason, trouble.detail)
        if not _unchanged(file):
            return Skipped(file.path, CHANGED)
        name = digest.digest_bytes(data)
        if self._claims.setdefault(name, file.path) != file.path:
            return _Read(file, name)
        content = self._index.find_content(name) if self._index else None
        if content is not None and _fits(content, self._max_pixels):
            return _Read(file, name, content=content)
        try:
            picture = decode(data, side=self._side, max_pixels=self._max_pixels)
            if picture.facts.frames > 1 or measure_detail(picture.pixels) < MIN_DETAIL:
                facts = replace(picture.facts, pixels=digest_frames(data))
                picture = replace(picture, facts=facts)
        except Unreadable as trouble:
            return _Read(file, name, trouble=Skipped(file.path, trouble.reason, trouble.detail))
        return _Read(file, name, picture=picture)


def _unchanged(file: ImageFile) -> bool:
    """Whether the file still is what the walk saw, so that the index may be keyed by it."""
    try:
        now = os.stat(file.path)
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (file.size, file.mtime_ns)


class _Embedder:
    """Runs the encoder on decoded chunks and remembers what came out."""

    def __init__(self, open_encoder: Callable[[], Encoder], index: EmbeddingIndex | None) -> None:
        self._open_encoder = open_encoder
        self._encoder: Encoder | None = None
        self._index = index
        self._done: dict[str, Content | Skipped] = {}  # by digest, all chunks so far

    def prepare(self, loaded: Sequence[_Read | Skipped]) -> None:
        """Open the encoder if a picture is the first that needs it.

        Apart from `embed`, as runtimes like to be opened in the main thread.
        """
        if self._encoder is None and any(isinstance(i, _Read) and i.picture for i in loaded):
            self._encoder = self._open_encoder()

    def embed(self, loaded: Sequence[_Read | Skipped]) -> _Finished:
        self._settle([item for item in loaded if isinstance(item, _Read)])
        finished = [self._finish(item) for item in loaded]
        if self._index is not None:
            self._index.remember(item for item in finished if not isinstance(item, Skipped))
        self._done |= {
            name: replace(content, thumbnail=b"")  # it is in the index; here it only takes memory
            for name in {item.digest for item in loaded if isinstance(item, _Read)}
            if isinstance(content := self._done[name], Content) and content.thumbnail
        }
        return [self._finish(item) for item in loaded]

    def _settle(self, items: Sequence[_Read]) -> None:
        """Learn what every content of the chunk is."""
        for item in items:
            settled = item.content or item.trouble
            if settled is not None:
                self._done[item.digest] = settled
        fresh = [(item.digest, item.picture) for item in items if item.picture is not None]
        if fresh and self._encoder is not None:
            vectors = self._encoder.embed(np.stack([picture.pixels for _, picture in fresh]))
            for (name, p), vector in zip(fresh, vectors, strict=True):
                detail = measure_detail(p.pixels)
                self._done[name] = Content(
                    *(name, p.width, p.height, p.format, detail, vector, p.facts),
                    thumbnail=make_thumbnail(p.pixels),
                )

    def _finish(self, item: _Read | Skipped) -> Skipped | tuple[ImageFile, Content]:
        if isinstance(item, Skipped):
            return item
        settled = self._done[item.digest]
        if isinstance(settled, Skipped):
            return replace(settled, path=item.file.path)
        return item.file, settled
