"""`dedupe doctor`: every fact is there, and a broken part hides no other."""

from __future__ import annotations

import importlib
import json
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from dedupe.cli import app
from dedupe.errors import ScheduleError
from dedupe.index.embedding_index import default_index_path


def examine() -> dict[str, str]:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0
    found: dict[str, str] = json.loads(result.stdout)
    return found


def test_versions_codecs_device_index_and_scheduler_are_listed() -> None:
    found = examine()
    assert set(found) == {
        *("dedupe", "python", "libraries", "extras", "formats", "device", "encoder", "index"),
        *("runs", "scheduler"),
    }
    assert f"numpy {version('numpy')}" in found["libraries"]
    assert "missing" not in found["libraries"]
    assert "table" in found["extras"].split(", ")
    assert {"jpg", "heic", "webp"} <= set(found["formats"].split())
    assert "runtime litert" in found["device"]
    assert found["index"].startswith("none at ")
    assert found["runs"].startswith("0 runs in ")
    assert found["index"].startswith("none at ")


def test_a_broken_part_is_a_line_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    default_index_path().parent.mkdir(parents=True)
    default_index_path().write_text("no index")

    def fail() -> None:
        raise ScheduleError("no scheduler")

    monkeypatch.setattr(importlib.import_module("dedupe.cli.doctor"), "_scheduler", fail)
    found = examine()
    assert found["index"].endswith(": no index of dedupe")
    assert default_index_path().read_text() == "no index"
    assert found["scheduler"] == "ScheduleError: no scheduler"
    assert "px" in found["encoder"]


def test_the_lines_begin_with_the_names() -> None:
    lines = CliRunner().invoke(app, ["doctor"]).stdout.splitlines()
    assert [line.split()[0] for line in lines][:3] == ["dedupe", "python", "libraries"]
