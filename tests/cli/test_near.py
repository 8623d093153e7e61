"""`dedupe near` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pictures import draw, save
from typer.testing import CliRunner, Result

from dedupe.cli import app


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["near", *(str(argument) for argument in arguments)])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A picture, a smaller copy, and another picture."""
    save(draw(1, 640, 480), tmp_path / "photos" / "a.png")
    save(draw(1, 320, 240), tmp_path / "photos" / "small.jpg", quality=90)
    save(draw(2, 640, 480), tmp_path / "photos" / "other.png")
    return tmp_path / "photos"


def test_the_nearest_images_are_listed_with_their_verdicts(photos: Path) -> None:
    result = run(photos / "a.png", photos, "--no-index")
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    assert [Path(line[1]).name for line in lines] == ["small.jpg", "other.png"]
    assert [line[-1] for line in lines] == ["copy", "not a copy"]
    assert float(lines[0][0]) < float(lines[1][0])


def test_json_lists_the_same_and_count_bounds_the_list(photos: Path) -> None:
    result = run(photos / "a.png", photos, "--no-index", "--json", "--count", "1")
    (found,) = json.loads(result.stdout)
    assert [Path(path).name for path in found["paths"]] == ["small.jpg"]
    assert (found["is_copy"], found["how"]) == (True, "")


def test_options_choose_the_files_to_search(photos: Path) -> None:
    result = run(photos / "a.png", photos, "--no-index", "--no-verify", "--exclude", "small*")
    (line,) = result.stdout.splitlines()
    assert line.endswith("other.png  (640 x 480 PNG)")


def test_an_indexed_search_finds_the_same_without_listing_a_folder(photos: Path) -> None:
    listed = run(photos / "a.png", photos)  # fills the index
    save(draw(1, 600, 450), photos / "new.png")
    (photos / "other.png").unlink()
    indexed = run(photos / "a.png", photos, "--indexed")
    assert indexed.stdout == listed.stdout.splitlines(keepends=True)[0]
    elsewhere = run(photos / "a.png", photos.parent / "photo", "--indexed")
    assert (elsewhere.exit_code, elsewhere.stdout) == (0, "")


def test_an_indexed_search_takes_no_rules_of_a_walk(photos: Path) -> None:
    result = run(photos / "a.png", photos, "--indexed", "--hidden")
    assert (result.exit_code, "have no effect" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{photos}/none.png", "{photos}"], 3, "none.png"),
        (["{photos}/a.png", "{photos}/none"], 3, "none"),
        (["{photos}/a.png", "{photos}", "--min-size", "huge"], 2, "--min-size"),
    ],
)
def test_every_failure_is_one_line_and_has_its_exit_code(
    photos: Path, arguments: list[str], code: int, words: str
) -> None:
    result = run(*(argument.format(photos=photos) for argument in arguments), "--no-index")
    assert result.exit_code == code
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
