"""The engine on Ray: each stage of a scan as tasks on a cluster."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from dedupe.decode.image import DECODER_VERSION
from dedupe.distributed.cluster import LOCAL, Cluster
from dedupe.distributed.embedding import EmbedJob, Finished, embed_partitions
from dedupe.distributed.grouping import GroupJob, group_components
from dedupe.distributed.parts import join
from dedupe.distributed.searching import make_space
from dedupe.distributed.store import Parts, PartStore, Place, default_folder
from dedupe.distributed.task_index import TaskIndex
from dedupe.distributed.verdict_store import VerdictStore, load
from dedupe.embed import Embedded, Outcome, collapse, select_fitting
from dedupe.encoder.manifest import Manifest
from dedupe.errors import EngineError, UsageError
from dedupe.files.paths import USER_FILE
from dedupe.files.remote import absolute
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.index.database import default_index_path
from dedupe.index.embedding_index import Content
from dedupe.options import InputOptions, RunOptions, ScanOptions
from dedupe.options.cluster import ClusterOptions
from dedupe.pipeline.engine import Engine
from dedupe.pipeline.stages import find_pairs
from dedupe.pipeline.stars import StarMemory
from dedupe.search.limits import SearchLimits
from dedupe.search.search import Found
from dedupe.types import Contents, Group, ImageFile, Pairs, Progress, Skipped
from dedupe.walk import VANISHED

_HERE = ("here",)  # in place of digests: names the part of the stages that run on this machine
_SEARCHED_HERE = 20_000  # contents that one core compares in two seconds


@contextlib.contextmanager
def open_ray_engine(
    where: ClusterOptions, _inputs: InputOptions, options: ScanOptions, manifest: Manifest
) -> Iterator[Engine]:
    """Connect to a cluster, and yield the engine on it; tasks end with the context."""
    with contextlib.ExitStack() as stack:
        folder = _choose_folder(where, options.run, stack)
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))  # a report may go to stdout
        cluster = Cluster(where.ray or LOCAL, cores=options.run.workers)
        stack.callback(cluster.close)
        engine = RayEngine(cluster, folder, _name_encoder(options), manifest, where.partition)
        yield engine
        engine.finish()


def _choose_folder(where: ClusterOptions, run: RunOptions, stack: contextlib.ExitStack) -> str:
    """Return the folder of the store; a temporary one if nothing is to be kept."""
    if where.store is not None:
        return absolute(where.store)
    if run.index is None:
        return stack.enter_context(tempfile.TemporaryDirectory(prefix="dedupe-"))
    if run.index is not USER_FILE:
        raise UsageError("a scan with --ray keeps embeddings in --store, not in --index")
    return default_folder(default_index_path())


def _name_encoder(options: ScanOptions) -> ScanOptions:
    """Return the options with a folder of the encoder that does not depend on the current one."""
    encoder = options.run.encoder
    if isinstance(encoder, str | os.PathLike):
        encoder = os.path.abspath(encoder)
    return replace(options, run=replace(options.run, encoder=encoder, index=None))


class RayEngine:
    """Runs the stages of a scan on a cluster."""

    def __init__(
        self,
        cluster: Cluster,
        folder: str,
        options: ScanOptions,
        manifest: Manifest,
        partition: int | None = None,
    ) -> None:
        """Prepare to run the stages of one scan.

        Args:
            cluster: an open connection.
            folder: where parts are written, or its URL; all nodes reach it.
            options: of the scan, with an absolute folder of the encoder.
            manifest: of the encoder.
            partition: files in one task; None for a number that suits files and cores.
        """
        self._cluster, self._folder, self._options = cluster, folder, options
        self._store = PartStore.open(folder, manifest.fingerprint, DECODER_VERSION)
        self._manifest, self._partition = manifest, partition
        self._places: dict[str, Place] = {}
        self._verdicts = VerdictStore(join(folder, "verdicts"))
        self.index = TaskIndex(self._find_thumbnails)  # of the stages that run here
        load(self.index, self._verdicts.read_part(_HERE))

    def _find_thumbnails(self, digests: Sequence[str]) -> dict[str, bytes]:
        return self._store.find_thumbnails(self._places, digests)

    def finish(self) -> None:
        """Keep what the stages on this machine found, for the next scan."""
        if self.index.has_news:
            self._verdicts.write(_HERE, self.index)

    def embed(self, files: Sequence[ImageFile], on_progress: Progress) -> Embedded:
        """Embed files, see `Engine`; those in the store are not read."""
        limit = self._options.walk.max_pixels
        parts = self._store.read(self._store.list_parts())
        known = select_fitting(parts.find_files(files), limit)
        on_progress("embed", len(known), len(files))
        outcomes: dict[str, Outcome] = {path: content.digest for path, content in known.items()}
        reused = len(known)
        parts.files.clear()  # names and states are not needed while vectors are there twice
        known.clear()
        job = EmbedJob(self._options.run, self._manifest, limit, self._store)
        fresh = [file for file in files if file.path not in outcomes]
        written = []
        for finished in embed_partitions(self._cluster, fresh, job, self._partition):
            check_reach(finished)
            outcomes |= finished.digests
            outcomes |= {skipped.path: skipped for skipped in finished.skipped}
            written += [finished.part] if finished.part else []
            done = len(finished.digests) + len(finished.skipped)
            on_progress("embed", done, len(files))
        dimension = self._manifest.dimension
        return collapse(files, outcomes, self._collect(parts, written), dimension, reused=reused)

    def _collect(self, parts: Parts, written: Sequence[str]) -> dict[str, Content | Skipped]:
        """Take all contents, by digest, out of parts, and note where thumbnails are."""
        fresh = self._store.read(written)
        self._places = parts.places | fresh.places
        found: dict[str, Content | Skipped] = {**parts.contents, **fresh.contents}
        parts.contents.clear()
        return found

    def find_pairs(self, contents: Contents, limits: SearchLimits, on_progress: Progress) -> Found:
        """Find pairs, see `Engine`: few contents are compared here, before a task would start."""
        is_small = len(contents) <= _SEARCHED_HERE
        return find_pairs(
            contents,
            self._options.duplicates.keep,
            limits=limits,
            workers=self._options.run.workers,
            make_space=None if is_small else partial(make_space, self._cluster),
            on_progress=on_progress,
        )

    def group_pairs(
        self,
        contents: Contents,
        pairs: Pairs,
        threshold: float,
        ignored: IgnoredPairs | None,
        on_progress: Progress,
        memory: StarMemory | None = None,  # noqa: ARG002 — no result is stored
    ) -> tuple[Group, ...]:
        """Verify and group, see `Engine`."""
        side, store = self._manifest.side, self._store
        job = GroupJob(self._options, side, threshold, ignored, store, self._verdicts)
        return group_components(
            *(self._cluster, contents, pairs, job, self._places, on_progress),
            partition=self._partition,
        )


def check_reach(finished: Finished) -> None:
    """Raise EngineError if a node misses a file that this machine has: it lacks the disk."""
    for skipped in finished.skipped:
        if skipped.reason == VANISHED and os.path.lexists(skipped.path):  # a URL never does
            raise EngineError(
                f"node {finished.node} does not reach {skipped.path}, which exists on this "
                "machine: mount it there under the same path"
            )
