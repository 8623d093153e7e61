"""Words for a duplicate, and for the choice of its keeper, from real files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from builders import a_photo
from photo_files import an_original, encode, reopen, source
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from dedupe.provenance.describe import (
    describe_choice,
    describe_duplicate,
    has_more_detail,
    shows_more,
)
from dedupe.provenance.evidence import WHOLE_FRAME, Evidence, compare
from dedupe.types import INTACT, FrameMatrix, Photo

ORIGINAL = an_original(quality=95)
KEEPER = a_photo("/p/original.jpg")
OTHER = a_photo("/p/copy.jpg", b"other")
Edit = Callable[[Image.Image], Image.Image]


def on(edit: Edit, quality: int = 90, near: FrameMatrix = WHOLE_FRAME) -> Evidence:
    copy = encode(edit(reopen(ORIGINAL)), quality=quality)
    evidence = compare(source(ORIGINAL), source(copy), near)
    assert evidence is not None
    return evidence


def caption(image: Image.Image) -> Image.Image:
    ImageDraw.Draw(image).text((30, 60), "A CAPTION", "white", font_size=60)
    return image


def add_noise(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(1).normal(0, 14, (264, 360, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


EDITS: dict[str, Edit] = {
    "greyscale": lambda image: ImageOps.grayscale(image).convert("RGB"),
    "brightness changed": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "sharpened": lambda image: image.filter(ImageFilter.UnsharpMask(2, 180, 2)),
    "noise added": add_noise,
    "caption or mark added": caption,
}


@pytest.mark.parametrize("word", EDITS)
def test_an_edit_has_its_word_and_makes_the_duplicate_edited(word: str) -> None:
    relation = describe_duplicate(on(EDITS[word]), KEEPER, OTHER)
    assert word in relation.how.split(", ")
    assert relation.kind == "edited"


def test_a_new_encoding_is_the_same_picture() -> None:
    relation = describe_duplicate(on(lambda image: image, 60), KEEPER, OTHER)
    assert (relation.kind, relation.how) == ("same", "re-encoded, quality 60")


def test_a_reduction_and_an_enlargement_are_the_same_picture() -> None:
    half = describe_duplicate(on(lambda image: image.resize((180, 132))), KEEPER, OTHER)
    assert (half.kind, half.how.split(", ")[0]) == ("same", "resized to 50 %")
    large = describe_duplicate(on(lambda image: image.resize((720, 528)), 95), KEEPER, OTHER)
    assert "enlarged to 200 %" in large.how


def test_a_crop_and_a_frame_are_edits_of_the_frame() -> None:
    near = (320 / 360, 0.0, 40 / 360, 0.0, 240 / 264, 24 / 264, 0.0, 0.0, 1.0)
    crop = on(lambda image: image.crop((40, 24, 360, 264)), 95, near)
    assert "cropped to 81 %" in describe_duplicate(crop, KEEPER, OTHER).how
    assert shows_more(crop.flip(), OTHER, KEEPER)
    near = (408 / 360, 0.0, -24 / 360, 0.0, 312 / 264, -24 / 264, 0.0, 0.0, 1.0)
    framed = on(lambda image: ImageOps.expand(image, 24, (250, 250, 250)), 95, near)
    assert "border added" in describe_duplicate(framed, KEEPER, OTHER).how
    assert not shows_more(framed, KEEPER, OTHER)


def test_what_the_keeper_lacks_is_named() -> None:
    located = replace(OTHER, facts=replace(INTACT, located=True))
    relation = describe_duplicate(None, KEEPER, located, "turned 90")
    assert relation.kind == "edited"
    assert relation.how == "turned 90, holds GPS position that the keeper lacks"


def test_lost_metadata_are_named_and_are_no_edit() -> None:
    located = replace(KEEPER, facts=replace(INTACT, located=True))
    relation = describe_duplicate(on(lambda image: image, 60), located, OTHER)
    assert (relation.kind, relation.how.split(", ")[-1]) == ("same", "metadata removed")


def test_without_evidence_twice_the_pixels_are_more_detail() -> None:
    def sized(photo: Photo, width: int) -> Photo:
        return replace(photo, width=width)

    assert has_more_detail(None, sized(KEEPER, 640), sized(OTHER, 1300))
    assert not has_more_detail(None, sized(KEEPER, 640), sized(OTHER, 1200))


def test_the_reason_names_what_the_keeper_has() -> None:
    grey = on(EDITS["greyscale"])
    camera = replace(KEEPER, facts=replace(INTACT, camera=True))
    words = describe_choice(camera, [(OTHER, grey)], "largest")
    assert words == "least processed, camera metadata"
    assert describe_choice(KEEPER, [(OTHER, None)], "largest") == "largest"
    plain = describe_choice(KEEPER, [(OTHER, on(lambda image: image, 60))], "largest")
    assert plain == "the other can be made from it"
