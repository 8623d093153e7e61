"""The help: 80 columns, every option under a heading, flags without a value."""

from __future__ import annotations

import re

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from dedupe.cli import app

COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def help_of(*words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_line_fits_80_columns_and_names_no_type_of_python(command: str) -> None:
    for line in help_of(command).splitlines():
        assert len(line) <= 80
        assert not re.search(r"<(str|int|bool|list|float)", line)


def test_the_list_of_commands_has_whole_first_sentences() -> None:
    shown = help_of()
    assert "..." not in shown.partition("Commands:")[2]
    assert all(f"\n  {command} " in shown for command in COMMANDS)
    assert "--install-completion" not in shown


def test_options_stand_below_their_headings_and_flags_take_no_value() -> None:
    shown = help_of("scan")
    headings = re.findall(r"^([A-Z].*):$", shown, re.MULTILINE)
    assert headings.index("Files to scan") < headings.index("Duplicates and keepers")
    assert headings[-1] == "Options"
    assert re.search(r"^  --hidden  ", shown, re.MULTILINE)
    assert re.search(r"^  --min-size SIZE  ", shown, re.MULTILINE)


def test_an_option_without_a_placeholder_has_one_from_its_type() -> None:
    assert "--originals N " in help_of("evaluate")
    assert "--encoder FOLDER " in help_of("evaluate")
