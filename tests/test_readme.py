"""README says what the program does."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dedupe.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def without_times(text: str) -> str:
    """Return text without what another clone prints otherwise: seconds and days of files."""
    return re.sub(r"\d{4}-\d\d-\d\d", "2024-01-01", re.sub(r"in \d+\.\d s", "in 0.0 s", text))


def test_the_transcript_is_what_a_scan_of_the_sample_pictures_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    monkeypatch.chdir(tmp_path)
    block = re.search(r"```console\n\$ dedupe scan sample_data\n(.*?)```", README, re.DOTALL)
    assert block is not None

    printed = CliRunner().invoke(app, ["scan", "sample_data"]).stdout

    assert without_times(printed) == without_times(block[1])


def test_readme_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)", README))
def test_a_link_leads_to_a_file(link: str) -> None:
    assert (ROOT / link).exists()


def test_both_commands_of_a_fresh_machine_are_there() -> None:
    assert "\npip install . && dedupe scan sample_data\n" in README
    assert len(re.findall(r"^pip install .*pytest", README, re.MULTILINE)) == 1
