"""`dedupe scan --config`: options from a file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from pictures import draw, save
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.cli.config import read_config
from dedupe.cli.options import words_of
from dedupe.cli.scan import GROUPS
from dedupe.errors import UsageError

WORDS = words_of(GROUPS.values())


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
    assert read_config(str(config), WORDS) == {
        "index": None,
        "min_size": 5,
        "threshold": 1,
        "one_file_system": False,
    }


def test_paths_are_absolute_and_the_home_is_known(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    config = configure(folder, 'roots = ["~/Pictures", "/srv", "x/../y"]\nreport = "-"')
    assert read_config(str(config), WORDS) == {
        "roots": ["/home/ada/Pictures", "/srv", str(folder / "y")],
        "report": "-",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kep = 'oldest'", "there is no option 'kep'; known are across, allow-empty"),
        ("[scan]\nkeep = 'oldest'", "there is no option 'scan'"),
        ("config = 'other.toml'", "there is no option 'config'"),
        ("keep = 1", "'keep' must be a list of strings, not 1"),
        ("keep = 'prettiest'", "'keep' 'prettiest' is unknown; choose from original, most-pixels"),
        ("report = ''", "'report' must not be empty"),
        ("no-index = 1", "'no-index' must be true or false, not 1"),
        ("min-size = '10 parsecs'", "'min-size': '10 parsecs' is not a size"),
        ("hidden = 'yes'", "'hidden' must be true or false, not 'yes'"),
        ("hidden = 1", "'hidden' must be true or false, not 1"),
        ("min-size = true", "'min-size' must be a whole number, not True"),
        ("max-depth = 1.5", "'max-depth' must be a whole number, not 1.5"),
        ("threshold = '0.5'", "'threshold' must be a number, not '0.5'"),
        ("roots = 'photos'", "'roots' must be a list of strings, not 'photos'"),
        ("exclude = ['a', 1]", "'exclude' must be a list of strings"),
        ("no-index = true\nno_index = true", "'no_index' sets index a second time"),
        ("no-index = true\nindex = 'i'", "'index' sets index a second time"),
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
    assert "dedupe.toml: 'max-depth' must be at least 1, not 0" in result.stderr


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    result = run("scan", folder / "photos", "--config", folder / "none.toml")
    assert result.exit_code == 2
    assert f"cannot read the configuration {folder}/none.toml: No such file" in result.stderr


def test_a_file_that_is_not_utf8_is_refused(folder: Path) -> None:
    config = folder / "latin.toml"
    config.write_bytes(b"keep = 'caf\xe9'")
    with pytest.raises(UsageError, match="is not TOML"):
        read_config(str(config), WORDS)


@pytest.mark.parametrize("config", ["", "keep = 'oldest'"])
def test_without_roots_anywhere_a_scan_says_what_to_give(folder: Path, config: str) -> None:
    options = ["--config", str(configure(folder, config))] if config else []
    result = run("scan", *options)
    assert result.exit_code == 2
    assert result.stderr == (
        "dedupe: say what to scan: dedupe scan FOLDER..., or `roots` in a --config file\n"
    )


def test_every_option_that_names_a_file_is_relative_to_the_configuration(folder: Path) -> None:
    paths = [n for n, word in WORDS.items() if word.setting.is_path and not word.is_flag]
    listed = {"roots", "protect"}
    lines = (f"{name} = {['x'] if name in listed else 'x'!r}" for name in paths)
    values = read_config(str(configure(folder, "\n".join(lines))), WORDS)
    assert set(values) == {
        *("roots", "protect", "report", "move_to", "within", "encoder", "index", "ignored"),
        *("page", "summary", "log", "lock", "files_from", "store", "metrics"),
    }
    assert all(value in (str(folder / "x"), [str(folder / "x")]) for value in values.values())


def test_sizes_are_numbers_or_words(folder: Path) -> None:
    assert read_config(str(configure(folder, "min-size = '10kB'")), WORDS) == {"min_size": 10_000}


def test_a_flag_that_is_false_is_the_default(folder: Path) -> None:
    text = "no-index = false\nno-verify = false\nhidden = false"
    assert read_config(str(configure(folder, text)), WORDS) == {"hidden": False}


def test_the_negation_of_an_option_excludes_it(folder: Path) -> None:
    result = run("scan", folder / "photos", "--index", "i", "--no-index")
    assert result.exit_code == 2
    assert result.stderr == "dedupe: --index and --no-index do not go together\n"
