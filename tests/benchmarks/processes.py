"""Run a program once and return its time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What one run took."""

    seconds: float  # wall time
    processor: float  # seconds of processor time, of the system too
    memory: int  # largest resident size, bytes


def run(command: list[str]) -> Usage:
    """Run a command, its output unseen; end this program if it fails, with what it said."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{said.decode()[-2000:]}")
    processor = usage.ru_utime + usage.ru_stime
    return Usage(seconds, processor, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
