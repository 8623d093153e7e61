"""`dedupe scan --files-from`: a list of files in place of folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from pictures import draw, save
from typer.testing import CliRunner, Result

from dedupe.cli import app


def run(*arguments: str | Path, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, ["scan", *map(str, arguments), "--no-index"], input=typed)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A picture, a smaller copy, and another picture, by paths relative to the current folder."""
    save(draw(1, 640, 480), tmp_path / "one" / "a.png")
    save(draw(1, 320, 240), tmp_path / "two" / "small.jpg", quality=90)
    save(draw(2, 640, 480), tmp_path / "two" / "other.png")
    monkeypatch.chdir(tmp_path)
    return ["one/a.png", "two/small.jpg", "two/other.png"]


def test_a_list_gives_the_report_of_its_folders(photos: list[str]) -> None:
    assert run("one", "two", "--report", "walked.csv").exit_code == 0
    Path("list").write_text("\n".join(photos))
    assert run("--files-from", "list", "--report", "listed.csv").exit_code == 0
    assert Path("listed.csv").read_bytes() == Path("walked.csv").read_bytes()
    assert len(Path("listed.csv").read_text().splitlines()) == 3


def test_the_output_of_another_program_is_scanned(photos: list[str]) -> None:
    result = run("--files-from", "-", typed="\0".join(photos))
    assert "3 images" in result.stdout
    assert "1 group, 1 duplicate" in result.stdout


def test_a_missing_file_is_skipped_and_the_scan_goes_on(photos: list[str]) -> None:
    result = run("--files-from", "-", typed="\n".join([*photos, "gone.jpg"]))
    assert (result.exit_code, "1 file skipped: 1 vanished" in result.stdout) == (0, True)


def test_listed_duplicates_can_be_moved(photos: list[str]) -> None:
    result = run("--files-from", "-", "--move-to", "aside", typed="\n".join(photos))
    assert result.exit_code == 0
    assert len([path for path in photos if not Path(path).exists()]) == 1
