"""Explanations: what a scan would say of two files, and what it rests on."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
from drawings import draw_photo
from PIL import Image, ImageDraw, ImageOps

from dedupe.encoder.manifest import BUILT_IN, Threshold
from dedupe.encoder.runtime import LiteRTEncoder
from dedupe.encoder.threshold import narrow
from dedupe.errors import InputError, UsageError
from dedupe.explain.explain import Explanation, explain
from dedupe.ignored.store import ignore_files
from dedupe.pipeline import scan
from dedupe.verify.layers import outline
from dedupe.verify.overlap import find_patches

ENCODER = LiteRTEncoder(BUILT_IN)


def drawn(seed: int = 1) -> Image.Image:
    """Twelve scenes side by side, so that there are points of interest."""
    sheet = Image.new("RGB", (480, 360))
    for number in range(12):
        scene = draw_photo(100 * seed + number, width=120, height=120)
        sheet.paste(Image.fromarray(scene), (120 * (number % 4), 120 * (number // 4)))
    return sheet


def reaching(distance: float) -> LiteRTEncoder:
    """The encoder, as if it were calibrated to one threshold."""
    encoder = copy.copy(ENCODER)
    manifest = ENCODER.manifest
    calibration = replace(
        manifest.calibrations["litert"], thresholds={"wide": Threshold(distance, 0, 1)}
    )
    encoder.manifest = replace(manifest, calibrations={"litert": calibration})
    return encoder


def explained(
    folder: Path,
    first: Image.Image,
    second: Image.Image,
    *,
    encoder: LiteRTEncoder = ENCODER,
    sensitivity: str = "wide",
) -> Explanation:
    paths = [folder / "a.png", folder / "b.png"]
    for path, image in zip(paths, (first, second), strict=True):
        image.save(path)
    return explain(*paths, encoder=encoder, sensitivity=sensitivity)


def captioned(image: Image.Image) -> Image.Image:
    image = image.copy()
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0.86 * image.height, *image.size), fill="black")
    draw.text((20, 0.88 * image.height), "when the build is green", fill="white", font_size=26)
    return image


def test_a_turned_copy_is_said_to_be_turned(tmp_path: Path) -> None:
    found = explained(tmp_path, drawn(), drawn().transpose(Image.Transpose.ROTATE_90))
    assert found.comparison.verdict.is_copy
    assert found.comparison.verdict.how == "turned 90"


def test_the_map_leads_from_the_first_picture_to_the_second(tmp_path: Path) -> None:
    found = explained(tmp_path, drawn().crop((120, 60, 420, 330)), drawn())
    assert found.matrix is not None
    corners = outline(found.first.features.grey, found.matrix) * 480 / 320
    expected = np.array([[120, 60], [420, 60], [420, 330], [120, 330]]) - 0.5
    np.testing.assert_allclose(corners, expected, atol=1.5)


def test_seen_from_the_other_picture_everything_is_the_other_way_round(tmp_path: Path) -> None:
    cropped = drawn().crop((100, 0, 480, 360))
    there = explained(tmp_path, drawn(), cropped)
    back = explained(tmp_path, cropped, drawn())
    assert there.comparison.verdict == back.comparison.verdict
    assert there.distance == back.distance
    assert there.shares == back.shares[::-1]
    assert there.shares[0] == pytest.approx(0.79, abs=0.01)
    assert there.matrix is not None
    assert back.matrix is not None
    both = np.vstack([there.matrix, [0, 0, 1]]) @ np.vstack([back.matrix, [0, 0, 1]])
    np.testing.assert_allclose(both, np.eye(3), atol=1e-6)


def test_distance_and_probability_are_those_of_the_encoder(tmp_path: Path) -> None:
    found = explained(tmp_path, drawn(1), drawn(2))
    squares = np.stack([found.first.square, found.second.square])
    first, second = ENCODER.embed(squares).astype(np.float64)
    assert found.distance == pytest.approx(np.linalg.norm(first - second), abs=1e-6)
    head = ENCODER.manifest.head
    logit = head["bias"] - head["scale"] * found.distance
    assert found.probability == pytest.approx(1 / (1 + math.exp(-logit)))


def test_the_same_bytes_are_a_copy_whatever_they_show(tmp_path: Path) -> None:
    blank = Image.new("RGB", (200, 150), "white")
    found = explained(tmp_path, blank, blank)
    assert (found.decision, found.is_copy, found.distance) == ("same bytes", True, 0)
    assert found.comparison.verdict.level == "pixels"


def test_a_pair_beyond_the_threshold_is_none_that_a_scan_looks_at(tmp_path: Path) -> None:
    turned = drawn().transpose(Image.Transpose.ROTATE_90)
    found = explained(tmp_path, drawn(), turned, encoder=reaching(0.1))
    assert found.distance > found.threshold == 0.1
    assert found.comparison.verdict.is_copy
    assert (found.decision, found.is_copy) == ("too far apart", False)


def test_a_pair_that_differs_in_one_pixel_is_verified(tmp_path: Path) -> None:
    nearly = np.asarray(drawn()).copy()
    nearly[0, 0] ^= 1
    found = explained(tmp_path, drawn(), Image.fromarray(nearly))
    assert (found.decision, found.is_copy) == ("verified", True)


def test_a_mirrored_copy_is_verified(tmp_path: Path) -> None:
    found = explained(tmp_path, drawn(), ImageOps.mirror(drawn()), encoder=reaching(1.5))
    assert (found.decision, found.is_copy) == ("verified", True)


def test_two_views_of_one_thing_are_another_shot() -> None:
    data = Path(skimage.__file__).parent / "data"
    views = [data / f"motorcycle_{side}.png" for side in ("left", "right")]
    found = explain(*views, encoder=reaching(1.5))
    assert (found.decision, found.is_copy) == ("another shot", False)
    assert found.fits  # they lie on each other, but not well enough
    assert min(found.signs, key=lambda name: found.signs[name]) in ("in place", "rigid")


def test_where_nothing_can_be_laid_there_are_no_signs(tmp_path: Path) -> None:
    found = explained(tmp_path, drawn(), Image.new("RGB", (480, 360), "grey"))
    assert (found.signs, found.shares, found.matrix, found.fits) == ({}, (0.0, 0.0), None, False)


def test_a_caption_bar_is_the_place_that_differs(tmp_path: Path) -> None:
    found = explained(tmp_path, drawn(), captioned(drawn()))
    alignment = found.comparison.alignment
    assert alignment is not None
    patches = find_patches(alignment.layers)
    rows = np.nonzero(patches.overlay.any(axis=1))[0]
    assert not patches.foreign.any()
    assert rows.min() > 0.8 * len(patches.overlay)
    assert found.comparison.overlap is not None
    assert found.comparison.overlap.overlay > 0.05


@pytest.mark.parametrize(
    ("content", "words"), [(None, "vanished"), (b"", "empty file"), (b"text", "not an image")]
)
def test_a_file_that_is_no_picture_is_an_input_error(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.jpg"
    drawn().save(good)
    if content is not None:
        bad.write_bytes(content)
    with pytest.raises(InputError, match=rf"cannot read .*bad\.jpg: {words}"):
        explain(good, bad, encoder=ENCODER)


def test_an_unknown_sensitivity_is_a_mistake_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mild"):
        explained(tmp_path, drawn(), drawn(), sensitivity="mild")


# The decision is that of a scan


def scanned(folder: Path, **options: Any) -> bool:
    """Whether a scan of the two pictures puts them into one group."""
    return bool(scan(folder, index=None, workers=1, **options).groups)


def test_a_pair_that_a_person_ruled_out_is_no_copy_for_explain_and_scan(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    explained(folder, drawn(), ImageOps.mirror(drawn()))
    place = tmp_path / "ignored.jsonl"
    ignore_files(folder / "a.png", folder / "b.png", place=place)
    found = explain(folder / "a.png", folder / "b.png", encoder=ENCODER, ignored=place)
    assert (found.decision, found.is_copy) == ("ignored", False)
    assert not scanned(folder, ignored=place)


@pytest.mark.parametrize(("shade", "decision"), [(250, "low detail"), (255, "same pixels")])
def test_blank_pages_are_copies_for_explain_and_scan_if_their_pixels_are_equal(
    tmp_path: Path, shade: int, decision: str
) -> None:
    Image.new("RGB", (200, 150), "white").save(tmp_path / "a.png")
    Image.new("RGB", (200, 150), (shade,) * 3).save(tmp_path / "b.bmp")
    found = explain(tmp_path / "a.png", tmp_path / "b.bmp", encoder=ENCODER)
    assert found.decision == decision
    assert found.is_copy == scanned(tmp_path) == (decision == "same pixels")


def test_the_reach_of_a_default_scan_is_the_number_of_images_that_it_ends_at(
    tmp_path: Path,
) -> None:
    near = explained(tmp_path, drawn(), drawn().resize((240, 180)))
    assert near.reach is None
    limit = narrow(ENCODER.manifest, 10**6)
    assert replace(near, distance=limit).reach == 10**7
    assert replace(near, distance=limit + 0.01).reach == 10**6


def test_thumbnails_decide_as_in_a_scan(tmp_path: Path) -> None:
    data = Path(skimage.__file__).parent / "data"
    photo = Image.open(data / "astronaut.png").convert("RGB")
    found = explained(tmp_path, photo, photo.resize((256, 256)))
    assert found.comparison.verdict.level == "thumbnails"
    assert found.comparison.overlap is not None
