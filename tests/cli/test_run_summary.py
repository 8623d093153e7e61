"""What a scan leaves for whoever was not there: a summary, one line, a log; and its lock."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from pictures import draw, save
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.cli.console import Console
from dedupe.files.lock import hold_lock

LINE = (
    r"3 images in \d+\.\d s: 1 group, 1 duplicate \(1 exact\), \S+ \w+ could be freed; "
    "1 file skipped: 1 not an image"
)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two pictures, a copy and a file that is no picture; the current one is `/`."""
    folder = tmp_path / "photos"
    photo = save(draw(1), folder / "a.jpg")
    (folder / "a (1).jpg").write_bytes(photo.read_bytes())
    save(draw(2), folder / "c.jpg")
    (folder / "text.jpg").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    return folder


def test_brief_is_one_line(photos: Path) -> None:
    result = run("scan", photos, "--brief")
    assert re.fullmatch(LINE + "\n", result.stdout)
    assert result.stderr == ""


def test_brief_leaves_stdout_to_the_report(photos: Path) -> None:
    result = run("scan", photos, "--brief", "--report", "-")
    assert result.stdout.startswith("group,role,")
    assert re.fullmatch(LINE + "\n", result.stderr)


def test_brief_prints_how_to_undo_a_move(photos: Path) -> None:
    result = run("scan", photos, "--brief", "--move-to", "aside")
    found = re.fullmatch(LINE + r"; moved 1 file to \S+ \(dedupe undo (\S+)\)\n", result.stdout)
    assert found is not None
    assert run("undo", found[1]).exit_code == 0
    assert (photos / "a (1).jpg").exists()


def test_quiet_and_brief_do_not_go_together(photos: Path) -> None:
    assert run("scan", photos, "--brief", "--quiet").exit_code == 2


def test_a_summary_contains_every_field_for_a_program(photos: Path, tmp_path: Path) -> None:
    began = datetime.now(UTC).replace(microsecond=0)

    run("scan", "photos", "--quiet", "--summary", "s.json", "--move-to", "aside")

    found = json.loads((tmp_path / "s.json").read_text())
    started = datetime.fromisoformat(found.pop("started"))
    assert began <= started <= datetime.now(UTC)
    assert 0 < found.pop("seconds") < 600
    assert re.fullmatch(r"\d{8}T\d{6}Z-\w{6}", found["acted"].pop("run"))
    assert found == {
        "version": version("dedupe-images"),
        "roots": [str(photos)],
        "images": 3,
        "groups": 1,
        "duplicates": 1,
        "kinds": {"exact": 1, "same": 0, "edited": 0},
        "bytes_freed": (photos / "a.jpg").stat().st_size,
        "skipped": {"not an image": 1},
        "report": str(tmp_path / "dedupe-report.csv"),
        "acted": {
            "kind": "move",
            "files": 1,
            "to": str(tmp_path / "aside"),
            "failed": 0,
            "groups_left_alone": 0,
        },
    }


def test_a_summary_is_there_also_when_moves_failed(photos: Path, tmp_path: Path) -> None:
    (photos / "sub").mkdir()
    (photos / "a (1).jpg").rename(photos / "sub" / "a (1).jpg")
    (tmp_path / "aside").mkdir()
    (tmp_path / "aside" / "sub").write_text("in the way")

    result = run("scan", photos, "--brief", "--summary", "s.json", "--move-to", "aside")

    found = json.loads((tmp_path / "s.json").read_text())
    assert result.exit_code == 8
    assert result.stdout.count("\n") == 1
    assert (found["acted"]["files"], found["acted"]["failed"]) == (0, 1)


def test_new_groups_are_reported_if_requested(photos: Path, tmp_path: Path) -> None:
    run("scan", photos, "--quiet")
    save(draw(2), photos / "c (1).jpg")

    result = run("scan", photos, "--brief", "--new-only", "--summary", "s.json")

    assert result.stdout.endswith("; 1 new group, 1 new duplicate since the last report\n")
    assert json.loads((tmp_path / "s.json").read_text())["new"] == {"groups": 1, "duplicates": 1}


