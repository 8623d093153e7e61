"""`dedupe index` as a user meets it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pictures import NumpyEncoder, draw, save, write_encoder
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.index.embedding_index import default_index_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photos that a scan remembers in the index of the user."""
    monkeypatch.setattr("dedupe.encoder.choice.open_encoder", lambda *_, **__: NumpyEncoder())
    encoder = write_encoder(tmp_path / "encoder")
    for number in range(3):
        save(draw(number), tmp_path / "photos" / f"{number}.png")
    result = run("scan", tmp_path / "photos", "--encoder", encoder, "--no-verify",
                 "--report", tmp_path / "r.csv")  # fmt: skip
    assert result.exit_code == 0
    return tmp_path


def test_it_says_where_the_index_lies_and_what_it_holds(scanned: Path) -> None:
    said = run("index").stdout
    assert said.startswith(f"{default_index_path()}: 3 files, 3 contents, 3 vectors, 0 verdicts, ")
    assert said.endswith("B\n")
    assert scanned.exists()


def test_pruning_forgets_what_is_gone_and_says_how_much(scanned: Path) -> None:
    os.remove(scanned / "photos" / "1.png")
    said = run("index", "--prune").stdout.splitlines()
    assert said[0] == "forgot 1 file, 1 vector and 0 verdicts"
    assert ": 2 files, 2 contents, 2 vectors, " in said[1]


def test_only_the_encoder_that_is_named_keeps_its_vectors(scanned: Path) -> None:
    kept = run("index", "--prune", "--only-encoder", scanned / "encoder").stdout
    assert "forgot 0 files, 0 vectors" in kept
    assert (
        "forgot 0 files, 3 vectors" in run("index", "--prune", "--only-encoder", "default").stdout
    )


def test_where_no_scan_has_been_nothing_is_made(tmp_path: Path) -> None:
    result = run("index", "--index", tmp_path / "none.sqlite")
    assert result.exit_code == 3
    assert f"there is no index at {tmp_path / 'none.sqlite'}" in result.stderr
    assert not list(tmp_path.iterdir())


def test_what_prune_keeps_is_said_beside_prune_only(scanned: Path) -> None:
    result = run("index", "--only-encoder", scanned / "encoder")
    assert result.exit_code == 2
    assert "give both" in result.stderr
