"""Embed files on all nodes: Ray Data streams partitions of files through actors.

An actor keeps its encoder open and runs `dedupe.embed.embed_files`, as one machine does. It writes
each partition to the store and returns only which content each file has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from dedupe.distributed.attempts import Attempts
from dedupe.distributed.cluster import Cluster, import_ray_data, name_node
from dedupe.distributed.store import PartStore, name_part
from dedupe.distributed.task_index import TaskIndex
from dedupe.embed import embed_files
from dedupe.encoder.manifest import Encoder, Manifest
from dedupe.errors import DedupeError, EncoderError, EngineError, one_line
from dedupe.options import RunOptions
from dedupe.pipeline.resources import open_run_encoder
from dedupe.types import ImageFile, Skipped

_WAVE = 1 << 20  # files whose names are in Ray's shared memory at a time, 150 MB
_SMALLEST, _LARGEST = 16, 1024  # files of a partition
_ON_GPU = 4  # actors that share a GPU: while one waits for it, the others decode
_EACH = 8  # partitions for each core, so that slow ones do not keep the others waiting
_NUMBERS = ("root", "size", "mtime_ns", "device", "inode", "links")


@dataclass(frozen=True, slots=True)
class EmbedJob:
    """How files are embedded, the same on each node."""

    run: RunOptions  # with the encoder as a folder that each node has
    manifest: Manifest
    max_pixels: int
    store: PartStore


@dataclass(frozen=True, slots=True)
class Finished:
    """A partition that was embedded."""

    part: str  # name in the store; "" if no file of it has a content
    digests: dict[str, str]  # by path
    skipped: tuple[Skipped, ...]
    node: str  # address


def embed_partitions(
    cluster: Cluster, files: Sequence[ImageFile], job: EmbedJob, partition: int | None
) -> Iterator[Finished]:
    """Embed files and yield the partitions as they are finished, in any order.

    A worker or node that dies costs the partitions that it had not written.

    Args:
        cluster: where the actors run, one for each core.
        files: what to embed.
        job: how.
        partition: files in a partition; None for a number that gives each core some.

    Raises:
        EncoderError: the encoder cannot be opened on a node, or is another one there.
        EngineError: a task failed, or a part cannot be written.
    """
    data = import_ray_data()
    size = partition or _choose_size(len(files), cluster.cores)
    actors = plan_actors(cluster.cores, 0 if job.run.device == "cpu" else cluster.gpus, job)
    for start in range(0, len(files), _WAVE):
        wave = files[start : start + _WAVE]
        tables = [to_table(wave[at : at + size]) for at in range(0, len(wave), size)]
        finished = data.from_arrow(tables).map_batches(
            EmbedFiles,
            batch_size=None,  # a partition is a batch
            batch_format="pyarrow",
            fn_constructor_args=(job, actors.cores),
            compute=data.ActorPoolStrategy(min_size=1, max_size=min(actors.most, len(tables))),
            num_cpus=actors.cores,
            num_gpus=actors.gpus,
        )
        with cluster.translated():
            for batch in finished.iter_batches(batch_size=None, batch_format="pyarrow"):
                yield from _read_results(batch)


@dataclass(frozen=True, slots=True)
class Actors:
    """How many actors there are at most, and what each reserves."""

    most: int
    cores: int  # threads that read and decode
    gpus: float | None  # share of a GPU; None for none


def plan_actors(cores: int, gpus: int, job: EmbedJob) -> Actors:
    """Return one actor for each core, or `_ON_GPU` for each GPU that the encoder can use.

    Actors on a GPU share the cores of the cluster: decoding takes more time than embedding there.
    """
    if job.manifest.engine != "keras" or not gpus:
        return Actors(cores, 1, None)
    most = min(cores, _ON_GPU * gpus)
    return Actors(most, cores // most, gpus / most)


def _choose_size(files: int, cores: int) -> int:
    return max(_SMALLEST, min(_LARGEST, files // (cores * _EACH)))


class EmbedFiles:
    """An actor: opens the encoder at the first picture and keeps it open."""

    def __init__(self, job: EmbedJob, threads: int = 1) -> None:
        """Start without an encoder.

        Args:
            job: how files are embedded.
            threads: that read and decode.
        """
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # actors share a GPU
        self._job, self._threads = job, threads
        self._encoder: Encoder | None = None

    def __call__(self, table: Any) -> Any:
        """Embed the partition in an Arrow table, and return one row about it."""
        node = name_node()
        try:
            row = self._embed(from_table(table))
        except DedupeError as error:  # as a value: Ray Data wraps an error beyond recognition
            row = {"error": type(error).__name__, "words": f"node {node}: {error}"}
        return pa.Table.from_pylist([{"node": node, **row}], _RESULT)

    def _embed(self, files: Sequence[ImageFile]) -> dict[str, Any]:
        job, part = self._job, name_part(files)
        attempts = Attempts.read(job.store.folder, part)
        alive, skipped = attempts.split(files)
        index = TaskIndex(lambda _: {})
        if attempts.is_whole:
            with attempts.begin():
                skipped += self._embed_into(index, alive)
        else:
            for file in alive:
                with attempts.begin(file.path):
                    skipped += self._embed_into(index, [file])
        if index.seen:
            job.store.write(part, index.seen.values())
        attempts.finish()
        return {
            "part": part if index.seen else "",
            "paths": [os.fsencode(path) for path in index.seen],
            "digests": [content.digest for _, content in index.seen.values()],
            "skipped": [os.fsencode(skip.path) for skip in skipped],
            "reasons": [skip.reason for skip in skipped],
            "details": [os.fsencode(skip.detail) for skip in skipped],
        }

    def _embed_into(self, index: TaskIndex, files: Sequence[ImageFile]) -> Sequence[Skipped]:
        """Add the contents of files to an index; return the files without one."""
        return embed_files(
            files,
            manifest=self._job.manifest,
            open_encoder=self._open,
            index=index,
            workers=self._threads,
            max_pixels=self._job.max_pixels,
        ).skipped

    def _open(self) -> Encoder:
        job = self._job
        if self._encoder is None:
            engine = job.manifest.engine
            same = job.run if engine == "own" else replace(job.run, runtime=engine)
            opened = open_run_encoder(same)
            if opened.manifest.fingerprint != job.manifest.fingerprint:
                raise EncoderError(
                    f"the encoder {job.run.encoder} is {opened.manifest.fingerprint} here and "
                    f"{job.manifest.fingerprint} where the scan began: install one version"
                )
            self._encoder = opened
        return self._encoder


_RESULT = pa.schema(
    [
        ("node", pa.string()),
        ("error", pa.string()),
        ("words", pa.string()),
        ("part", pa.string()),
        ("paths", pa.list_(pa.binary())),
        ("digests", pa.list_(pa.string())),
        ("skipped", pa.list_(pa.binary())),
        ("reasons", pa.list_(pa.string())),
        ("details", pa.list_(pa.binary())),
    ]
)


def _read_results(batch: Any) -> Iterator[Finished]:
    for row in batch.to_pylist():
        if row["error"]:
            kind = EncoderError if row["error"] == EncoderError.__name__ else EngineError
            raise kind(one_line(ValueError(row["words"])))
        skipped = zip(row["skipped"], row["reasons"], row["details"], strict=True)
        yield Finished(
            row["part"],
            dict(zip(map(os.fsdecode, row["paths"]), row["digests"], strict=True)),
            tuple(Skipped(os.fsdecode(p), reason, os.fsdecode(d)) for p, reason, d in skipped),
            row["node"],
        )


def to_table(files: Sequence[ImageFile]) -> Any:
    """Return files as an Arrow table, one row for each."""
    columns: dict[str, Any] = {"path": pa.array([os.fsencode(f.path) for f in files], pa.binary())}
    for name in _NUMBERS:  # as text: inodes and times may need more than 64 bits
        columns[name] = pa.array([str(getattr(file, name)) for file in files])
    return pa.table(columns)


def from_table(table: Any) -> list[ImageFile]:
    """Return the files of an Arrow table; the inverse of `to_table`."""
    paths = [os.fsdecode(path) for path in table["path"].to_pylist()]
    numbers = [[int(value) for value in table[name].to_pylist()] for name in _NUMBERS]
    return [
        ImageFile(path, root, size, mtime, device, inode, links)
        for path, root, size, mtime, device, inode, links in zip(paths, *numbers, strict=True)
    ]