def test_without_a_move_or_a_report_file_the_summary_says_so(photos: Path, tmp_path: Path) -> None:
    run("scan", photos, "--quiet", "--summary", "s.json", "--report", "-")
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["report"] is None
    assert "acted" not in found


def test_a_summary_names_a_folder_that_is_not_utf8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        save(draw(1), folder / "a.jpg")
    except OSError:
        pytest.skip("this file system refuses such names")
    run("scan", folder, "--quiet", "--report", "-", "--summary", tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text("ascii"))["roots"] == [str(folder)]


def test_a_failed_scan_leaves_the_older_summary_whole(photos: Path, tmp_path: Path) -> None:
    run("scan", photos, "--quiet", "--summary", "s.json")
    before = (tmp_path / "s.json").read_bytes()

    result = run("scan", "missing", "--quiet", "--summary", "s.json")

    assert result.exit_code == 3
    assert (tmp_path / "s.json").read_bytes() == before


@pytest.mark.parametrize("option", ["--summary", "--log", "--lock"])
def test_a_file_that_cannot_be_written_is_named(photos: Path, option: str) -> None:
    result = run("scan", photos, "--quiet", option, "no/such/folder")
    assert result.exit_code == 6
    assert "no/such/folder: No such file" in result.stderr


def test_a_log_keeps_the_outcome_and_the_trouble_of_every_run(photos: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"

    run("scan", photos, "--quiet", "--log", log)
    run("scan", photos / "missing", "--quiet", "--log", log)
    run("scan", photos, "--quiet")

    first, second = log.read_text().splitlines()
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"
    assert re.fullmatch(f"{time} INFO {LINE}", first)
    assert re.fullmatch(f"{time} WARNING .*missing.*", second)


def test_a_log_is_set_aside_when_it_has_grown(tmp_path: Path) -> None:
    console = Console()
    for _ in range(4):
        console.open_log(str(tmp_path / "log.txt"))
        for _ in range(400):
            console.conclude("x" * 1000, silent=True)
        console.close_log()
    files = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sorted(files) == ["log.txt", "log.txt.1", "log.txt.2", "log.txt.3"]
    assert max(files.values()) <= 256 * 1024


def test_a_scan_that_finds_its_lock_held_does_nothing(photos: Path, tmp_path: Path) -> None:
    with hold_lock(tmp_path / "lock"):
        result = run("scan", photos, "--lock", "lock", "--summary", "s.json", "--log", "log.txt")
    after = run("scan", photos, "--lock", "lock", "--quiet")

    assert result.exit_code == 11
    assert f"another run holds the lock lock: pid {os.getpid()} on" in result.stderr
    assert "another run holds the lock" in (tmp_path / "log.txt").read_text()
    assert not (tmp_path / "s.json").exists()
    assert after.exit_code == 0


def test_a_scan_that_may_not_act_leaves_its_record(photos: Path, tmp_path: Path) -> None:
    result = run(
        *("scan", photos, "--brief", "--summary", "s.json", "--log", "log.txt"),
        *("--move-to", "aside", "--max-actions", "0"),
    )
    found = json.loads((tmp_path / "s.json").read_text())
    assert result.exit_code == 8
    assert re.fullmatch(LINE + "\n", result.stdout)
    assert found["duplicates"] == 1
    assert "acted" not in found
    assert [line.split()[1] for line in (tmp_path / "log.txt").read_text().splitlines()] == [
        "INFO",
        "WARNING",
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_log_on_a_full_disk_is_one_warning_and_the_scan_ends_as_it_should(
    photos: Path, tmp_path: Path
) -> None:
    result = run("scan", photos, "--quiet", "--report", "r.csv", "--log", "/dev/full")
    assert result.exit_code == 0
    assert (
        result.stderr
        == "dedupe: cannot write the log /dev/full: [Errno 28] No space left on device\n"
    )
    assert (tmp_path / "r.csv").exists()


def test_a_new_log_and_summary_are_readable_by_their_owner_only(
    photos: Path, tmp_path: Path
) -> None:
    run("scan", photos, "--quiet", "--log", "log.txt", "--summary", "s.json", "--index", "i")
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("log.txt", "s.json", "i")}
    assert modes == dict.fromkeys(modes, 0o600)
