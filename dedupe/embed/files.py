"""Read, decode and embed the files that the index does not contain, in threads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from dedupe.decode.formats import DEFAULT_MAX_PIXELS, sniff
from dedupe.decode.frames import read_frames
from dedupe.decode.image import decode
from dedupe.decode.memory import FILES
from dedupe.decode.panels import cut_panels
from dedupe.decode.read import Unreadable, read
from dedupe.embed.batches import Embedder, Loaded
from dedupe.embed.collapse import Embedded, Outcome, collapse
from dedupe.encoder.manifest import Encoder, Manifest
from dedupe.files import digest
from dedupe.files.remote import find_file, is_object
from dedupe.index.embedding_index import Content
from dedupe.index.protocol import Index
from dedupe.low_detail import MIN_DETAIL, measure_detail
from dedupe.threads import count_workers, map_threads
from dedupe.types import ImageFile, Progress, Skipped, no_progress

CHANGED = "changed while it was read"
_AHEAD = 512  # files for each thread that are read while the oldest one waits for its batch


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
        with Embedder(open_encoder, index) as embedder:
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


class _Loader:
    """Reads and decodes one file; used from many threads at once."""

    def __init__(self, embedder: Embedder, index: Index | None, side: int, max_pixels: int) -> None:
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
        if is_object(file.path):
            found = find_file(file.path)
            return (found.size, found.mtime_ns, found.version) == (
                *(file.size, file.mtime_ns, file.inode),
            )
        now = os.stat(file.path)
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (file.size, file.mtime_ns)
