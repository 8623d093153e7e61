"""A Ray cluster: connect, spread calls over it, and turn its failures into errors of dedupe.

Nothing else imports Ray. Knows no image.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import platform
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from dedupe.distribution import install_hint
from dedupe.encoder.runtime import quiet_native_output
from dedupe.errors import DedupeError, EngineError, one_line

A = TypeVar("A")
R = TypeVar("R")

LOCAL = "local"
RETRIES = 3  # of a task whose worker or node died; then the run stops, as something kills workers
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # else Ray sends reports about its use
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else Ray warns of a change in a later version
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # what fails is raised; retries are not for the terminal
}
_AHEAD = 4  # tasks for each core that are submitted before the oldest one is finished
_STORE_BYTES = 1 << 30  # least shared memory of a local cluster; what does not fit spills to disk
_STORE_SHARE = 4  # one part in four of the memory may be shared: 3 million vectors take 1.5 GB


class Cluster:
    """A connection to Ray. Close it with `close`; a local cluster then ends."""

    def __init__(self, address: str, *, cores: int | None = None) -> None:
        """Connect to a cluster, or start one on this machine.

        Args:
            address: `local`, `auto`, or what `ray.init` takes.
            cores: of a local cluster; None for all.

        Raises:
            EngineError: Ray is not installed, or the cluster cannot be reached.
        """
        self.ray = import_ray()
        self._is_ours = not self.ray.is_initialized()
        if self._is_ours:
            self._connect(address, cores)
        resources = self.ray.cluster_resources()
        self.cores = max(1, int(resources.get("CPU", 1)))
        self.gpus = int(resources.get("GPU", 0))
        self._call = self.ray.remote(max_retries=RETRIES)(_call)

    def _connect(self, address: str, cores: int | None) -> None:
        how: dict[str, Any] = {}
        if address == LOCAL:  # reached through loopback alone: Ray has no authentication
            how = {
                "num_cpus": cores or len(os.sched_getaffinity(0)),
                "include_dashboard": False,
                "object_store_memory": max(_STORE_BYTES, _count_memory() // _STORE_SHARE),
                "_node_ip_address": "127.0.0.1",
            }
        try:
            with quiet_native_output():
                self.ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **how)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise EngineError(f"cannot connect to Ray at {address}: {one_line(error)}") from error

    def close(self) -> None:
        """End the connection, and every task of it that still runs."""
        if self._is_ours:
            self.ray.shutdown()

    def map(self, work: Callable[[A], R], items: Iterable[A]) -> Iterator[R]:
        """Apply `work` to each item in tasks of one core, and yield the results in order.

        Args:
            work: is copied to each node once; arrays in it are shared by the tasks of a node.
            items: taken as they are needed.

        Raises:
            DedupeError: as `work` raises it, with the node.
            EngineError: a task failed, or workers died more than `RETRIES` times.
        """
        with self.translated():
            shared = self.ray.put(work)
            waiting: deque[Any] = deque()
            try:
                for item in items:
                    waiting.append(self._call.remote(shared, item))
                    if len(waiting) > _AHEAD * self.cores:
                        yield self.ray.get(waiting.popleft())
                while waiting:
                    yield self.ray.get(waiting.popleft())
            finally:
                for task in waiting:
                    self.ray.cancel(task)

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Raise errors of Ray as errors of dedupe."""
        trouble = self.ray.exceptions
        try:
            yield
        except trouble.RayTaskError as error:
            if isinstance(error.cause, DedupeError):  # names its node
                raise type(error.cause)(str(error.cause)) from error
            raise EngineError(f"a task failed: {one_line(error)}") from error
        except trouble.RayError as error:
            raise EngineError(
                f"Ray cannot go on: {type(error).__name__}: {one_line(error)}; "
                "the same command goes on from here"
            ) from error


def _count_memory() -> int:
    """Return the bytes of memory of this machine; 0 if the system does not report them."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def import_ray() -> Any:
    """Return the module `ray`, which reports nothing about its use.

    Raises:
        EngineError: it is not installed.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise EngineError(f"--ray needs Ray: {install_hint('ray')}") from error


def import_ray_data() -> Any:
    """Return the module `ray.data`; raise EngineError if it is not installed."""
    import_ray()
    try:
        data = importlib.import_module("ray.data")
    except ImportError as error:
        raise EngineError(f"--ray needs Ray Data: {install_hint('ray')}") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    return data


def name_node() -> str:
    """Return the name of this machine."""
    return platform.node() or "unknown"


def _call(work: Callable[[Any], Any], item: Any) -> Any:
    """Apply `work` in a task; name the node in every error."""
    try:
        return work(item)
    except DedupeError as error:
        raise type(error)(f"node {name_node()}: {error}") from error
    except Exception as error:
        words = f"{type(error).__name__}: {one_line(error)}"
        raise EngineError(f"a task failed on node {name_node()}: {words}") from error
