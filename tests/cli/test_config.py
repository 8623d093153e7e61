"""`dedupe scan --config`: options from a file."""

from __future__ import annotations

import csv
import typing
from pathlib import Path

import pytest
from pictures import draw, save
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.cli.config import PATHS, option_types, read_config
from dedupe.cli.scan import scan
from dedupe.errors import UsageError

_WORDS = {"format", "sensitivity", "keep", "include", "exclude", "device", "runtime", "sidecars"}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder `photos` with a picture and a copy, and room for a configuration beside it."""
    photo = save(draw(1), tmp_path / "photos" / "a.jpg")
    (tmp_path / "photos" / "b (1).jpg").write_bytes(photo.read_bytes())
    return tmp_path


def configure(folder: Path, text: str) -> Path:
    path = folder / "dedupe.toml"
    path.write_text(text, "utf-8")
    return path


def kept(report: Path) -> list[str]:
    rows = csv.DictReader(report.read_text().splitlines())
    return [Path(row["path"]).name for row in rows if row["role"] == "keep"]


def test_a_file_gives_roots_and_options_relative_to_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(
        folder, 'roots = ["photos"]\nreport = "r.csv"\nkeep = "longest-path"\nquiet = true\n'
    )
    monkeypatch.chdir("/")

    result = run("scan", "--config", config)

    assert (result.exit_code, result.output) == (0, "")
    assert kept(folder / "r.csv") == ["b (1).jpg"]


def test_the_command_line_wins_over_the_file(folder: Path) -> None:
    config = configure(
        folder, 'roots = ["missing"]\nreport = "r.csv"\nkeep = "longest-path"\nexclude = ["*"]\n'
    )

    result = run(
        *("scan", folder / "photos", "--config", config),
        *("--keep", "shortest-path", "--exclude", "*.png", "--report", folder / "other.csv"),
    )

    assert result.exit_code == 0
    assert kept(folder / "other.csv") == ["a.jpg"]
    assert not (folder / "r.csv").exists()


def test_names_have_dashes_or_underscores(folder: Path) -> None:
    config = configure(
        folder, "no-index = true\nmin_size = 5\nthreshold = 1\none-file-system=false"
    )
    assert read_config(config, option_types(scan)) == {
        "no_index": True,
        "min_size": 5,
        "threshold": 1,
        "one_file_system": False,
    }


def test_paths_are_absolute_and_the_home_is_known(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    config = configure(folder, 'roots = ["~/Pictures", "/srv", "x/../y"]\nreport = "-"\nindex = ""')
    assert read_config(config, option_types(scan)) == {
        "roots": ["/home/ada/Pictures", "/srv", str(folder / "y")],
        "report": "-",
        "index": "",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kep = 'oldest'", "there is no option 'kep'; known are across, allow-empty"),
        ("[scan]\nkeep = 'oldest'", "there is no option 'scan'"),
        ("config = 'other.toml'", "there is no option 'config'"),
        ("keep = 1", "'keep' must be a string, not 1"),
        ("hidden = 'yes'", "'hidden' must be true or false, not 'yes'"),
        ("hidden = 1", "'hidden' must be true or false, not 1"),
        ("min-size = true", "'min-size' must be a whole number, not True"),
        ("max-depth = 1.5", "'max-depth' must be a whole number, not 1.5"),
        ("threshold = '0.5'", "'threshold' must be a number, not '0.5'"),
        ("roots = 'photos'", "'roots' must be a list of strings, not 'photos'"),
        ("exclude = ['a', 1]", "'exclude' must be a list of strings"),
        ("no-index = true\nno_index = true", "'no_index' is there twice"),
        ("keep = ", "is not TOML: Invalid value (at"),
        ("\x00", "is not TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line_that_names_file_and_key(
    folder: Path, text: str, words: str
) -> None:
    config = configure(folder, text)

    result = run("scan", folder / "photos", "--config", config)

    assert result.exit_code == 2
    assert str(config) in result.stderr
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_number_out_of_range_is_refused_as_on_the_command_line(folder: Path) -> None:
    config = configure(folder, "max-depth = 0")
    result = run("scan", folder / "photos", "--config", config)
    assert result.exit_code == 2
    assert "--max-depth" in result.stderr


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    result = run("scan", folder / "photos", "--config", folder / "none.toml")
    assert result.exit_code == 2
    assert f"cannot read the configuration {folder}/none.toml: No such file" in result.stderr


def test_a_file_that_is_not_utf8_is_refused(folder: Path) -> None:
    config = folder / "latin.toml"
    config.write_bytes(b"keep = 'caf\xe9'")
    with pytest.raises(UsageError, match="is not TOML"):
        read_config(config, option_types(scan))


@pytest.mark.parametrize("config", ["", "keep = 'oldest'"])
def test_without_roots_anywhere_a_scan_says_what_to_give(folder: Path, config: str) -> None:
    options = ["--config", str(configure(folder, config))] if config else []
    result = run("scan", *options)
    assert result.exit_code == 2
    assert result.stderr == (
        "dedupe: say what to scan: dedupe scan FOLDER..., or `roots` in a --config file\n"
    )


def test_every_option_that_is_text_is_known_to_be_a_path_or_not() -> None:
    text = {
        name
        for name, hint in option_types(scan).items()
        if str in (hint, *typing.get_args(hint)) or list[str] in (hint, *typing.get_args(hint))
    }
    assert text == PATHS | _WORDS
