"""A scan on the GPU path of each Keras backend, with a stand-in for the device."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from photo_files import draw_scene
from PIL import ImageOps

import dedupe

ROOM, BATCH = 5, 16
BACKENDS = ("tensorflow", "jax", "torch")
Run = tuple[dict[str, Any], NDArray[np.float32]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos; three of them have copies."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(6):
        photo = draw_scene(seed)
        photo.save(folder / f"{seed}.png")
        if seed < 3:
            photo.save(folder / f"{seed}.jpg", quality=80)
            ImageOps.mirror(photo.resize((240, 176))).save(folder / f"{seed} (1).jpg", quality=90)
    return folder


@pytest.fixture(scope="module")
def runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Return what the scan on each installed backend printed, and its vectors."""
    found = {}
    script = Path(__file__).parents[1] / "gpu_stand_in.py"
    for backend in BACKENDS:
        if importlib.util.find_spec(backend) is None:
            continue
        out = tmp_path_factory.mktemp(backend) / "vectors.npz"
        done = subprocess.run(
            [sys.executable, str(script), str(folder), str(ROOM), str(BATCH), str(out)],
            env={**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found[backend] = json.loads(done.stdout.splitlines()[-1]), np.load(out)["vectors"]
    return found


def run_of(runs: dict[str, Run], backend: str) -> Run:
    if backend not in runs:
        pytest.skip(f"{backend} is not installed")
    return runs[backend]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_that_runs_out_of_memory_is_halved_for_good(
    runs: dict[str, Run], backend: str
) -> None:
    printed, _ = run_of(runs, backend)
    sizes = [size for size, _ in printed["calls"]]
    assert printed["batch"] == 3
    assert [size for size in sizes if size > ROOM] == [12, 6]  # 12 pictures of a batch of 16
    assert sum(size for size in sizes if size <= ROOM) == 2 * 12  # each once in both calls


@pytest.mark.parametrize("backend", BACKENDS)
def test_pixels_go_to_the_device_in_bytes_and_vectors_come_back_in_single_precision(
    runs: dict[str, Run], backend: str
) -> None:
    printed, vectors = run_of(runs, backend)
    assert {dtype for _, dtype in printed["calls"]} == {"uint8"}
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_vectors_come_in_the_order_of_the_files_whatever_their_batch(
    runs: dict[str, Run], folder: Path, backend: str
) -> None:
    _, vectors = run_of(runs, backend)
    on_cpu = dedupe.embed_images(folder, device="cpu", runtime="litert", index=None)
    gaps = np.linalg.norm(vectors[:, None] - on_cpu.contents.vectors[None], axis=2)
    assert np.argmin(gaps, axis=1).tolist() == list(range(len(vectors)))


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_backends_agree_to_five_decimals(runs: dict[str, Run], backend: str) -> None:
    _, vectors = run_of(runs, backend)
    np.testing.assert_allclose(vectors, run_of(runs, "tensorflow")[1], atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_groups_are_those_of_the_cpu(runs: dict[str, Run], folder: Path, backend: str) -> None:
    printed, _ = run_of(runs, backend)
    report = dedupe.scan(folder, device="cpu", index=None, ignored=None)
    expected = [[Path(photo.path).name for photo in group.photos] for group in report.groups]
    assert len(expected) == 3
    assert printed["groups"] == expected
