"""`dedupe scan s3://bucket`: a server of S3 on loopback (moto)."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pictures import draw, save
from typer.testing import CliRunner, Result

import dedupe
from dedupe.cli import app
from dedupe.files.remote import list_files, read_object, write_file

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")
pytestmark = [pytest.mark.url, pytest.mark.filterwarnings("ignore")]  # sockets of the server


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures with a smaller copy each, another picture, and a broken file."""
    folder = tmp_path / "photos"
    for seed in (1, 2):
        save(draw(seed, 640, 480), folder / f"picture {seed}.png")
        save(draw(seed, 320, 240), folder / "small" / f"{seed} é.jpg", quality=90)
    save(draw(4, 400, 400), folder / "alone.png")
    (folder / "broken.jpg").write_bytes((folder / "small" / "1 é.jpg").read_bytes()[:200])
    return folder


@pytest.fixture
def bucket(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a bucket that holds the same files."""
    server: Any = importlib.import_module("moto.server").ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"ENDPOINT_URL": f"http://{host}:{port}", "DEFAULT_REGION": "us-east-1"}
    for name, value in (settings | {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x"}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    s3fs: Any = importlib.import_module("s3fs")
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("bucket")
    for path in photos.rglob("*.*"):
        write_file(f"s3://bucket/photos/{path.relative_to(photos)}", path.read_bytes())
    yield "s3://bucket/photos"
    s3fs.S3FileSystem().rm("bucket", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def strip(report: bytes, root: str) -> list[dict[str, str]]:
    """Return the rows of a CSV with paths relative to a root, without times."""
    rows = list(csv.DictReader(io.StringIO(report.decode())))
    for row in rows:
        assert row.pop("mtime_ns")
        for name in ("path", "keeper"):
            assert row[name].startswith(f"{root}/")
            row[name] = row[name].removeprefix(f"{root}/")
    return rows


def test_a_bucket_gives_the_groups_of_the_same_folder(
    bucket: str, photos: Path, tmp_path: Path
) -> None:
    local, remote = tmp_path / "local.csv", tmp_path / "remote.csv"
    assert run("scan", photos, "--no-index", "--report", local).exit_code == 0
    result = run("scan", bucket, "--no-index", "--report", remote)
    assert result.exit_code == 0, result.output
    assert strip(remote.read_bytes(), bucket) == strip(local.read_bytes(), str(photos))
    assert "1 file skipped: 1 truncated or broken" in result.output
    assert bucket in result.output


def test_objects_come_from_the_index_until_they_change(bucket: str, photos: Path) -> None:
    first, second = dedupe.scan(bucket), dedupe.scan(bucket)
    write_file(f"{bucket}/alone.png", (photos / "picture 1.png").read_bytes())
    third = dedupe.scan(bucket)
    assert [r.statistics.reused for r in (first, second, third)] == [0, 5, 4]
    assert first == second
    new = {d.photo.path for d in third.duplicates} - {d.photo.path for d in second.duplicates}
    assert new == {f"{bucket}/alone.png"}


def test_a_report_can_be_written_to_the_bucket_and_replaces_no_photo(bucket: str) -> None:
    url = "s3://bucket/report.csv"
    for _ in range(2):
        assert run("scan", bucket, "--no-index", "--report", url).exit_code == 0
    assert read_object(url).startswith(b"group,role,path")
    refused = run("scan", bucket, "--no-index", "--report", f"{bucket}/alone.png")
    assert (refused.exit_code, "is not a format" in refused.stderr) == (2, True)
    refused = run(*("scan", bucket, "--format", "csv", "--report", f"{bucket}/alone.png"))
    assert (refused.exit_code, "is no report of dedupe" in refused.stderr) == (2, True)


def test_objects_are_never_moved_or_removed(bucket: str, tmp_path: Path) -> None:
    before = list_files(bucket)
    report = tmp_path / "report.csv"
    run("scan", bucket, "--no-index", "--report", report)
    for command in (("apply", report), ("scan", bucket)):
        result = run(*command, "--move-to", tmp_path / "aside")
        assert result.exit_code in (2, 8)
        assert len(result.stderr.splitlines()) == 1
        assert "moved or removed" in result.stderr
    assert sorted(before[1], key=str) == sorted(list_files(bucket)[1], key=str)


def test_protected_objects_are_never_duplicates(bucket: str, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    result = run("scan", bucket, "--no-index", "--protect", f"{bucket}/small", "--report", report)
    assert result.exit_code == 0, result.output
    keepers = {row["keeper"] for row in strip(report.read_bytes(), bucket)}
    assert keepers == {"small/1 é.jpg", "small/2 é.jpg"}


def test_a_bucket_that_does_not_exist_is_one_clear_error(bucket: str) -> None:
    result = run("scan", bucket.replace("bucket", "nowhere"), "--no-index")
    assert (result.exit_code, len(result.stderr.splitlines())) == (3, 1)
    assert "cannot scan s3://nowhere/photos" in result.stderr
