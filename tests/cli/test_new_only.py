"""`dedupe scan --new-only`: the terminal lists what is new, the report contains everything."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from drawings import draw_photo
from pictures import NumpyEncoder, save, write_encoder
from PIL import Image
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.report import read_report

Scan = Callable[..., Result]


def photo(seed: int) -> Image.Image:
    return Image.fromarray(draw_photo(seed, width=96, height=72))


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scan:
    """Scan `photos` into `r.csv` with the NumPy encoder and no second look."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dedupe.encoder.choice.open_encoder", lambda *_, **__: NumpyEncoder())
    encoder = write_encoder(tmp_path / "encoder")
    save(photo(1), tmp_path / "photos/cat.png")
    save(photo(1), tmp_path / "photos/cat.jpg")

    def invoke(*arguments: str) -> Result:
        options = ["--encoder", str(encoder), "--no-index", "--no-verify", "--report", "r.csv"]
        return CliRunner().invoke(app, ["scan", "photos", *options, *arguments])

    return invoke


def groups() -> dict[str, list[str]]:
    found = read_report("r.csv").groups
    return {
        os.path.basename(g.keeper.path): [os.path.basename(d.photo.path) for d in g.duplicates]
        for g in found
    }


def shown(result: Result) -> list[str]:
    """The names printed, of keepers and duplicates."""
    lines = (line for line in result.stdout.splitlines() if "photos/" in line)
    return [line.split("photos/")[1].split("  ")[0] for line in lines]


def test_without_an_earlier_report_everything_is_new(scan: Scan) -> None:
    result = scan("--new-only")
    assert shown(result) == ["cat.png", "cat.jpg"]
    assert "1 new group, 1 new duplicate since the last report\n" in result.stdout
    assert result.stderr == ""


def test_only_what_is_new_is_shown_and_everything_is_written(scan: Scan, tmp_path: Path) -> None:
    scan()
    save(photo(1), tmp_path / "photos/cat 2.jpg", quality=60)
    save(photo(2), tmp_path / "photos/dog.png")
    save(photo(2), tmp_path / "photos/dog 1.jpg", quality=60)
    save(photo(2), tmp_path / "photos/dog 2.jpg", quality=40)

    result = scan("--new-only")

    assert shown(result) == ["cat.png", "cat 2.jpg", "dog.png", "dog 1.jpg", "dog 2.jpg"]
    assert "2 groups, 4 duplicates" in result.stdout
    assert "2 new groups, 3 new duplicates since the last report\n" in result.stdout
    assert groups() == {"cat.png": ["cat 2.jpg", "cat.jpg"], "dog.png": ["dog 1.jpg", "dog 2.jpg"]}


def test_a_second_scan_shows_nothing_and_writes_everything(scan: Scan) -> None:
    scan("--new-only")
    result = scan("--new-only")
    assert shown(result) == []
    assert "1 group, 1 duplicate (1 same), " in result.stdout
    assert "0 new groups, 0 new duplicates since the last report\n" in result.stdout
    assert groups() == {"cat.png": ["cat.jpg"]}


def test_without_the_option_everything_is_shown_and_nothing_called_new(scan: Scan) -> None:
    scan()
    result = scan()
    assert shown(result) == ["cat.png", "cat.jpg"]
    assert "new" not in result.stdout


def test_a_report_of_the_other_format_is_compared_as_well(scan: Scan) -> None:
    scan("--format", "json")
    assert shown(scan("--new-only")) == []


@pytest.mark.parametrize(
    "damage", [b"", b"group,role,path,keeper,\n", b'{"version": 1, "generated_by": "dedupe 1"']
)
def test_an_earlier_report_that_cannot_be_trusted_is_a_warning(scan: Scan, damage: bytes) -> None:
    Path("r.csv").write_bytes(damage)
    result = scan("--new-only")
    assert result.exit_code == 0
    assert result.stderr.startswith(
        "dedupe: everything counts as new: cannot trust the report r.csv"
    )
    assert len(result.stderr.splitlines()) == 1
    assert shown(result) == ["cat.png", "cat.jpg"]
    assert groups() == {"cat.png": ["cat.jpg"]}


def test_a_report_on_stdout_has_no_earlier_one(scan: Scan) -> None:
    result = scan("--new-only", "--report", "-")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--new-only" in result.stderr


def test_what_counts_as_duplicates_for_the_exit_code_is_everything(scan: Scan) -> None:
    scan()
    assert scan("--new-only", "--fail-on-duplicates").exit_code == 10
