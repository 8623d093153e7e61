"""The command line as a user meets it: what is printed, what is written, how it ends."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from pictures import draw, save
from PIL import Image
from skimage import data
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.cli.console import readable
from dedupe.cli.output import describe_search
from dedupe.types import SearchStats


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two photos, a smaller copy and an exact copy of one of them, and a broken file."""
    folder = tmp_path / "archive"
    (folder / "old").mkdir(parents=True)
    cat = Image.fromarray(data.chelsea())
    cat.save(folder / "cat.jpg", quality=92)
    cat.resize((226, 150)).save(folder / "old" / "small cat.jpg", quality=70)
    (folder / "old" / "cat (1).jpg").write_bytes((folder / "cat.jpg").read_bytes())
    Image.fromarray(data.coffee()).save(folder / "coffee.jpg", quality=92)
    (folder / "broken.jpg").write_bytes((folder / "coffee.jpg").read_bytes()[:5000])
    return folder


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(f.relative_to(folder)): (f.read_bytes(), f.stat().st_mtime_ns) for f in files}


def rows(report: str) -> list[tuple[str, str]]:
    return [(row["role"], Path(row["path"]).name) for row in csv.DictReader(report.splitlines())]


CATS = [("keep", "cat.jpg"), ("duplicate", "cat (1).jpg"), ("duplicate", "small cat.jpg")]


def test_scan_writes_the_groups_to_the_report_and_changes_no_photo(archive: Path) -> None:
    before = snapshot(archive)
    report = archive.parent / "r.csv"

    result = run("scan", archive, "--report", report)

    assert result.exit_code == 0
    assert rows(report.read_text()) == CATS
    assert snapshot(archive) == before


def test_scan_prints_its_results(archive: Path) -> None:
    result = run("scan", archive, "--report", archive.parent / "r.csv")

    assert "4 images in" in result.stdout
    assert "1 group, 2 duplicates" in result.stdout
    assert "1 file skipped: 1 truncated or broken" in result.stdout


@pytest.mark.parametrize(
    ("show", "groups"),
    [((), 5), (("--show", "2"), 2), (("--show", "0"), 0), (("--show", "all"), 7)],
)
def test_show_says_how_many_groups_are_printed(
    tmp_path: Path, show: tuple[str, ...], groups: int
) -> None:
    for number in range(7):
        photo = save(draw(number), tmp_path / "photos" / f"{number}.png")
        (tmp_path / "photos" / f"{number} (1).png").write_bytes(photo.read_bytes())
    result = run("scan", tmp_path / "photos", "--report", tmp_path / "r.csv", "--no-index", *show)
    assert result.stdout.count("keep  ") == groups
    assert ("more group" in result.stdout) == (groups < 7)


@pytest.mark.parametrize("show", ["few", "-1", "2.5"])
def test_show_is_a_number_or_all(tmp_path: Path, show: str) -> None:
    result = run("scan", tmp_path, "--show", show)
    assert (result.exit_code, "--show must be a whole number or all" in result.stderr) == (2, True)


def test_an_include_that_matches_nothing_is_a_warning(archive: Path) -> None:
    result = run("scan", archive, "--report", archive.parent / "r.csv", "--include", "jpg")
    assert result.exit_code == 0
    assert "no file matches --include jpg; a pattern such as '*.jpg'" in result.stderr


@pytest.mark.parametrize("name", ["r.xlsx", "r.txt", "r.csv.gz"])
def test_a_report_name_with_an_unknown_suffix_is_an_error_before_the_scan(
    archive: Path, name: str
) -> None:
    result = run("scan", archive, "--report", archive.parent / name)
    assert result.exit_code == 2
    assert "is not a format; choose from csv, json" in result.stderr
    assert not (archive.parent / name).exists()


