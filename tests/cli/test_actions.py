"""What becomes of duplicates, as a user asks for it: one action, with care, and back again."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from builders import a_group, a_report, snapshot, write_photo
from pictures import draw
from PIL import Image
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.cli.console import Console
from dedupe.report import write_report


def a_jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()


def run(*arguments: str | Path, typed: str = "") -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report of an exact and a near duplicate, in JSON, which says how many images there were."""
    photos = tmp_path / "photos"
    write_report(
        a_report(
            a_group(
                write_photo(photos / "a.jpg", b"a"),
                write_photo(photos / "copy of a.jpg", b"a"),
                kind="exact",
                distance=0.0,
            ),
            a_group(
                write_photo(photos / "b.jpg", a_jpeg(draw(2))),
                write_photo(photos / "small b.jpg", a_jpeg(draw(2, 48, 36))),
            ),
        ),
        str(tmp_path / "r.json"),
        format="json",
    )
    return tmp_path / "r.json"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("option", "said"),
    [("--hardlink", "1 file replaced by hard links"), ("--symlink", "1 file replaced by symbolic")],
)
def test_links_replace_the_same_bytes_and_nothing_else(
    report: Path, photos: Path, option: str, said: str
) -> None:
    before = snapshot(photos)
    result = run("apply", report, option)
    assert result.exit_code == 0
    assert said in result.stdout
    assert "1 duplicate left in place" in result.stdout
    assert os.path.samefile(photos / "a.jpg", photos / "copy of a.jpg")
    assert run("undo").exit_code == 0
    assert snapshot(photos) == before


def test_deleting_needs_a_yes(report: Path, photos: Path) -> None:
    before = snapshot(photos)
    refused = run("apply", report, "--delete")
    assert refused.exit_code == 2
    asked = "--delete asks before it deletes 2 files, and there is no terminal; add --yes"
    assert asked in refused.stderr
    assert snapshot(photos) == before
    assert run("apply", report, "--delete", "--yes").exit_code == 0
    assert sorted(Path(path).name for path in snapshot(photos)) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("typed", ["n\n", ""])  # the end of the input, as Ctrl-D
