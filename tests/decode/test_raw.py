"""Decoding the raw files of cameras."""

from __future__ import annotations

import ast
import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from encoded import cat, encode
from PIL import Image
from raw_files import CAMERAS, HEIGHT, WIDTH, dng

from dedupe.decode import image
from dedupe.decode.formats import RAW_EXTENSIONS, sniff
from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable

pytest.importorskip("rawpy")


def test_a_dng_is_developed_from_its_sensor() -> None:
    picture = decode(dng(), side=64)
    assert (picture.width, picture.height, picture.format) == (WIDTH, HEIGHT, "RAW")
    red, blue = picture.pixels[..., 0].astype(int), picture.pixels[..., 2].astype(int)
    assert red[:, -8:].mean() > red[:, :8].mean() + 50
    assert blue[-8:].mean() > blue[:8].mean() + 50


def test_the_facts_of_a_raw_file_are_those_of_its_sensor_and_exif() -> None:
    facts = decode(dng(), side=64).facts
    assert (facts.raw, facts.bits, facts.camera, facts.captured) == (True, 12, True, False)


@pytest.mark.parametrize(
    ("orientation", "is_turned"), [(1, False), (3, False), (6, True), (8, True)]
)
def test_a_raw_file_comes_out_upright(orientation: int, is_turned: bool) -> None:
    picture = decode(dng(orientation), side=64)
    expected = (HEIGHT, WIDTH) if is_turned else (WIDTH, HEIGHT)
    assert (picture.width, picture.height) == expected
    red = picture.pixels[..., 0].astype(int)
    edges = {1: red[:, -8:], 3: red[:, :8], 6: red[-8:], 8: red[:8]}
    brightest = max(edges, key=lambda edge: float(edges[edge].mean()))
    assert brightest == orientation


def test_a_preview_of_the_camera_is_used_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    preview = encode(cat(), "JPEG", quality=95)
    monkeypatch.setattr(image, "decode_raw", lambda _: (preview, (300, 450), 6, 14))
    picture = decode(dng())
    assert (picture.width, picture.height, picture.facts.bits) == (300, 450, 14)
    with Image.open(io.BytesIO(preview)) as shown:
        np.testing.assert_array_equal(picture.pixels, np.rot90(np.asarray(shown), -1))


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_damaged_raw_file_is_rejected(part: float) -> None:
    data = dng()
    with pytest.raises(Unreadable):
        decode(data[: int(part * len(data))])


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_with_a_preview_as_first_image_is_a_raw_file(order: str) -> None:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    head = magic + struct.pack(f"{order}I", 8)
    assert sniff(head + struct.pack(f"{order}HHHII", 1, 254, 4, 1, 1)) == "RAW"
    assert sniff(head + struct.pack(f"{order}HHHII", 1, 254, 4, 1, 0)) == "TIFF"


_DECODE_ALL = """
from raw_files import CAMERAS, damaged_camera_file
from dedupe.decode.image import decode
from dedupe.decode.read import Unreadable
decoded, rejected = 0, {}
for extension in CAMERAS:
    for seed in range(34):
        try:
            decode(damaged_camera_file(extension, seed), side=32)
            decoded += 1
        except Unreadable as error:
            rejected[error.reason] = rejected.get(error.reason, 0) + 1
print(decoded, sum(rejected.values()), sorted(rejected), sep="|")
"""


def test_damaged_files_of_twelve_cameras_are_decoded_or_rejected_with_a_reason() -> None:
    command = [sys.executable, "-c", _DECODE_ALL]  # a process of its own: a decoder may crash
    tests = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": tests}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    decoded, rejected, reasons = run.stdout.strip().split("|")
    assert int(decoded) + int(rejected) == 408
    assert int(decoded) >= 20
    assert set(ast.literal_eval(reasons)) <= {"truncated or broken", "too many pixels"}


def test_the_files_of_twelve_cameras_are_scanned_by_their_names() -> None:
    assert CAMERAS.keys() <= RAW_EXTENSIONS
