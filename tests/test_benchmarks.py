"""The benchmark scripts run on a tiny input, so that they cannot rot."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawings import draw_photo
from PIL import Image

SCRIPTS = Path(__file__).parent / "benchmarks"


def run(script: str, *options: str) -> list[str]:
    """Run a script with warnings as errors; return its lines."""
    command = [sys.executable, "-W", "error", str(SCRIPTS / script), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.returncode, done.stderr[-2000:]
    return done.stdout.splitlines()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads its memory from /proc")
def test_the_benchmark_of_the_search_measures_exact_and_approximate_searches_and_crowds() -> None:
    sizes = ["--sizes", "500", "1500", "--exact-up-to", "1000", "--thresholds", "0.8"]
    lines = run("search_recall.py", *sizes, "--crowds", "150", "200")
    exact, in_cells = (dict(zip(cells(lines[0]), cells(line), strict=True)) for line in lines[2:4])
    assert (exact["vectors"], exact["how"], exact["recall"]) == ("500", "exact", "1.0000")
    assert exact["copies"] == exact["itself"] == "1.0000"
    assert "cells" in in_cells["how"]
    assert float(in_cells["recall"]) > 0.9
    crowds = [dict(zip(cells(lines[5]), cells(line), strict=True)) for line in lines[7:]]
    assert [crowd["crowd"] for crowd in crowds] == ["150 frames"] * 2 + ["200 blanks"] * 2
    assert [crowd["largest"] for crowd in crowds[1:]] == ["150", "200", "200"]
    assert all(float(crowd["a row"]) <= 65 for crowd in crowds)


def width_of(picture: Path) -> int:
    with Image.open(picture) as image:
        return image.width


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Eight drawn photos of 320 x 240."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(8):
        Image.fromarray(draw_photo(seed, width=320, height=240)).save(folder / f"{seed}.jpg")
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="asks the system what a child used")
def test_the_benchmark_of_a_scan_races_the_limit_and_prints_the_time_of_each_stage(
    photos: Path, tmp_path: Path
) -> None:
    plot = tmp_path / "plot.png"
    lines = run("throughput.py", str(photos), "--rounds", "1", "--plot", str(plot))
    assert lines[0].startswith("8 images, ")
    limit, scan, alone = (line.split() for line in lines[3:6])
    assert limit[:2] == ["decode", "limit"]
    assert limit[-3] == "1.00"
    assert 0 < float(scan[-3]) <= 1.5
    assert 0 < float(alone[-3]) <= 1.5
    assert all(int(busy.rstrip("%")) > 0 for busy in (limit[-2], scan[-2], alone[-2]))
    stages = [line.split() for line in lines[8:]]
    assert [name for name, *_ in stages] == [
        *("walk", "read", "digest", "decode", "embed", "search", "rest")
    ]
    assert all(float(milliseconds) >= 0 for _, milliseconds, _ in stages)
    assert width_of(plot) > 400


@pytest.mark.skipif(sys.platform == "win32", reason="asks the system what a child used")
def test_the_benchmark_of_growth_makes_files_and_scans_them_twice(
    photos: Path, tmp_path: Path
) -> None:
    run("scale.py", "make", str(photos), str(tmp_path / "files"), "--files", "20")
    files = sorted((tmp_path / "files").rglob("*.jpg"))
    assert len(files) == 20
    plot = tmp_path / "plot.png"
    lines = run("scale.py", "run", str(tmp_path / "files"), "--sizes", "20", "--plot", str(plot))
    assert len(lines) == 2
    row = dict(zip(lines[0].replace(" s", "_s").replace("peak MB", "MB").split(), lines[1].split(),
                   strict=True))  # fmt: skip
    assert row["files"] == "20"
    assert float(row["cold_s"]) > float(row["bare_s"])
    assert width_of(plot) > 400


def test_the_figures_of_the_house_are_printed_one_to_a_line() -> None:
    lines = run("house.py")
    assert [re.sub(r" \(.*\)", "", line.strip().split("  ")[1]) for line in lines] == [
        "entries in dedupe/",
        "import layers",
        "most parameters",
        "functions over 60 lines",
        "array functions without a shape",
        "lines with a word to avoid",
    ]
    assert all(int(line.split("  ")[0] or line.split()[0]) >= 0 for line in lines)
    listed = run("house.py", "--list")
    assert [line for line in listed if not line.startswith(" " * 9)] == lines


def test_the_benchmark_of_edits_finds_a_copy_of_every_kind(photos: Path, tmp_path: Path) -> None:
    for name in ("held-out", "tuning"):
        run("edits.py", "make", str(photos), str(tmp_path / name), "--list", name, "--photos", "1")
    lines = run("edits.py", "score", str(tmp_path / "tuning"), "--no-verify")
    assert lines[0] == "| family | found | edits |"
    assert lines[2].startswith("| perspective | ")
    assert lines[-1].endswith(" copies, 0 wrong removals |")


def test_the_benchmark_of_lookalikes_draws_kinds_and_scores_a_report(tmp_path: Path) -> None:
    kinds = ["--kinds", "sprite", "map: choropleth", "--layouts", "2"]
    for out in ("one", "two"):
        run("lookalikes.py", "make", str(tmp_path / out), *kinds)
    sprites = sorted((tmp_path / "one" / "images" / "sprite").iterdir())
    assert [path.read_bytes() for path in sprites] == [
        (tmp_path / "two" / "images" / "sprite" / path.name).read_bytes() for path in sprites
    ]
    copies = [path for path in sprites if path.stem.count("-") > 1]
    copy = copies[0]
    own, other = (
        next(
            path
            for path in sprites
            if path.stem.count("-") == 1 and (path.stem in copy.stem) == same
        )
        for same in (True, False)
    )
    group = {"keeper": {"path": str(own)}, "duplicates": [{"path": str(p)} for p in (copy, other)]}
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"groups": [group]}), encoding="utf-8")
    lines = run("lookalikes.py", "score", str(tmp_path / "one"), str(report))
    row = next(cells(line) for line in lines if "| sprite |" in line)
    found = f"{1 / len(copies):.3f} of {len(copies)}"
    assert row == ["tuning", "sprite", str(len(sprites)), "1", found]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its scans")
@pytest.mark.parametrize("what", ["damage", "kills", "interrupts", "outputs"])
def test_the_faults_of_a_scan_are_counted(what: str) -> None:
    lines = run("scan_faults.py", what, "--points", "2", "--photos", "6")
    assert lines == [f"{what}: 2 points, 0 failures"]


def test_the_weights_of_provenance_are_fitted_on_pairs_of_known_direction(
    photos: Path, tmp_path: Path
) -> None:
    files = {name: str(tmp_path / f"{name}.jsonl") for name in ("fitted", "held", "kinds")}
    measure = ["measure", str(photos), "--pairs", "8"]
    run("fit_provenance.py", *measure, "--half", "fitted", "--out", files["fitted"])
    run("fit_provenance.py", *measure, "--half", "held", "--out", files["held"])
    run("fit_provenance.py", *measure, "--half", "held", "--kinds", "--out", files["kinds"])
    weights = tmp_path / "weights"
    lines = run("fit_provenance.py", "fit", *files.values(), "--weights", str(weights))
    assert [line.split(":")[0] for line in lines] == ["held", "kinds"]
    assert all(re.search(r": [01]\.\d{3} of \d pairs \(", line) for line in lines)
    manifest = json.loads((weights / "manifest.json").read_text(encoding="utf-8"))
    assert "fit_provenance.py" in manifest["command"]
    with np.load(weights / "forest.npz") as arrays:
        assert arrays["value"].shape == arrays["feature"].shape
        assert int(arrays["feature"].max()) < len(manifest["names"])
