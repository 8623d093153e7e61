"""The index as the stages use it: what earlier work left, and where new work goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from dedupe.index.embedding_index import Content, Digests
from dedupe.types import FrameMatrix, ImageFile, Verdict


class Index(Protocol):
    """Contents, thumbnails, verdicts and evidence by digest; `EmbeddingIndex` documents each."""

    def find_files(self, files: Sequence[ImageFile]) -> dict[str, Content]: ...

    def find_content(self, digest: str) -> Content | None: ...

    def remember(self, seen: Iterable[tuple[ImageFile, Content]]) -> None: ...

    def find_thumbnails(self, digests: Sequence[str]) -> dict[str, bytes]: ...

    def find_verdicts(self, pairs: Sequence[Digests], verifier: int) -> dict[Digests, Verdict]: ...

    def remember_verdicts(self, verdicts: Mapping[Digests, Verdict], verifier: int) -> None: ...

    def find_evidence(self, pair: Digests, version: int, near: FrameMatrix) -> str | None: ...

    def remember_evidence(
        self, pair: Digests, version: int, near: FrameMatrix, numbers: str
    ) -> None: ...
