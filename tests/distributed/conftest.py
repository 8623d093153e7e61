"""A Ray cluster of two cores for all tests of this folder that need one."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from pictures import draw, save


@pytest.fixture(scope="package")
def cluster() -> Iterator[None]:
    """A local cluster that scans in this process use; skips where Ray is missing."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install -e '.[ray]'")
    from dedupe.distributed.cluster import Cluster

    mine = Cluster("local", cores=2)
    yield
    mine.close()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures with copies, an exact copy, a broken file, and a picture of its own."""
    folder = tmp_path / "photos"
    for seed in (1, 2, 3):
        save(draw(seed, 640, 480), folder / f"picture {seed}.png")
        save(draw(seed, 320, 240), folder / "small" / f"{seed}.jpg", quality=90)
    (folder / "copy of 1.png").write_bytes((folder / "picture 1.png").read_bytes())
    save(draw(4, 400, 400), folder / "alone.png")
    (folder / "broken.jpg").write_bytes((folder / "small" / "1.jpg").read_bytes()[:200])
    return folder
