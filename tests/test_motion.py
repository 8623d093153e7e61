"""How animations move: the same after another coding, another if any spaced frame differs."""

from __future__ import annotations

import io
from typing import Any

import pytest
from photo_files import draw_scene
from PIL import Image, ImageDraw

from dedupe.decode.frames import read_frames
from dedupe.motion import (
    COARSE_SIDE,
    FRAME_SIDE,
    choose_coarse,
    choose_small,
    format_motion,
    is_same_motion,
)


def clip(seed: int, frames: int = 12, start: int = 0) -> list[Image.Image]:
    """Draw a disc that moves over a scene."""
    scene = draw_scene(seed, width=240, height=180)
    pictures = []
    for number in range(start, start + frames):
        picture = scene.copy()
        x = 10 + 14 * number
        ImageDraw.Draw(picture).ellipse((x, 60, x + 50, 110), "red")
        pictures.append(picture)
    return pictures


def motion(pictures: list[Image.Image], form: str = "GIF", **options: Any) -> str:
    buffer = io.BytesIO()
    settings: dict[str, Any] = {"duration": 80, "loop": 0} | options
    pictures[0].save(buffer, form, save_all=True, append_images=pictures[1:], **settings)
    return read_frames(buffer.getvalue()).motion


GIF = motion(clip(3))


@pytest.mark.parametrize(
    "other",
    [
        motion(clip(3), "WEBP", quality=60),
        motion(clip(3), "PNG"),
        motion([p.resize((120, 90)) for p in clip(3)]),
        motion([p.quantize(32).convert("RGB") for p in clip(3)]),
    ],
    ids=["webp", "png", "smaller", "32 colours"],
)
def test_a_copy_in_another_coding_moves_alike(other: str) -> None:
    assert is_same_motion(GIF, other)
    assert is_same_motion(other, GIF)


@pytest.mark.parametrize(
    "other",
    [
        motion([*clip(3)[:6], *reversed(clip(3)[6:])]),
        motion([clip(3)[0], *clip(4)[1:]]),
        motion([*clip(3)[:11], clip(4)[11]]),
        motion([*clip(3)[:5], clip(4)[5], *clip(3)[6:]]),
        motion([clip(3)[0]] * 11 + [clip(3)[11]]),
        motion(clip(3)[:10]),
        motion(clip(3), duration=120),
        "",
        "80 !",
        "x",
    ],
    ids=[
        "reversed",
        "first frame",
        "last frame",
        "middle frame",
        "still",
        "shorter",
        "slower",
        "none",
        "?",
        "x",
    ],
)
def test_another_animation_does_not(other: str) -> None:
    assert not is_same_motion(GIF, other)
    assert not is_same_motion(other, GIF)


def test_pages_and_stills_have_no_motion() -> None:
    assert motion(clip(3, 2), "TIFF") == ""
    buffer = io.BytesIO()
    clip(3, 1)[0].save(buffer, "GIF")
    assert read_frames(buffer.getvalue()).motion == ""


def test_spaced_frames_include_the_first_and_the_last() -> None:
    assert choose_small(3) == choose_coarse(3) == {0, 1, 2}
    assert (len(choose_small(500)), len(choose_coarse(500))) == (16, 256)
    assert {0, 499} <= choose_small(500) & choose_coarse(500)


def test_an_empty_motion_equals_none() -> None:
    assert not is_same_motion("", "")
    still = format_motion(10, bytes(FRAME_SIDE**2), bytes(COARSE_SIDE**2))
    assert is_same_motion(still, still)
