"""A scan on a Ray cluster. Loads Ray and pyarrow only when it begins."""

from __future__ import annotations

from functools import partial
from typing import Unpack

from dedupe.distribution import install_hint
from dedupe.errors import EngineError, UsageError
from dedupe.files.paths import StrPath
from dedupe.options import InputOptions, ScanKeywords, ScanOptions
from dedupe.options.cluster import ClusterOptions
from dedupe.pipeline import find_duplicates
from dedupe.pipeline.engine import OpenEngine, open_local_engine
from dedupe.setting import build
from dedupe.types import Progress, Report, no_progress


def scan_with_ray(
    *roots: StrPath,
    ray: str = "local",
    store: StrPath | None = None,
    partition: int | None = None,
    files_from: StrPath | None = None,
    on_progress: Progress = no_progress,
    **options: Unpack[ScanKeywords],
) -> Report:
    """Find near-duplicate images as `dedupe.scan` does, on a Ray cluster. The same report.

    Args:
        roots: folders and files that all nodes reach under these paths.
        ray: `local`, `auto` for the cluster of this machine, or an address.
        store: folder of embeddings that all nodes reach; None for one of this user.
        partition: files in one task; None for a number that suits files and cores.
        files_from: as in `dedupe.scan`.
        on_progress: as in `dedupe.scan`.
        options: as in `dedupe.scan`; `index=None` keeps no embeddings.

    Raises:
        EngineError: Ray is missing, fails, or a node does not reach a file.
        DedupeError: as `dedupe.scan`.
    """
    inputs = InputOptions(roots=roots, files_from=files_from)
    if inputs.is_empty:
        raise UsageError("scan needs one folder or file at least")
    where = ClusterOptions(ray=ray, store=store, partition=partition)
    return find_duplicates(
        inputs,
        build(ScanOptions, options),
        open_engine=choose_engine(where),
        on_progress=on_progress,
    )


def choose_engine(where: ClusterOptions) -> OpenEngine:
    """Return what opens the engine of a scan: on Ray if the options say so.

    Raises:
        EngineError: Ray is asked for and not installed.
    """
    if where.ray is None:
        return open_local_engine
    try:
        from dedupe.distributed.engine import open_ray_engine  # loads pyarrow
    except ImportError as error:
        raise EngineError(f"--ray needs Ray: {install_hint('ray')}") from error
    return partial(open_ray_engine, where)
