"""`dedupe ignore` as a user meets it: said once, files are never called duplicates again."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import NumpyEncoder, draw, save, write_encoder
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.files.digest import digest_file
from dedupe.ignored.store import default_ignored_path

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command beside the report `r.csv`; scans use the NumPy encoder and no second look."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dedupe.encoder.choice.open_encoder", lambda *_, **__: NumpyEncoder())
    encoder = write_encoder(tmp_path / "encoder")

    def invoke(verb: str, *arguments: str | Path) -> Result:
        options = ["--encoder", encoder, "--report", "r.csv", "--no-index", "--no-verify"]
        every = [verb, *arguments, *(options if verb == "scan" else [])]
        return CliRunner().invoke(app, [str(argument) for argument in every])

    return invoke


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three versions of a cat, one of them twice, and two of a dog."""
    folder = tmp_path / "photos"
    save(draw(1, 192, 144), folder / "cat.png")
    save(draw(1, 192, 144), folder / "cat.jpg", quality=80)
    save(draw(1, 96, 72), folder / "cat small.png")
    (folder / "cat small copy.png").write_bytes((folder / "cat small.png").read_bytes())
    save(draw(2), folder / "dog.jpg", quality=95)
    save(draw(2), folder / "dog again.jpg", quality=60)
    return folder


