"""A scan that was killed or interrupted goes on where it was, and ends in the same report."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawings import draw_photo
from PIL import Image

import dedupe
from dedupe.report import format_report

PICTURES = 400  # several chunks

KILLED_SCAN = """
import os, signal, sys
import dedupe
done = 0
def on_progress(stage, count, total):
    global done
    done += count if stage == "embed" else 0
    if done >= total // 2:
        os.kill(os.getpid(), signal.SIGKILL)
dedupe.scan(sys.argv[1], index=sys.argv[2], on_progress=on_progress)
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Smooth random pictures, every fourth one a darker copy of the one before."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(7)
    for number in range(PICTURES):
        if number % 4:
            noise = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            picture = Image.fromarray(noise).resize((160, 120), Image.Resampling.BICUBIC)
        else:
            picture = picture.point([value * 9 // 10 for value in range(256)] * 3) if number else (
                Image.new("RGB", (160, 120), "navy")
            )  # fmt: skip
        picture.save(folder / f"{number:04}.jpg")
    return folder


def csv_of(report: dedupe.Report) -> bytes:
    return format_report(report, format="csv")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_scan_goes_on_and_embeds_only_what_was_missing(
    pictures: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index.sqlite"
    undisturbed = dedupe.scan(pictures, index=None)

    killed = subprocess.run([sys.executable, "-c", KILLED_SCAN, pictures, index], check=False)
    second = dedupe.scan(pictures, index=index)
    third = dedupe.scan(pictures, index=index)

    assert killed.returncode == -signal.SIGKILL
    assert PICTURES // 2 <= second.statistics.reused < PICTURES
    assert third.statistics.reused == PICTURES
    assert csv_of(second) == csv_of(third) == csv_of(undisturbed)


INTERRUPTED_SCAN = """
import os, signal, sys, threading
import dedupe
signal.signal(signal.SIGINT, signal.default_int_handler)
folder, index, where = sys.argv[1:]
def on_progress(stage, count, total):
    if stage == where:
        os.kill(os.getpid(), signal.SIGINT)
try:
    dedupe.scan(folder, index=index, workers=4, on_progress=on_progress)
except KeyboardInterrupt:
    print("interrupted in", where, "with", threading.active_count(), "thread")
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos with smaller copies, which verification reads in threads."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(3):
        photo = Image.fromarray(draw_photo(seed, width=480, height=360))
        photo.save(folder / f"{seed}.jpg", quality=92)
        photo.resize((360, 270)).save(folder / f"{seed} small.jpg", quality=80)
    return folder


@pytest.fixture(scope="module")
def undisturbed(photos: Path) -> bytes:
    return csv_of(dedupe.scan(photos, index=None))


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("where", ["walk", "embed", "search", "verify", "keep"])
def test_ctrl_c_comes_out_of_a_scan_in_the_process_of_a_library_user(
    photos: Path, undisturbed: bytes, tmp_path: Path, where: str
) -> None:
    index = tmp_path / "index.sqlite"
    command = [sys.executable, "-c", INTERRUPTED_SCAN, str(photos), str(index), where]

    done = subprocess.run(command, capture_output=True, check=False)

    words = f"interrupted in {where} with 1 thread\n".encode()
    assert (done.returncode, done.stdout, done.stderr) == (0, words, b"")
    assert csv_of(dedupe.scan(photos, index=index)) == undisturbed


def test_the_report_is_the_same_for_any_number_of_workers_and_batch_size(
    pictures: Path,
) -> None:
    reports = [
        csv_of(dedupe.scan(pictures, index=None, workers=workers, batch_size=batch_size))
        for workers, batch_size in ((1, 32), (4, 32), (2, 7))
    ]
    assert reports[0].count(b"\n") > 1
    assert reports[1:] == reports[:1] * 2
