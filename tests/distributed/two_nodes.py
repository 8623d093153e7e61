"""Run a scan on two nodes of one core each, and kill a worker or a node half-way.

    python tests/distributed/two_nodes.py PHOTOS STORE REPORT [none|worker|node] [PARTITION]

Prints `embedded N` for each partition on stderr, and `done` on stdout.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dedupe.distributed import scan_with_ray
from dedupe.distributed.cluster import import_ray
from dedupe.report import write_report

_ACTOR = b"EmbedFiles"  # in the title of the process


def main(photos: str, store: str, report: str, victim: str = "none", partition: str = "3") -> None:
    """Scan a folder or a list of files, and write the report."""
    inputs, listed = ([photos], None) if os.path.isdir(photos) else ([], photos)
    ray = import_ray()
    cluster_utils: Any = importlib.import_module("ray.cluster_utils")
    head = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
    nodes = _start_cluster(cluster_utils, head)
    other = nodes.add_node(num_cpus=1, object_store_memory=100 << 20)
    ray.init(nodes.address, log_to_driver=False, logging_level=logging.ERROR)
    kill: dict[str, Callable[[], object]] = {
        "worker": lambda: _kill_worker(other),
        "node": lambda: nodes.remove_node(other, False),
    }
    waiting = [kill[victim]] if victim in kill else []

    def on_progress(stage: str, done: int, _total: int) -> None:
        if stage == "embed" and done:
            print("embedded", done, file=sys.stderr, flush=True)
            if waiting:
                waiting.pop()()

    try:
        found = scan_with_ray(
            *inputs,
            files_from=listed,
            ray="auto",
            store=store,
            partition=int(partition),
            on_progress=on_progress,
        )
        write_report(found, report)
        print("done" if not waiting else "nothing was killed", flush=True)
    finally:
        ray.shutdown()
        nodes.shutdown()


def _start_cluster(cluster_utils: Any, head: dict[str, Any]) -> Any:
    """Start the head; Ray gives its server 30 s, which a busy machine can exceed."""
    for _ in range(2):
        with contextlib.suppress(RuntimeError):
            return cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    return cluster_utils.Cluster(initialize_head=True, head_node_args=head)


def _kill_worker(node: Any) -> None:
    """Kill an actor of a node; waits until it has started."""
    raylet = node.all_processes["raylet"][0].process.pid
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for pid in find_children(raylet):
            if _ACTOR in read_title(pid):
                os.kill(pid, signal.SIGKILL)
                return
        time.sleep(0.05)
    raise TimeoutError("no actor started on the second node")


def find_children(parent: int) -> list[int]:
    """Return the processes that a process started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(folder.name))
    return found


def read_title(pid: int) -> bytes:
    """Return the command line of a process; empty if it ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    main(*sys.argv[1:])
