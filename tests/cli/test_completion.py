"""Completion, in the shells themselves where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dedupe.cli import app

HERE = Path(sys.executable).parent


def complete(shell: str, line: str) -> list[str]:
    """Return what a shell's script is given for a line, the cursor at its end."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_DEDUPE_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    script = "from dedupe.cli import app; app(prog_name='dedupe')"
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    return ran.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("dedupe scan --sensitivity b", "balanced"),
        ("dedupe scan --keep original,most-", "original,most-pixels"),
        ("dedupe scan --format par", "parquet"),
        ("dedupe train --tower res", "resnet50"),
        ("dedupe explain --sensitivity st", "strict"),
        ("dedupe sc", "schedule"),
    ],
)
def test_choices_complete_in_every_shell(shell: str, line: str, wanted: str) -> None:
    assert any(wanted in word for word in complete(shell, line))


@pytest.mark.parametrize(
    ("shell", "mark"),
    [
        ("bash", "complete -o default -F _dedupe_completion dedupe"),
        ("zsh", "compdef _dedupe_completion dedupe"),
        ("fish", "complete --command dedupe"),
        ("powershell", "Register-ArgumentCompleter"),
    ],
)
def test_each_shell_gets_a_script_of_its_own(shell: str, mark: str) -> None:
    printed = CliRunner().invoke(app, ["completion", shell]).stdout
    assert mark in printed
    assert printed.count("_DEDUPE_COMPLETE") >= 1


def test_another_shell_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["completion", "tcsh"])
    assert (result.exit_code, result.stderr) == (
        2,
        "dedupe: no script for 'tcsh'; choose from bash, zsh, fish, powershell\n",
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_accepted_by_its_shell(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "completion"
    script.write_text(CliRunner().invoke(app, ["completion", shell]).stdout)
    checked = subprocess.run([shell, "-n", script], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_fish_lists_the_choices(tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    script = tmp_path / "dedupe.fish"
    script.write_text(CliRunner().invoke(app, ["completion", "fish"]).stdout)
    ran = subprocess.run(
        ["fish", "-c", f"source {script}; complete -C 'dedupe scan --sensitivity b'"],
        env={**os.environ, "PATH": f"{HERE}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.split() == ["balanced"]
