"""The stages of a scan that cost most, behind one interface: this machine, or many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from dedupe.embed import Embedded, embed_files
from dedupe.encoder.manifest import Manifest
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.index.embedding_index import EmbeddingIndex
from dedupe.index.protocol import Index
from dedupe.options import InputOptions, ScanOptions
from dedupe.pipeline.resources import open_index, open_run_encoder, open_verifier
from dedupe.pipeline.stages import GroupRules, find_pairs, group_pairs
from dedupe.pipeline.stars import StarMemory
from dedupe.provenance.examiner import Examiner
from dedupe.search.limits import SearchLimits
from dedupe.search.search import Found
from dedupe.types import Contents, Group, ImageFile, Pairs, Progress


class Engine(Protocol):
    """Runs the stages of one scan; every engine gives the same result."""

    def embed(self, files: Sequence[ImageFile], on_progress: Progress) -> Embedded:
        """Embed files, as `dedupe.embed.embed_files`."""
        ...

    def find_pairs(self, contents: Contents, limits: SearchLimits, on_progress: Progress) -> Found:
        """Find the pairs of contents that may be copies, as `dedupe.pipeline.find_pairs`."""
        ...

    def group_pairs(
        self,
        contents: Contents,
        pairs: Pairs,
        threshold: float,
        ignored: IgnoredPairs | None,
        on_progress: Progress,
        memory: StarMemory | None = None,
    ) -> tuple[Group, ...]:
        """Verify and group pairs, as `dedupe.pipeline.group_pairs`."""
        ...

    @property
    def index(self) -> Index | None:
        """Return where verdicts are remembered; None for nowhere."""
        ...


OpenEngine = Callable[[InputOptions, ScanOptions, Manifest], AbstractContextManager[Engine]]
"""Opens the engine of a scan for its inputs, its options and its encoder's manifest."""


@contextmanager
def open_local_engine(
    inputs: InputOptions, options: ScanOptions, manifest: Manifest
) -> Iterator[Engine]:
    """Open the index, and yield the engine of one machine."""
    with open_index(options.run.index, manifest.fingerprint) as index:
        yield LocalEngine(inputs, options, manifest, index)


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """The threads of this process."""

    inputs: InputOptions
    options: ScanOptions
    manifest: Manifest
    index: EmbeddingIndex | None

    def embed(self, files: Sequence[ImageFile], on_progress: Progress) -> Embedded:
        run = self.options.run
        return embed_files(
            files,
            manifest=self.manifest,
            open_encoder=lambda: open_run_encoder(run),
            index=self.index,
            workers=run.workers,
            max_pixels=self.options.walk.max_pixels,
            on_progress=on_progress,
        )

    def find_pairs(self, contents: Contents, limits: SearchLimits, on_progress: Progress) -> Found:
        return find_pairs(
            contents,
            self.options.duplicates.keep,
            limits=limits,
            index=self.index,
            roots=self.inputs.places,
            workers=self.options.run.workers,
            on_progress=on_progress,
        )

    def group_pairs(
        self,
        contents: Contents,
        pairs: Pairs,
        threshold: float,
        ignored: IgnoredPairs | None,
        on_progress: Progress,
        memory: StarMemory | None = None,
    ) -> tuple[Group, ...]:
        chosen, run = self.options.duplicates, self.options.run
        limit, index = self.options.walk.max_pixels, self.index
        verifier = open_verifier(contents, self.options, side=self.manifest.side, index=index)
        return group_pairs(
            contents,
            pairs,
            GroupRules(chosen.keep, threshold, ignored),
            verifier=verifier if chosen.verify else None,
            examiner=Examiner(max_pixels=limit, remembered=index, workers=run.workers),
            memory=memory,
            on_progress=on_progress,
        )
