"""A scan on Ray whose photos, store and report are in a bucket (moto on loopback)."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dedupe
from dedupe.files.remote import list_files, read_object, write_file
from dedupe.report import format_report

pytest.importorskip("ray", reason="Ray is not installed")
pytest.importorskip("s3fs")
pytest.importorskip("moto.server")
pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def bucket(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a folder in a bucket that holds the photos."""
    server: Any = importlib.import_module("moto.server").ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"ENDPOINT_URL": f"http://{host}:{port}", "DEFAULT_REGION": "us-east-1"}
    for name, value in (settings | {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x"}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    system: Any = importlib.import_module("s3fs").S3FileSystem
    system.clear_instance_cache()
    system().mkdir("bucket")
    for path in photos.rglob("*.*"):
        write_file(f"s3://bucket/photos/{path.relative_to(photos)}", path.read_bytes())
    yield "s3://bucket/photos"
    system().rm("bucket", recursive=True)
    system.clear_instance_cache()
    server.stop()


def test_ray_scans_a_bucket_and_keeps_its_parts_there(bucket: str) -> None:
    command = [sys.executable, "-m", "dedupe", "scan", bucket, "--ray", "local", "--workers", "1"]
    places = ["--store", "s3://bucket/store", "--report", "s3://bucket/report.csv", "-q"]
    for _ in range(2):
        done = subprocess.run(
            [*command, *places], env={**os.environ}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    expected = format_report(dedupe.scan(bucket, index=None), format="csv")
    assert read_object("s3://bucket/report.csv") == expected
    parts = [one.url for one in list_files("s3://bucket/store")[1]]
    assert {url.split("/")[4][:8] for url in parts} >= {"verdicts"}
    assert len(parts) >= 2