def test_a_folder_to_move_to_that_is_a_file_is_found_before_the_scan(archive: Path) -> None:
    result = run("scan", archive, "--report", "-", "--move-to", archive / "cat.jpg" / "aside")
    assert (result.exit_code, result.stdout) == (8, "")
    assert "cat.jpg is not a folder" in result.stderr


@pytest.mark.skipif(
    not os.path.isdir("/proc/1"), reason="no folder in which even root creates none"
)
def test_a_folder_to_move_to_where_root_can_create_nothing_is_found_before_the_scan(
    archive: Path,
) -> None:
    result = run("scan", archive, "--report", "-", "--move-to", "/proc/1/aside")
    assert (result.exit_code, result.stdout) == (8, "")
    assert "nothing can be created in /proc/1" in result.stderr


@pytest.mark.skipif(os.access("/proc/1", os.W_OK), reason="no folder that nobody may write to")
@pytest.mark.parametrize("option", ["--report", "--summary", "--metrics", "--log"])
def test_a_folder_that_cannot_be_written_to_is_found_before_the_scan(
    archive: Path, option: str
) -> None:
    named = {"--report": str(archive.parent / "r.csv"), option: "/proc/1/out.csv"}
    result = run("scan", archive, *(word for pair in named.items() for word in pair))
    assert (result.exit_code, result.stdout) == (6, "")
    assert "/proc/1/out.csv: Permission denied" in result.stderr


def test_verbose_prints_how_the_pairs_were_found(archive: Path) -> None:
    told = run("scan", archive, "--report", archive / "r.csv", "--no-index", "--verbose")
    assert "contents: each with all others" in told.stderr
    stats = SearchStats(1_000_000, 4000, 90, 0.99617, 12_345, 200, 150)
    assert describe_search(stats) == (
        "compared 1,000,000 contents: each with those of 90 of 4,000 cells, which finds 99.62% of "
        "the pairs (of 12,345 sampled); 200 have more neighbours than are listed, 150 of them are "
        "represented by another content"
    )


def test_a_report_on_stdout_is_alone_there(archive: Path) -> None:
    result = run("scan", archive, "--report", "-")

    assert rows(result.stdout) == CATS
    assert "1 group, 2 duplicates" in result.stderr


def test_a_json_report_lists_what_was_skipped(archive: Path) -> None:
    report = archive.parent / "r.json"
    run("scan", archive, "--report", report)

    skipped = json.loads(report.read_text())["skipped"]
    assert [(Path(s["path"]).name, s["reason"]) for s in skipped] == [
        ("broken.jpg", "truncated or broken")
    ]


def test_quiet_says_nothing(archive: Path) -> None:
    result = run("scan", archive, "--report", archive.parent / "r.csv", "--quiet")
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["scan", "{tmp}/missing"], 3, "missing"),
        (["scan", "{archive}", "--threshold", "3"], 2, "0 to 2"),
        (["scan", "{archive}", "--sensitivity", "mild"], 2, "balanced"),
        (["scan", "{archive}", "--keep", "prettiest"], 2, "most-pixels"),
        (["scan", "{archive}", "--format", "xml"], 2, "csv, json"),
        (["scan", "{archive}", "--index", "x", "--no-index"], 2, "--no-index"),
        (["scan", "{archive}", "--encoder", "{tmp}"], 4, "not an encoder"),
        (["scan", "{archive}", "--index", "{archive}/cat.jpg"], 2, "another name"),
        (["scan", "{archive}", "--report", "{tmp}/no/r.csv"], 6, "cannot write"),
        (["scan", "{archive}", "--report", "{tmp}/r.csv", "--strict"], 1, ""),
        (["scan", "{archive}", "--report", "{tmp}/r.csv", "--fail-on-duplicates"], 10, ""),
        (["scan", "{archive}", "--device", "gpu"], 4, "no GPU"),
        (["apply", "{tmp}/no.csv", "--move-to", "{tmp}/m"], 6, "no.csv"),
        (["apply", "{tmp}/no.csv"], 2, "--move-to"),
        (["undo"], 8, "no run"),
        (["undo", "20200101T000000Z-000000"], 8, "no run"),
    ],
)
def test_every_failure_is_one_line_and_has_its_exit_code(
    archive: Path, arguments: Sequence[str], code: int, words: str
) -> None:
    filled = [a.format(tmp=archive.parent, archive=archive) for a in arguments]
    result = run(*filled)

    assert result.exit_code == code
    assert words in result.stderr
    assert len(result.stderr.splitlines()) <= 1


