"""`dedupe calibrate`, and scans with an encoder in an ONNX file."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from onnx_models import write_bytes_model
from pictures import draw, save
from typer.testing import CliRunner, Result

from dedupe.cli import app

PHOTOS = 60


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Different pictures, and beside them a model."""
    monkeypatch.chdir(tmp_path)
    write_bytes_model(tmp_path / "m.onnx")
    for number in range(PHOTOS):
        save(draw(number, 192, 144), tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


def test_an_own_encoder_is_calibrated_and_scans_from_then_on(photos: Path) -> None:
    save(draw(3, 96, 72), photos / "small.png")
    scan = ("scan", photos, "--encoder", "onnx:m.onnx", "--no-verify", "--no-index")
    refused = run(*scan)
    calibrated = run("calibrate", photos, "--encoder", "onnx:m.onnx")
    scanned = run(*scan, "--sensitivity", "wide")

    assert refused.exit_code == 4
    assert "run `dedupe calibrate PHOTOS --encoder onnx:m.onnx` first" in refused.stderr
    lines = calibrated.stdout.splitlines()
    assert lines[0] == "60 photos, 28,320 pairs of different photos"  # the small copy is left out
    assert [line.split()[0] for line in lines[1:5]] == ["strict", "balanced", "loose", "wide"]
    distances = [float(re.findall(r"distance ([0-9.]+)", line)[0]) for line in lines[1:5]]
    assert distances == sorted(distances)
    assert scanned.exit_code == 0
    with Path("dedupe-report.csv").open() as report:
        names = {Path(row["path"]).name for row in csv.DictReader(report)}
    assert {"3.png", "small.png"} <= names


def test_too_few_photos_are_an_error(photos: Path) -> None:
    for number in range(20, PHOTOS):
        (photos / f"{number}.png").unlink()
    result = run("calibrate", photos, "--encoder", "onnx:m.onnx")
    assert result.exit_code == 3
    assert "there are 20 different photos to calibrate with, and 50 are needed" in result.stderr


def test_an_encoder_of_dedupe_has_its_thresholds() -> None:
    folder = Path(__file__).parents[2] / "dedupe" / "encoder" / "default"
    result = run("calibrate", ".", "--encoder", folder)
    assert (result.exit_code, "thresholds in its manifest" in result.stderr) == (2, True)


def test_a_scheduled_scan_has_the_absolute_path_of_the_model(photos: Path) -> None:
    run("calibrate", photos, "--encoder", "onnx:m.onnx")
    arguments = ("--at", "02:30", "--kind", "cron", "--print", photos, "--")
    printed = run("schedule", "install", *arguments, "--encoder", "onnx:m.onnx").stdout
    assert f"--encoder onnx:{photos.parent / 'm.onnx'}" in printed
