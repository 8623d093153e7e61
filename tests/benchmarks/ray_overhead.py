"""One machine against Ray: the same bytes of CSV, seconds, CPU time and memory. Run by hand.

    python tests/benchmarks/ray_overhead.py PHOTOS_OR_LIST [--cores 2] [--partitions 7]

Scans with an empty index on this machine, then on a local Ray cluster, with the usual partitions
and with others, and on two nodes of one core each. CPU time is that of all processes of a scan,
seen ten times a second; that of the cluster's own processes is part of it.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

MARK = "DEDUPE_BENCHMARK"  # in the environment of every process of a scan
TWO_NODES = Path(__file__).parents[1] / "distributed" / "two_nodes.py"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Seen:
    """CPU seconds and largest private bytes of the processes of a run, by process."""

    cpu: dict[int, float] = field(default_factory=dict)
    memory: dict[int, int] = field(default_factory=dict)

    def look(self, mark: bytes) -> None:
        """Take all processes with a mark in their environment into account."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark not in (folder / "environ").read_bytes():
                    continue
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                status = (folder / "status").read_text().splitlines()
            except OSError:
                continue
            pid = int(folder.name)
            self.cpu[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
            own = [int(line.split()[1]) << 10 for line in status if line.startswith("RssAnon")]
            self.memory[pid] = max(self.memory.get(pid, 0), *own, 0)


def run(command: list[str]) -> tuple[float, Seen]:
    """Run a command to its end; return its wall time and what its processes took."""
    mark, seen, began = secrets.token_hex(8), Seen(), time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, MARK: mark}, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        seen.look(f"{MARK}={mark}".encode())
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - began, seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", help="a folder, or a list of files")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--partitions", type=int, nargs="*", default=[7])
    options = parser.parse_args()
    inputs = [options.photos]
    if not os.path.isdir(options.photos):
        inputs = ["--files-from", options.photos]
    scan = [sys.executable, "-m", "dedupe", "scan", *inputs, "--workers", str(options.cores), "-q"]
    local = [*scan, "--no-index", "--ray", "local"]
    with tempfile.TemporaryDirectory() as folder:
        runs = {"one machine": [*scan, "--no-index"], "Ray, 1 node": local}
        for size in options.partitions:
            runs[f"Ray, {size} files a task"] = [*local, "--partition", str(size)]
        reports = {name: f"{folder}/{number}.csv" for number, name in enumerate(runs)}
        commands = {name: [*words, "--report", reports[name]] for name, words in runs.items()}
        two = "Ray, 2 nodes"
        reports[two] = f"{folder}/two.csv"
        commands[two] = [
            sys.executable,
            str(TWO_NODES),
            options.photos,
            f"{folder}/s",
            reports[two],
        ]
        print("| engine | wall s | CPU s | times | largest process MiB | rows | same bytes |")
        print("|---|---:|---:|---:|---:|---:|---|")
        first, base = b"", 0.0
        for name, command in commands.items():
            seconds, seen = run(command)
            report, cpu = Path(reports[name]).read_bytes(), sum(seen.cpu.values())
            first, base = first or report, base or cpu
            print(
                f"| {name} | {seconds:.0f} | {cpu:.0f} | {cpu / base:.2f} "
                f"| {max(seen.memory.values()) >> 20} | {len(report.splitlines()) - 1} "
                f"| {report == first} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
