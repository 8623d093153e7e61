"""The documentation: every command is one that dedupe takes, and the site builds."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import write_reference
from pages import PAGES, ROOT, blocks, commands
from typer.main import get_command

from dedupe.cli import app
from dedupe.cli.help import list_options
from dedupe.cli.options import given, read_values, words_of
from dedupe.cli.scan import GROUPS

COMMANDS = [
    pytest.param(line, id=f"{path.name}: {line}"[:80]) for path in PAGES for line in commands(path)
]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_in_the_docs_is_one_that_dedupe_takes(line: str) -> None:
    command: Any = get_command(app)
    words = shlex.split(line, comments=True)
    context = command.make_context("dedupe", [], resilient_parsing=True)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        command = command.commands[words.pop(0)]
    if words in (["--help"], ["--version"]):
        return
    made = command.make_context(command.name, words, parent=context)
    if command.name == "scan":
        values = {k: v for k, v in made.params.items() if k != "config"}
        read_values(given(values), words_of(GROUPS.values()))


def test_the_pages_have_commands_to_test() -> None:
    assert len(COMMANDS) > 60


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_code_in_a_page_parses(path: Path) -> None:
    for block in blocks(path, "python"):
        compile(block, path.name, "exec")
    for block in blocks(path, "toml"):
        tomllib.loads(block)
    for block in blocks(path, "json"):
        json.loads(block)


def test_the_recipes_show_the_examples_that_are_tested() -> None:
    page = (ROOT / "docs" / "recipes.md").read_text("utf-8")
    for name in ("fiftyone_groups", "filter_dataset"):
        assert (ROOT / "docs" / "examples" / f"{name}.py").read_text("utf-8").rstrip() in page


def test_the_manual_page_has_a_section_for_every_command_and_every_option() -> None:
    written = write_reference.manual().replace("\\-", "-")
    for words, command, context in write_reference.list_commands():
        if words != "dedupe":
            assert f".SS {words} " in written
            for rows in list_options(command, context).values():
                assert all(
                    name in written for name, _ in rows if name not in ("--help", "-h, --help")
                )


def test_the_manual_page_of_the_wheel_knows_every_command() -> None:
    text = write_reference.MANUAL.read_text("utf-8")
    sections = re.findall(r"^\.SS dedupe ([a-z ]+)", text, re.MULTILINE)
    commands = {words.removeprefix("dedupe ") for words, _, _ in write_reference.list_commands()}
    assert {section.strip() for section in sections} == commands - {"dedupe"}


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_the_manual_page_has_no_error_of_troff() -> None:
    ran = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", write_reference.MANUAL],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in ran.stdout.splitlines() if "missing date" not in line] == []


def test_every_page_is_in_the_navigation() -> None:
    site = tomllib.loads((ROOT / "docs" / "site.toml").read_text("utf-8"))
    listed = set(re.findall(r"'([^']+\.md)'", str(site["project"]["nav"])))
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert listed == pages | {"commands.md", "api.md"}


@pytest.mark.skipif(
    importlib.util.find_spec("zensical") is None, reason="pip install 'dedupe-images[docs]'"
)
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    script = ROOT / "docs" / "build_site.py"
    built = subprocess.run(
        [sys.executable, script, "--out", tmp_path / "site"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert "No issues found" in built.stderr
    api = (tmp_path / "site" / "api.html").read_text("utf-8")
    assert "find_neighbours" in api
    assert "--sensitivity NAME" in (tmp_path / "site" / "commands.html").read_text("utf-8")
