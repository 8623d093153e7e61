"""The commands of the tutorials run in their order, on the sample pictures.

Left out are `review`, which waits for a browser, and `train`, which takes minutes
(tests/siamese/test_build.py runs it).
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from drawings import save_photos
from pages import ROOT, blocks, commands
from posts import Server
from schedulers import set_up
from typer.testing import CliRunner

from dedupe.cli import app
from dedupe.encoder.manifest import BUILT_IN

TUTORIALS = ROOT / "docs" / "tutorials"
SAMPLES = ROOT / "sample_data"
BROKEN = "IMG_2077.jpg"  # a truncated file of the sample pictures


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_page(name: str, **replaced: str) -> dict[str, str]:
    """Run the commands of a tutorial and return what each prints.

    Args:
        name: file of the tutorial.
        replaced: the names of a user's own places, and those of this test.
    """
    outputs = {}
    for line in commands(TUTORIALS / name):
        if line.startswith(("review", "train")):
            continue
        words = line
        for word, place in replaced.items():
            words = words.replace(word, place)
        code, outputs[line] = run(shlex.split(words, comments=True))
        assert (code, line) == (0, line), outputs[line]
    return outputs


def run(words: list[str]) -> tuple[int, str]:
    """Run a command of dedupe and return its exit code and its output."""
    if words[:2] == ["schedule", "run"]:  # it replaces its process by the scan
        command = [sys.executable, "-m", "dedupe", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.output


def test_the_tutorial_of_an_archive_runs(folder: Path) -> None:
    shutil.copytree(SAMPLES, folder / "sample_data")
    outputs = list(run_page("archive.md").values())
    assert len(outputs) == 9
    assert outputs[-2] == "brought 2 files back\n"  # of the pattern
    assert re.fullmatch(r"brought [1-9] files back\n", outputs[-1])  # the others


def test_the_tutorial_of_a_data_set_runs(folder: Path) -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    shutil.copytree(SAMPLES / "2024" / "city", folder / "train")
    shutil.copytree(SAMPLES / "edited", folder / "test")
    shutil.copy(SAMPLES / "2024" / "city" / "DSC_0322.jpg", folder / "train" / "again.jpg")
    shutil.copy(SAMPLES / "2024" / "city" / "DSC_0322.jpg", folder / "query.jpg")
    listed = [str(path) for path in sorted((folder / "train").iterdir())]
    polars.DataFrame({"path": listed}).write_parquet("images.parquet")

    outputs = run_page("data-set.md")
    found: dict[str, object] = {"duckdb": duckdb}
    for block in blocks(TUTORIALS / "data-set.md", "python"):
        exec(compile(block, "data-set.md", "exec"), found)

    assert {(Path(p).parent.name, Path(k).parent.name) for p, k, *_ in rows(found["leaks"])} == {
        ("test", "train"),
        ("train", "train"),
    }
    assert polars.read_parquet("repeats.parquet")["role"].to_list() == ["keep", "duplicate"]
    assert polars.read_parquet("vectors.parquet")["path"].sort().to_list() == listed
    nearest = outputs["near query.jpg train --count 20"].splitlines()
    assert [line.split()[0] for line in nearest[:2]] == ["0.0000", "0.0000"]


def rows(relation: object) -> list[tuple[str, ...]]:
    fetched: list[tuple[str, ...]] = relation.fetchall()  # type: ignore[attr-defined]
    return fetched


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.close()


def test_the_tutorial_of_a_server_runs(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(folder / "machine", monkeypatch).start_user_bus()
    shutil.copytree(SAMPLES, folder / "srv" / "photos", ignore=shutil.ignore_patterns(BROKEN))
    places = {"/srv": str(folder / "srv"), "https://ntfy.sh/my-topic": server.url}
    outputs = run_page("server.md", **places)
    assert outputs["schedule list"].startswith("nightly")
    assert [body["status"] for body in server.bodies] == ["done"]
    printed = outputs["schedule install --at 02:30 --kind systemd --print /srv/photos"]
    assert "OnCalendar=*-*-* 02:30:00" in printed


def test_the_tutorial_of_an_encoder_runs(folder: Path) -> None:
    from onnx_models import write_bytes_model

    for place in ("archive", "Pictures"):
        save_photos(folder / place, 52, side=128)
    shutil.copytree(BUILT_IN, folder / "my-encoder")  # in place of the one that `train` makes
    write_bytes_model(folder / "model.onnx")
    few = {"evaluate ~": "evaluate --originals 1 --distractors 2 ~", "~": str(folder)}
    outputs = run_page("encoder.md", **few)
    assert "uAP" in outputs["evaluate ~/archive --encoder my-encoder"]
    assert "balanced" in outputs["calibrate ~/archive --encoder onnx:model.onnx"]
