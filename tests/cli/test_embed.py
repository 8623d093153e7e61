"""`dedupe embed` as a user meets it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pictures import draw, save
from typer.testing import CliRunner, Result

import dedupe
from dedupe.cli import app
from dedupe.encoder.manifest import read_manifest


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["embed", *map(str, arguments), "--no-index"])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures, an exact copy of one, and a broken file."""
    first = save(draw(1), tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "a (1).png").write_bytes(first.read_bytes())
    save(draw(2), tmp_path / "photos" / "b.png")
    (tmp_path / "photos" / "broken.png").write_text("no picture")
    return tmp_path / "photos"


def test_every_file_has_a_row_with_its_unit_vector(photos: Path, tmp_path: Path) -> None:
    result = run(photos, "--out", tmp_path / "v.parquet")
    table = pq.read_table(tmp_path / "v.parquet")
    names = [Path(path).name for path in table["path"].to_pylist()]
    vectors = np.array(table["vector"].to_pylist())
    digests = table["digest"].to_pylist()
    assert result.exit_code == 0
    assert result.stdout.startswith("3 images, 2 vectors: ")
    assert "broken.png" in result.stderr
    assert names == ["a (1).png", "a.png", "b.png"]
    assert digests[0] == digests[1] != digests[2]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_the_table_is_that_of_python_and_names_its_encoder(photos: Path, tmp_path: Path) -> None:
    run(photos, "--out", tmp_path / "v.parquet")
    embedded = dedupe.embed_images(photos, index=None)
    metadata = pq.read_schema(tmp_path / "v.parquet").metadata
    assert (
        metadata[b"encoder"].decode()
        == read_manifest(Path(dedupe.__file__).parent / "encoder" / "default").fingerprint
    )
    rows = np.array(pq.read_table(tmp_path / "v.parquet")["vector"].to_pylist(), np.float32)
    np.testing.assert_array_equal(rows[1:], embedded.contents.vectors)


@pytest.mark.parametrize(
    ("name", "code", "words"), [("v.csv", 2, "must end in .parquet"), ("no/v.parquet", 6, "no/v")]
)
def test_a_name_that_cannot_be_written_is_found_before_the_images_are_read(
    photos: Path, tmp_path: Path, name: str, code: int, words: str
) -> None:
    result = run(photos, "--out", tmp_path / name)
    assert (result.exit_code, words in result.stderr) == (code, True)


def test_a_table_replaces_an_earlier_one_and_no_other_file(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "v.parquet"
    assert run(photos, "--out", out).exit_code == 0
    assert run(photos, "--out", out).exit_code == 0
    dedupe.write_report(dedupe.scan(photos, index=None), tmp_path / "r.parquet")
    result = run(photos, "--out", tmp_path / "r.parquet")
    assert (result.exit_code, "no vectors of dedupe" in result.stderr) == (2, True)
