"""The benchmark scripts run on a tiny input, so that they cannot rot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "benchmarks"


def run(script: str, *options: str) -> list[str]:
    """Run a script with warnings as errors; return its lines."""
    command = [sys.executable, "-W", "error", str(SCRIPTS / script), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads its memory from /proc")
def test_the_benchmark_of_the_search_measures_exact_and_approximate_searches_and_crowds() -> None:
    sizes = ["--sizes", "500", "1500", "--exact-up-to", "1000", "--thresholds", "0.8"]
    lines = run("search.py", *sizes, "--crowds", "150", "200")
    exact, in_cells = (dict(zip(cells(lines[0]), cells(line), strict=True)) for line in lines[2:4])
    assert (exact["vectors"], exact["how"], exact["recall"]) == ("500", "exact", "1.0000")
    assert exact["copies"] == exact["itself"] == "1.0000"
    assert "cells" in in_cells["how"]
    assert float(in_cells["recall"]) > 0.9
    crowds = [dict(zip(cells(lines[5]), cells(line), strict=True)) for line in lines[7:]]
    assert [crowd["crowd"] for crowd in crowds] == ["150 frames"] * 2 + ["200 blanks"] * 2
    assert [crowd["largest"] for crowd in crowds[1:]] == ["150", "200", "200"]
    assert all(float(crowd["a row"]) <= 65 for crowd in crowds)