def test_scan_moves_duplicates_and_undo_brings_them_back(archive: Path) -> None:
    before = snapshot(archive)
    aside = archive.parent / "aside"

    moved = run("scan", archive, "--report", archive.parent / "r.csv", "--move-to", aside)
    after = snapshot(archive)
    history = run("history")
    undone = run("undo")

    assert moved.exit_code == 0
    assert sorted(set(before) - set(after)) == ["old/cat (1).jpg", "old/small cat.jpg"]
    assert "2 files" in history.stdout
    assert undone.exit_code == 0
    assert snapshot(archive) == before


def test_history_and_a_dry_undo_list_the_files_of_a_run(archive: Path) -> None:
    aside = archive.parent / "aside"
    run("scan", archive, "--report", archive.parent / "r.csv", "--move-to", aside)
    after = snapshot(archive.parent)
    id_ = run("history").stdout.split()[0]
    listed = run("history", id_).stdout.splitlines()
    planned = run("undo", "--dry-run", "--select", "*small*").stdout.splitlines()
    moved = {str(archive / "old" / name) for name in ("cat (1).jpg", "small cat.jpg")}
    assert {line.split(" -> ")[0] for line in listed[:-1]} == moved
    assert planned == [
        f"{aside / 'old' / 'small cat.jpg'} -> {archive / 'old' / 'small cat.jpg'}",
        "1 file would be brought back; nothing was touched",
    ]
    assert snapshot(archive.parent) == after
    run("undo")
    assert all(
        line.endswith("(in its place)") for line in run("history", id_).stdout.split("\n")[:2]
    )


def test_strict_fails_if_a_root_has_no_image(archive: Path) -> None:
    (archive.parent / "empty").mkdir()
    report = archive.parent / "r.csv"
    roots = (archive, archive.parent / "empty")
    assert run("scan", *roots, "--report", report, "--exclude", "broken*").exit_code == 0
    strict = run("scan", *roots, "--report", report, "--exclude", "broken*", "--strict")
    assert strict.exit_code == 3
    assert strict.stderr.endswith("empty: check that the disk is mounted\n")


def test_the_progress_is_json_on_stderr_if_asked_for(archive: Path) -> None:
    result = run("scan", archive, "--report", archive.parent / "r.csv", "--progress", "json")
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert lines[-1]["share"] == 1
    assert {line["stage"]: line.get("unit") for line in lines} == {
        "embed": "images",
        "search": "images",
        "verify": "pairs",
        "keep": "groups",
        "end": None,
    }


def test_the_share_of_max_fraction_is_known_from_a_csv_report(archive: Path) -> None:
    report = archive.parent / "r.csv"
    run("scan", archive, "--report", report)
    aside = archive.parent / "aside"
    stopped = run("apply", report, "--move-to", aside, "--max-fraction", "0.4")
    moved = run("apply", report, "--move-to", aside, "--max-fraction", "0.5")
    assert (stopped.exit_code, moved.exit_code) == (8, 0)
    assert "2 of 4 photos, more than the 0.4 of --max-fraction" in stopped.stderr