def groups() -> dict[str, list[str]]:
    """The names of the duplicates in `r.csv`, by the name of their keeper."""
    found: dict[str, list[str]] = {}
    with Path("r.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        for row in csv.DictReader(file):
            names = found.setdefault(os.path.basename(row["keeper"]), [])
            names += [os.path.basename(row["path"])] if row["role"] == "duplicate" else []
    return found


CATS = {"cat.png": ["cat small copy.png", "cat small.png", "cat.jpg"]}
DOGS = {"dog.jpg": ["dog again.jpg"]}


def test_files_that_are_ignored_are_never_reported_again(run: Run, photos: Path) -> None:
    run("scan", photos)
    assert groups() == CATS | DOGS

    result = run("ignore", photos / "dog.jpg", photos / "dog again.jpg")

    assert result.stdout == "2 files will not be reported as duplicates of each other\n"
    (photos / "dog.jpg").rename(photos / "hound.jpg")
    run("scan", photos)
    assert groups() == CATS


def test_a_whole_group_of_a_report_is_ignored(run: Run, photos: Path) -> None:
    run("scan", photos)

    result = run("ignore", "--report", "r.csv", "--group", "1")

    assert result.stdout == "3 files will not be reported as duplicates of each other\n"
    run("scan", photos)
    assert groups() == {"cat small.png": ["cat small copy.png"]} | DOGS


def test_a_group_goes_by_its_number_when_others_were_cut_from_the_report(
    run: Run, photos: Path
) -> None:
    run("scan", photos)
    lines = Path("r.csv").read_text().splitlines(keepends=True)
    Path("r.csv").write_text("".join(line for line in lines if not line.startswith("1,")))

    assert run("ignore", "--report", "r.csv", "--group", "1").exit_code == 2
    run("ignore", "--report", "r.csv", "--group", "2")

    run("scan", photos)
    assert groups() == CATS


def test_a_group_of_a_json_report_goes_by_its_number(run: Run, photos: Path) -> None:
    run("scan", photos, "--format", "json")
    run("ignore", "--report", "r.csv", "--group", "2")
    run("scan", photos)
    assert groups() == CATS


def test_what_is_ignored_is_listed(run: Run, photos: Path) -> None:
    assert run("ignore", "--list").stdout == "nothing is ignored yet\n"
    dogs = [photos / "dog.jpg", photos / "dog again.jpg"]
    run("ignore", *dogs)

    first, *rest = run("ignore", "--list").stdout.splitlines()

    assert first.startswith("not duplicates since 20")
    assert rest == [f"  {digest_file(str(dog))}  {dog}" for dog in dogs]


def test_what_was_forgotten_is_reported_again(run: Run, photos: Path) -> None:
    run("ignore", *photos.glob("dog*"), photos / "cat.png")

    result = run("ignore", "--forget", *photos.glob("dog*"))

    assert result.stdout == "1 pair forgotten; a scan may report them again\n"
    assert run("ignore", "--list").stdout.count("forgotten again since 20") == 1
    run("scan", photos)
    assert groups() == CATS | DOGS


def test_a_whole_group_can_be_forgotten(run: Run, photos: Path) -> None:
    run("scan", photos)
    group = ["--report", "r.csv", "--group", "1"]
    run("ignore", *group)
    assert run("ignore", "--forget", *group).stdout.startswith("3 pairs forgotten")
    assert run("ignore", "--list").stdout == "nothing is ignored yet\n"


def test_saying_it_twice_changes_nothing(run: Run, photos: Path) -> None:
    run("ignore", *photos.glob("dog*"))
    before = default_ignored_path().read_bytes()
    assert run("ignore", *photos.glob("dog*")).stdout.startswith("nothing new")
    assert default_ignored_path().read_bytes() == before


def test_another_file_may_remember(run: Run, photos: Path, tmp_path: Path) -> None:
    mine = ["--ignored", tmp_path / "mine.jsonl"]
    run("ignore", *photos.glob("dog*"), *mine)
    assert not default_ignored_path().exists()

    run("scan", photos)
    assert groups() == CATS | DOGS
    run("scan", photos, *mine)
    assert groups() == CATS


def test_a_name_that_is_no_utf_8_is_listed_and_ignored(run: Run, tmp_path: Path) -> None:
    for name, quality in ((b"caf\xe9.jpg", 95), (b"caf\xe9 2.jpg", 60)):
        save(draw(2), tmp_path / "odd" / os.fsdecode(name), quality=quality)
    assert run("ignore", *(tmp_path / "odd").iterdir()).exit_code == 0
    assert "caf\\xe9.jpg" in run("ignore", "--list").stdout
    run("scan", tmp_path / "odd")
    assert groups() == {}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["dog.jpg"], 2, "a pair takes two files"),
        ([], 2, "say which"),
        (["cat small.png", "cat small copy.png"], 2, "they are the same picture"),
        (["dog.jpg", "dog.jpg"], 2, "they are the same picture"),
        (["dog.jpg", "lost.jpg"], 3, "lost.jpg is not a file"),
        (["dog.jpg", "."], 3, "is not a file"),
        (["dog.jpg", "cat.jpg", "--report", "r.csv", "--group", "1"], 2, "say which"),
        (["--report", "r.csv"], 2, "say which"),
        (["--group", "1"], 2, "say which"),
        (["--report", "r.csv", "--group", "7"], 2, "no group 7"),
        (["--report", "lost.csv", "--group", "1"], 6, "lost.csv"),
        (["--list", "dog.jpg"], 2, "--list"),
        (["--list", "--ignored", "lost.jsonl"], 3, "lost.jsonl: no such file"),
        (["--list", "--ignored", "dog.jpg"], 3, "cannot trust"),
        (["--forget", "dog.jpg", "cat.jpg"], 3, "nothing to forget"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_has_its_exit_code(
    run: Run,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(photos)
    run("scan", photos)
    result = run("ignore", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_group_of_equal_bytes_is_one_picture(run: Run, photos: Path) -> None:
    run("scan", photos / "cat small.png", photos / "cat small copy.png")
    result = run("ignore", "--report", "r.csv", "--group", "1")
    assert result.exit_code == 2
    assert "the same bytes" in result.stderr


def test_a_scan_refuses_a_damaged_file_in_one_line(run: Run, photos: Path) -> None:
    run("ignore", *photos.glob("dog*"))
    with default_ignored_path().open("a") as file:
        file.write('{"since"\n')
    result = run("scan", photos)
    assert result.exit_code == 3
    assert "line 3" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not Path("r.csv").exists()


def test_what_was_ignored_after_the_scan_is_not_moved(run: Run, photos: Path) -> None:
    run("scan", photos)
    run("ignore", "--report", "r.csv", "--group", "1")

    result = run("apply", "r.csv", "--move-to", "aside")

    assert result.exit_code == 0
    assert (
        f"left alone: the group of {photos / 'cat.png'}: files of it were ignored" in result.stderr
    )
    assert [path.name for path in Path("aside").iterdir()] == ["dog again.jpg"]


def test_apply_heeds_another_file_as_well(run: Run, photos: Path, tmp_path: Path) -> None:
    mine = ["--ignored", tmp_path / "mine.jsonl"]
    run("scan", photos)
    run("ignore", *photos.glob("dog*"), *mine)
    moves = run("apply", "r.csv", "--move-to", "aside", "--dry-run", *mine)
    assert "3 files would be moved" in moves.stdout
    assert "dog" not in moves.stdout
