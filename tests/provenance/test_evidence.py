"""Each kind of evidence, on real files: what it says of an original and of a copy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from builders import a_photo
from photo_files import an_original, encode, reopen, source
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from dedupe.provenance.evidence import WHOLE_FRAME, Evidence, compare, from_json
from dedupe.provenance.rank import name_vector, score_pair, to_vector
from dedupe.types import FrameMatrix

Edit = Callable[[Image.Image], Image.Image]
PHOTO = a_photo("photo.jpg")  # without metadata


def on(original: bytes, copy: bytes, near: FrameMatrix = WHOLE_FRAME) -> Evidence:
    evidence = compare(source(original), source(copy), near)
    assert evidence is not None
    return evidence


def copy_of(original: bytes, edit: Edit = lambda image: image, quality: int = 92) -> bytes:
    return encode(edit(reopen(original)), quality=quality)


def test_a_coarser_copy_is_reproduced_to_its_own_rounding_and_not_the_reverse() -> None:
    original = an_original(quality=95)
    evidence = on(original, copy_of(original, quality=60))
    assert evidence.forward["exceed"] < 0.02
    assert evidence.backward["exceed"] > 0.2
    assert abs(evidence.forward["cell"]) < 0.5  # the residual fills the cells evenly


EXACT_STEPS: dict[str, Edit] = {
    "turned": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "mirrored": ImageOps.mirror,
    "lighter": lambda image: image.point([round(255 * (v / 255) ** 0.6) for v in range(256)] * 3),
    "darker": lambda image: image.point([round(255 * (v / 255) ** 1.6) for v in range(256)] * 3),
    "warmer": lambda image: image.point(
        [min(255, int(1.15 * v)) for v in range(256)]
        + list(range(256))
        + [int(0.85 * v) for v in range(256)]
    ),
}
FRAMES: dict[str, FrameMatrix] = {
    "turned": (0.0, -1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0),
    "mirrored": (-1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
}


@pytest.mark.parametrize("earlier", [92, None])
@pytest.mark.parametrize("step", EXACT_STEPS)
def test_a_slightly_coarser_copy_by_an_exact_step_is_reproduced_in_one_direction(
    step: str, earlier: int | None
) -> None:
    original = an_original(quality=95)
    if earlier:  # the original shows that it was a JPEG before
        original = encode(reopen(an_original(quality=earlier)), quality=95)
    copy = copy_of(original, EXACT_STEPS[step], 90)
    evidence = on(original, copy, FRAMES.get(step, WHOLE_FRAME))
    assert evidence.forward["miss"] < 0.7 * evidence.backward["miss"]
    assert evidence.forward["miss_size"] < evidence.backward["miss_size"]


def test_a_finer_copy_fills_no_cell_of_its_original() -> None:
    original = an_original(quality=75)
    evidence = on(original, copy_of(original, quality=95))
    assert evidence.backward["cell"] < evidence.forward["cell"] - 1


def test_an_enlargement_has_no_detail_above_the_nyquist_frequency_of_the_original() -> None:
    original = an_original()
    size = (720, 528)
    enlarged = copy_of(original, lambda image: image.resize(size, Image.Resampling.BICUBIC))
    reduced = copy_of(original, lambda image: image.resize((180, 132), Image.Resampling.LANCZOS))
    grown, shrunk = on(original, enlarged).forward, on(original, reduced).backward
    assert grown["nyquist"] < shrunk["nyquist"]
    assert grown["rms_filtered"] < 1 < shrunk["rms_filtered"]


def test_a_crop_lacks_a_part_of_the_scene() -> None:
    original = an_original()
    crop = copy_of(original, lambda image: image.crop((40, 24, 360, 264)))
    near = (320 / 360, 0.0, 40 / 360, 0.0, 240 / 264, 24 / 264, 0.0, 0.0, 1.0)
    evidence = on(original, crop, near)
    assert evidence.removed["outside"] == pytest.approx(1 - 320 * 240 / (360 * 264), abs=0.02)
    assert evidence.added["outside"] == 0


def test_a_frame_is_flatter_than_the_picture() -> None:
    original = an_original()
    framed = copy_of(original, lambda image: ImageOps.expand(image, 24, (250, 250, 250)))
    near = (408 / 360, 0.0, -24 / 360, 0.0, 312 / 264, -24 / 264, 0.0, 0.0, 1.0)
    evidence = on(original, framed, near)
    assert evidence.added["outside"] > 0.15
    assert evidence.added["outside_detail"] < 0
    assert evidence.removed["outside"] == 0


def test_a_caption_is_carried_by_the_copy() -> None:
    def caption(image: Image.Image) -> Image.Image:
        ImageDraw.Draw(image).text((30, 60), "A CAPTION", "white", font_size=48)
        return image

    original = an_original()
    evidence = on(original, copy_of(original, caption))
    assert evidence.added["changed"] > 4
    assert evidence.added["changed_extreme"] > 0.1
    assert evidence.removed["changed_alone"] < -0.2
    assert evidence.added["changed_alone"] > 0.2


def test_added_noise_does_not_follow_the_structure() -> None:
    def add_noise(image: Image.Image) -> Image.Image:
        pixels = np.asarray(image, np.float32)
        noise = np.random.default_rng(1).normal(0, 9, pixels.shape)
        return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))

    original = an_original()
    evidence = on(original, copy_of(original, add_noise, 95))
    assert abs(evidence.forward["structure"]) < 0.3
    assert evidence.forward["band3"] > 1


@pytest.mark.parametrize(
    ("edit", "sign"),
    [
        (lambda image: image.filter(ImageFilter.UnsharpMask(2, 160, 2)), 1),
        (lambda image: image.filter(ImageFilter.GaussianBlur(1.2)), -1),
    ],
)
def test_sharpening_raises_and_blur_lowers_the_high_frequencies(edit: Edit, sign: int) -> None:
    original = an_original()
    evidence = on(original, copy_of(original, edit, 95))
    assert sign * evidence.forward["band3"] > 0.5
    assert sign * (evidence.forward["gain_high"] - 1) > 0.1


def test_colour_that_was_thrown_away_cannot_be_predicted() -> None:
    original = an_original()
    evidence = on(original, copy_of(original, lambda i: ImageOps.grayscale(i).convert("RGB")))
    assert evidence.forward["chroma"] < evidence.backward["chroma"] - 1


def test_a_palette_has_few_colours() -> None:
    original = an_original()
    evidence = on(original, encode(reopen(original).quantize(64), "GIF"))
    assert evidence.second["colours"] <= 6 < evidence.first["colours"]


def test_a_tone_curve_is_fitted() -> None:
    original = an_original()
    copy = copy_of(original, lambda image: ImageEnhance.Brightness(image).enhance(0.8), 95)
    evidence = on(original, copy)
    assert evidence.forward["curve"] > 2
    assert evidence.forward["rms"] < 0.5


COPIES: dict[str, Callable[[bytes], bytes]] = {
    "re-encoded": lambda data: copy_of(data, quality=70),
    "reduced": lambda data: copy_of(data, lambda i: i.resize((200, 147), Image.Resampling.LANCZOS)),
    "enlarged": lambda data: copy_of(data, lambda i: i.resize((720, 528)), 95),
    "grey": lambda data: copy_of(data, lambda i: ImageOps.grayscale(i).convert("RGB"), 95),
    "blurred": lambda data: copy_of(data, lambda i: i.filter(ImageFilter.GaussianBlur(1.5)), 95),
    "palette": lambda data: encode(reopen(data).quantize(64), "GIF"),
}


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("seed", [3, 5])
def test_the_original_scores_higher_than_a_copy(kind: str, seed: int) -> None:
    original = an_original(seed)
    assert score_pair(on(original, COPIES[kind](original)), PHOTO, PHOTO) > 0


def test_the_score_is_antisymmetric() -> None:
    original = an_original()
    evidence = on(original, copy_of(original, quality=50))
    forward = score_pair(evidence, PHOTO, PHOTO)
    assert forward == -score_pair(evidence.flip(), PHOTO, PHOTO) != 0


def test_evidence_survives_the_index() -> None:
    original = an_original()
    evidence = on(original, copy_of(original))
    assert from_json(evidence.to_json()) == evidence
    assert len(name_vector(evidence)) == len(to_vector(evidence))


def test_images_of_a_few_pixels_are_not_compared() -> None:
    small = encode(Image.new("RGB", (24, 24)), "PNG")
    assert compare(source(small), source(small)) is None
