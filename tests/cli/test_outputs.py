"""No command replaces or changes a file that dedupe did not write."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from drawings import draw_photo
from PIL import Image
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.errors import UsageError
from dedupe.siamese.plot import check_can_plot


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four photos, in the current folder."""
    for number, name in enumerate("ABCD"):
        Image.fromarray(draw_photo(number)).save(tmp_path / f"{name}.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("option", ["--report", "--summary", "--lock", "--log", "--index"])
def test_no_output_of_a_scan_replaces_a_photo(photos: Path, option: str) -> None:
    before = contents(photos)
    result = run("scan", photos, option, "A.jpg")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "A.jpg" in result.stderr
    assert contents(photos) == before


def test_a_report_option_that_the_shell_expanded_replaces_no_photo(photos: Path) -> None:
    before = contents(photos)
    result = run("scan", ".", "--report", *sorted(path.name for path in photos.glob("*.jpg")))
    assert (result.exit_code, contents(photos)) == (2, before)


def test_no_output_that_a_configuration_names_replaces_a_photo(
    photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = tmp_path_factory.mktemp("config") / "c.toml"
    config.write_text(f'report = "{photos}/A.jpg"\n')
    before = contents(photos)
    assert run("scan", ".", "--config", config).exit_code == 2
    assert contents(photos) == before


def test_a_second_scan_replaces_the_outputs_of_the_first(photos: Path) -> None:
    words = ("--report", "r.csv", "--summary", "s.json", "--lock", "l", "--log", "log.txt")
    for _ in range(2):
        assert run("scan", ".", *words, "--index", "i.sqlite").exit_code == 0
    assert (photos / "log.txt").read_text().count("\n") == 2


def test_the_index_command_opens_no_photo(photos: Path) -> None:
    before = contents(photos)
    assert run("index", "--prune", "--index", "A.jpg").exit_code == 2
    assert contents(photos) == before


def test_a_job_with_a_report_that_would_replace_a_photo_is_not_installed(photos: Path) -> None:
    words = ("--at", "02:30", "--kind", "cron", "--print", photos, "--", "--report", "A.jpg")
    result = run("schedule", "install", *words)
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_decision_leaves_a_photo_at_the_place_of_its_file_or_lock(photos: Path) -> None:
    shutil.copy("A.jpg", "ignored.lock")
    before = contents(photos)
    assert run("ignore", "A.jpg", "B.jpg", "--ignored", "C.jpg").exit_code == 3
    assert run("ignore", "A.jpg", "B.jpg", "--ignored", "ignored").exit_code == 2
    assert {name: contents(photos)[name] for name in before} == before


def test_a_plot_replaces_no_photo(photos: Path) -> None:
    Image.fromarray(draw_photo(9)).save(photos / "E.png")
    with pytest.raises(UsageError, match="no plot of dedupe"):
        check_can_plot(str(photos / "E.png"))


def test_an_encoder_is_not_trained_into_a_folder_of_photos(photos: Path) -> None:
    before = contents(photos)
    result = run("train", ".", "--out", ".", "--steps", "1")
    assert (result.exit_code, contents(photos)) == (2, before)


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """A scanned folder with a photo and its copy, with report and summary on disk."""
    disk = tmp_path / "disk"
    disk.mkdir()
    Image.fromarray(draw_photo(1)).save(disk / "a.jpg")
    shutil.copy(disk / "a.jpg", disk / "b.jpg")
    assert run("scan", disk, "--report", tmp_path / "r.csv").exit_code == 0
    return disk


def test_a_report_is_not_replaced_when_a_disk_is_not_mounted(tmp_path: Path, mounted: Path) -> None:
    before = (tmp_path / "r.csv").read_bytes()
    mounted.rename(tmp_path / "unmounted")
    mounted.mkdir()
    result = run("scan", mounted, "--report", tmp_path / "r.csv", "--trash")
    assert result.exit_code == 3
    assert f"it lists 2 files below {mounted}" in result.stderr
    assert (tmp_path / "r.csv").read_bytes() == before
    assert run("scan", mounted, "--report", tmp_path / "r.csv", "--allow-empty").exit_code == 0
    assert (tmp_path / "r.csv").read_bytes() != before


def test_an_empty_folder_does_not_empty_the_report_of_another(
    tmp_path: Path, mounted: Path
) -> None:
    (tmp_path / "empty").mkdir()
    before = (tmp_path / "r.csv").read_bytes()
    result = run("scan", tmp_path / "empty", "--report", tmp_path / "r.csv")
    assert result.exit_code == 3
    assert f"of 1 group by an empty one: no image below {tmp_path / 'empty'}" in result.stderr
    assert run("scan", mounted, "--include", "gif", "--report", tmp_path / "r.csv").exit_code == 3
    assert (tmp_path / "r.csv").read_bytes() == before


def test_a_root_that_keeps_a_listed_file_lost_nothing(tmp_path: Path, mounted: Path) -> None:
    (mounted / "b.jpg").unlink()
    assert run("scan", mounted, "--report", tmp_path / "r.csv").exit_code == 0
    result = run("scan", mounted, "--report", tmp_path / "r.csv", "--include", "*.png")
    assert result.exit_code == 0


@pytest.mark.parametrize("year", [1905, 2262, 2350, 2440])
def test_a_file_from_any_year_is_scanned_reported_and_known_again(photos: Path, year: int) -> None:
    shutil.copy(photos / "A.jpg", photos / "E.jpg")
    time_ns = (year - 1970) * 31_556_952 * 10**9
    os.utime(photos / "E.jpg", ns=(time_ns, time_ns))
    if (photos / "E.jpg").stat().st_mtime_ns != time_ns:
        pytest.skip("this file system holds no such time")
    for _ in range(2):
        assert run("scan", ".", "--report", "r.csv", "--index", "i").exit_code == 0
    assert f",{time_ns}," in (photos / "r.csv").read_text()