def test_a_group_is_a_table_of_kind_pixels_bytes_date_path_and_how(archive: Path) -> None:
    os.utime(archive / "cat.jpg", (1_000_000_000, 1_000_000_000))
    printed = run("scan", archive, "--report", archive.parent / "r.csv").stdout.splitlines()
    words = [line.split("  ") for line in printed[:3]]
    cells = [[word.strip() for word in line if word.strip()] for line in words]
    assert [line[0] for line in cells] == ["keep", "exact", "same"]
    assert [line[1] for line in cells] == ["451 x 300", "451 x 300", "226 x 150"]
    assert cells[0][3] == "2001-09-09"
    assert cells[1][5] == "the same bytes"
    assert "\x1b" not in "".join(printed)


@pytest.mark.parametrize("by_link", [False, True])
def test_what_was_moved_aside_inside_a_root_is_not_scanned_again(
    archive: Path, by_link: bool
) -> None:
    report = archive.parent / "r.csv"
    aside = archive / "duplicates [1]"
    if by_link:
        (archive.parent / "link").symlink_to(aside)
        aside.mkdir()
        aside = archive.parent / "link"
    run("scan", archive, "--report", report, "--move-to", aside)

    result = run("scan", archive, "--report", report, "--move-to", aside)

    assert result.exit_code == 0
    assert rows(report.read_text()) == []
    assert len(snapshot(archive / "duplicates [1]")) == 2


def test_what_apply_moved_aside_inside_a_root_is_not_scanned_again(archive: Path) -> None:
    report = archive.parent / "r.csv"
    run("scan", archive, "--report", report)
    run("apply", report, "--move-to", archive / "aside")
    save(draw(1), archive / "aside" / "other.png")
    (archive / "old" / "cat (2).jpg").write_bytes((archive / "cat.jpg").read_bytes())

    again = run("scan", archive, "--report", report)
    named = run("scan", archive / "aside", "--report", archive.parent / "aside.csv")

    assert "4 images in" in again.stdout  # cat, cat (2), coffee, and the other picture in aside
    assert rows(report.read_text()) == [("keep", "cat.jpg"), ("duplicate", "cat (2).jpg")]
    assert "3 images in" in named.stdout  # a folder that is named is scanned whole
    run("undo")
    assert "6 images in" in run("scan", archive, "--report", report).stdout


def test_apply_leaves_a_group_alone_that_changed_after_the_scan(archive: Path) -> None:
    report = archive.parent / "r.csv"
    run("scan", archive, "--report", report)
    with (archive / "cat.jpg").open("ab") as keeper:
        keeper.write(b"x")
    before = snapshot(archive)

    result = run("apply", report, "--move-to", archive.parent / "aside")

    assert result.exit_code == 7
    assert "left alone" in result.stderr
    assert snapshot(archive) == before


def test_apply_dry_run_prints_the_plan_and_moves_nothing(archive: Path) -> None:
    report = archive.parent / "r.csv"
    run("scan", archive, "--report", report)
    before = snapshot(archive.parent)

    result = run("apply", report, "--move-to", archive.parent / "aside", "--dry-run")

    assert "2 files would be moved" in result.stdout
    assert snapshot(archive.parent) == before


def test_the_module_runs_as_the_command() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "dedupe", "--version"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("dedupe ")


def test_a_name_cannot_write_to_the_terminal() -> None:
    assert readable("a\x1b[31m\nb") == "a\\x1b[31m\\nb"
    assert readable(os.fsdecode(b"caf\xe9")) == "caf\\xe9"


def test_help_loads_nothing_that_only_a_scan_needs() -> None:
    script = (
        "import sys\n"
        "from dedupe.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'numpy', 'cv2', 'PIL', 'simplejpeg', 'scipy', 'joblib', 'faiss', 'rich'}\n"
        "heavy |= {'tqdm', 'email', 'http', 'ssl'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def test_help_and_a_cpu_scan_load_no_tensorflow(archive: Path) -> None:
    script = (
        "import sys\n"
        "from dedupe.cli import app\n"
        "for arguments in (['--help'], ['scan', sys.argv[1], '--report', '-', '-q']):\n"
        "    try: app(arguments)\n"
        "    except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(archive)], check=True, stdout=subprocess.DEVNULL
    )