def test_a_question_answered_with_no_ends_quietly(
    report: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr(Console, "can_ask", lambda _self: True)
    before = snapshot(photos)
    refused = run("apply", report, "--delete", typed=typed)
    assert (refused.exit_code, refused.stderr) == (0, "")
    assert refused.stdout.endswith("nothing was changed\n")
    assert snapshot(photos) == before
    assert run("apply", report, "--delete", typed="y\n").exit_code == 0
    assert snapshot(photos) != before


def test_an_edited_duplicate_is_deleted_only_if_its_kind_is_chosen(
    tmp_path: Path, photos: Path
) -> None:
    near = a_group(
        write_photo(photos / "c.jpg", a_jpeg(draw(3))),
        write_photo(photos / "d.jpg", a_jpeg(draw(3, 48, 36))),
        kind="edited",
    )
    write_report(a_report(near), tmp_path / "edited.json")
    kept = run("apply", tmp_path / "edited.json", "--delete", "--yes")
    assert "1 duplicate of the kind edited left in place; --kinds chooses" in kept.stdout
    assert (photos / "d.jpg").exists()
    moved = run("apply", tmp_path / "edited.json", "--move-to", tmp_path / "a", "--dry-run")
    assert "1 file would be moved" in moved.stdout
    options = ("--delete", "--yes", "--kinds", "edited")
    done = run("apply", tmp_path / "edited.json", *options)
    assert done.exit_code == 0, done.output
    assert "deleted 1 file" in done.stdout, done.output
    assert not (photos / "d.jpg").exists()


def test_undo_brings_back_the_deleted_file_that_had_a_twin_and_names_the_other(
    report: Path, photos: Path
) -> None:
    run("apply", report, "--delete", "--yes")
    result = run("undo")
    assert result.exit_code == 8
    assert "small b.jpg: was deleted, and no other file had its bytes" in result.stderr
    assert "brought 1 file back" in result.stdout
    assert (photos / "copy of a.jpg").read_bytes() == b"a"


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        (["--kinds", "exact"], ["copy of a.jpg"]),
        (["--kinds", "same,edited"], ["small b.jpg"]),
        (["--select", "small*"], ["small b.jpg"]),
        (["--max-distance", "0.05"], ["copy of a.jpg"]),
        (["--select", "none*"], []),
    ],
)
def test_part_of_a_report_can_be_applied(
    report: Path, photos: Path, options: list[str], gone: list[str]
) -> None:
    before = snapshot(photos)
    assert run("apply", report, "--move-to", photos.parent / "out", *options).exit_code == 0
    assert sorted(Path(p).name for p in before.keys() - snapshot(photos).keys()) == gone


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--max-actions", "1"], "2 photos, more than the 1 of --max-actions"),
        (["--max-fraction", "0.01"], "2 of 100 photos, more than the 0.01 of --max-fraction"),
    ],
)
def test_a_mass_removal_is_stopped_before_it_begins(
    report: Path, photos: Path, options: list[str], words: str
) -> None:
    before = snapshot(photos)
    result = run("apply", report, "--move-to", photos.parent / "out", *options)
    assert result.exit_code == 8
    assert words in result.stderr
    assert snapshot(photos) == before
    assert "no run changed a file yet" in run("history").stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--trash", "--hardlink"], "--trash and --hardlink do not go together"),
        (["--move-to", "x", "--delete"], "--move-to and --delete do not go together"),
        ([], "say which report, and what to do"),
        (["--trash", "--kinds", "twins"], "--kinds 'twins' is unknown"),
        (["--trash", "--sidecars", "eat"], "--sidecars 'eat' is unknown"),
    ],
)
def test_what_does_not_fit_together_is_a_mistake_of_usage(
    report: Path, photos: Path, options: list[str], words: str
) -> None:
    before = snapshot(photos)
    result = run("apply", report, *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert snapshot(photos) == before


def test_part_of_a_run_can_be_undone(report: Path, photos: Path) -> None:
    before = snapshot(photos)
    run("apply", report, "--move-to", photos.parent / "out")
    assert run("undo", "--select", "small*").exit_code == 0
    assert sorted(Path(p).name for p in before.keys() - snapshot(photos).keys()) == [
        "copy of a.jpg"
    ]
    assert "undone in part" in run("history").stdout
    assert run("undo").exit_code == 0
    assert snapshot(photos) == before


def test_a_damaged_journal_of_another_run_is_reported_and_does_not_block(
    report: Path, photos: Path
) -> None:
    run("apply", report, "--move-to", photos.parent / "out")
    [journal] = Path(os.environ["XDG_STATE_HOME"]).rglob("*.jsonl")
    (journal.parent / "20200101T000000Z-000000.jsonl").write_bytes(b"no journal\n")
    history = run("history")
    assert history.exit_code == 0
    assert "is damaged in line 1" in history.stderr
    assert "moved 2 files to" in history.stdout
    assert run("undo").exit_code == 0
    assert (photos / "small b.jpg").exists()


@pytest.mark.parametrize(
    "options",
    [["--select", "*"], ["--kinds", "exact"], ["--max-actions", "0"], ["--sidecars", "stay"]],
)
def test_what_would_not_hold_for_a_resumed_run_is_refused(options: list[str]) -> None:
    result = run("apply", "--resume", "20260512T023004Z-5f2c1e", *options)
    assert result.exit_code == 2
    assert "give nothing beside it" in result.stderr


def test_an_interrupt_prints_how_to_continue(
    report: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = snapshot(photos)
    with monkeypatch.context() as patch:
        patch.setattr("dedupe.apply.execute.do_action", interrupt)
        result = run("apply", report, "--move-to", photos.parent / "out")
    assert result.exit_code == 130
    [told] = re.findall("dedupe apply --resume ([^`]+)`", result.stderr)
    assert snapshot(photos) == before
    assert run("apply", "--resume", told).exit_code == 0
    assert run("undo", told).exit_code == 0
    assert snapshot(photos) == before


def test_apply_within_a_folder_touches_nothing_if_the_report_names_a_file_outside(
    report: Path, photos: Path
) -> None:
    (photos.parent / "other").mkdir()
    before = snapshot(photos)
    result = run("apply", report, "--delete", "--yes", "--within", photos.parent / "other")
    assert result.exit_code == 6
    assert f"{photos}/a.jpg', which is outside of {photos.parent}/other" in result.stderr
    assert snapshot(photos) == before
    assert run("apply", report, "--delete", "--yes", "--within", photos).exit_code == 0


def test_undo_takes_the_last_run_although_the_clock_went_back(report: Path, photos: Path) -> None:
    first = run("apply", report, "--move-to", photos.parent / "out", "--kinds", "exact")
    second = run("apply", report, "--move-to", photos.parent / "out", "--kinds", "same")
    assert (first.exit_code, second.exit_code) == (0, 0)
    runs = [re.findall("dedupe undo ([^`\\s]+)", result.stdout)[0] for result in (first, second)]
    [folder] = {path.parent for path in Path(os.environ["XDG_STATE_HOME"]).rglob("*.jsonl")}
    for name, year in zip(runs, ("2031", "2019"), strict=True):
        (folder / f"{name}.jsonl").rename(folder / f"{year}{name[4:]}.jsonl")
    assert run("undo").exit_code == 0
    assert (photos / "small b.jpg").exists()
    assert not (photos / "copy of a.jpg").exists()
    assert run("undo").exit_code == 0
    assert (photos / "copy of a.jpg").exists()
