"""The index of one task: what it was given, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from dedupe.index.embedding_index import Content, Digests
from dedupe.types import FrameMatrix, ImageFile, Verdict


class TaskIndex:
    """What a task remembers, in memory; see `dedupe.index.protocol.Index`."""

    def __init__(self, find_thumbnails: Callable[[Sequence[str]], dict[str, bytes]]) -> None:
        """Start empty; `find_thumbnails` returns stored thumbnails by digest."""
        self._find_thumbnails = find_thumbnails
        self.verdicts: dict[tuple[Digests, int], Verdict] = {}
        self.evidence: dict[tuple[Digests, int, FrameMatrix], str] = {}
        self.has_news = False  # something was remembered since it was loaded
        self.seen: dict[str, tuple[ImageFile, Content]] = {}  # by path

    def find_files(self, files: Sequence[ImageFile]) -> dict[str, Content]:
        paths = (file.path for file in files)
        return {path: self.seen[path][1] for path in paths if path in self.seen}

    def find_content(self, digest: str) -> Content | None:  # noqa: ARG002
        """Return None: a task decodes each content that its partition has."""
        return None

    def remember(self, seen: Iterable[tuple[ImageFile, Content]]) -> None:
        self.seen.update((file.path, (file, content)) for file, content in seen)

    def find_thumbnails(self, digests: Sequence[str]) -> dict[str, bytes]:
        return self._find_thumbnails(digests)

    def find_verdicts(self, pairs: Sequence[Digests], verifier: int) -> dict[Digests, Verdict]:
        found = self.verdicts
        return {pair: found[pair, verifier] for pair in pairs if (pair, verifier) in found}

    def remember_verdicts(self, verdicts: Mapping[Digests, Verdict], verifier: int) -> None:
        self.has_news = True
        self.verdicts.update(((pair, verifier), verdict) for pair, verdict in verdicts.items())

    def find_evidence(self, pair: Digests, version: int, near: FrameMatrix) -> str | None:
        return self.evidence.get((pair, version, near))

    def remember_evidence(
        self, pair: Digests, version: int, near: FrameMatrix, numbers: str
    ) -> None:
        self.has_news = True
        self.evidence[pair, version, near] = numbers
