"""Work spread over threads, in order. Knows nothing of the work."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
R = TypeVar("R")


def count_workers(workers: int | None) -> int:
    """Return the number of threads to use: `workers`, or one for each core of this process."""
    if workers is not None:
        return workers
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_threads(
    work: Callable[[A], R], items: Iterable[A], *, workers: int | None = None, ahead: int = 2
) -> Generator[R]:
    """Apply `work` to each item in threads and yield the results in the order of the items.

    Args:
        work: called from several threads at once.
        items: taken in the caller's thread, as they are needed.
        workers: threads; None for one per core.
        ahead: items, for each thread, that are begun before the oldest one is finished; more keep
            all threads busy if some items take much longer than others.

    Raises:
        Exception: the first one that `work` raises, in the order of the items; no further item
            is begun, and no thread outlives the call.
        KeyboardInterrupt: the user interrupted the call; likewise. If it, or another exception,
            arises between two results, the threads end when the caller closes the generator:
            use `contextlib.closing`.
    """
    count = count_workers(workers)
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > ahead * count:
                    yield _wait(waiting.popleft())
            while waiting:
                yield _wait(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()


def _wait(future: Future[R]) -> R:
    """Return the result of a future.

    An interrupt in the moment in which Python releases the lock of the future comes out of it as a
    RuntimeError.
    """
    try:
        return future.result()
    except RuntimeError as error:
        if future.done() and future.exception() is error:
            raise
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
