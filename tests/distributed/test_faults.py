"""Workers, nodes and runs that are killed: the report stays the same, and work is kept."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pictures import draw, save

import dedupe
from dedupe.report import format_report

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
SCRIPT = Path(__file__).with_name("two_nodes.py")
TIMEOUT = 300  # seconds; a node that dies is noticed after some


@pytest.fixture
def many(photos: Path) -> Path:
    """The photos, and enough others for many partitions."""
    for seed in range(10, 34):
        save(draw(seed, 320, 240), photos / "more" / f"{seed}.png")
    return photos


def expect(photos: Path) -> bytes:
    """Return the CSV of one machine."""
    return format_report(dedupe.scan(photos, index=None), format="csv")


@pytest.mark.parametrize("victim", ["worker", "node"])
def test_two_nodes_lose_one_and_write_the_report_of_one_machine(
    many: Path, tmp_path: Path, victim: str
) -> None:
    report = tmp_path / "report.csv"
    done = run([str(SCRIPT), str(many), str(tmp_path / "store"), str(report), victim])
    assert "done" in done.stdout.splitlines(), done.stderr
    lines = [line.split() for line in done.stderr.splitlines() if line.startswith("embedded ")]
    assert sum(int(number) for _, number in lines) == 33
    assert report.read_bytes() == expect(many)


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True, text=True, timeout=TIMEOUT, check=False, env=own,
    )  # fmt: skip


def test_an_interrupted_scan_goes_on_from_its_parts(many: Path, tmp_path: Path) -> None:
    store, report = tmp_path / "store", tmp_path / "report.csv"
    command = [
        *("-m", "dedupe", "scan", str(many), "--ray", "local", "--workers", "1"),
        *("--partition", "2", "--store", str(store), "--report", str(report)),
    ]
    first = subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + TIMEOUT
    while len(list(store.rglob("*.parquet"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    _, words = first.communicate(timeout=TIMEOUT)
    assert first.returncode == 130, words
    assert "interrupted; the same command goes on from here" in words
    assert not report.exists()
    kept = {path.name: path.stat().st_mtime_ns for path in store.rglob("*.parquet")}
    assert 3 <= len(kept) < 17
    second = run(command)
    assert second.returncode == 0, second.stderr
    assert report.read_bytes() == expect(many)
    after = {path.name: path.stat().st_mtime_ns for path in store.rglob("*.parquet")}
    assert kept.items() <= after.items()
    assert len(set(written := list_written(store))) == len(written) == 32
    assert find_processes_of(os.fsencode(os.environ["HOME"])) == []


def list_written(store: Path) -> list[bytes]:
    """Return the path of each file in each part of a store."""
    parts = [path for path in store.rglob("*.parquet") if "verdicts" not in path.parts]
    return [name for path in parts for name in pq.read_table(path)["path"].to_pylist()]


def find_processes_of(home: bytes) -> list[bytes]:
    """Return the titles of Ray's processes that a test with this home started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"HOME=" + home in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes())
        except OSError:
            continue
    return [title for title in found if b"ray" in title]
