from __future__ import annotations

from photo_files import draw_scene, encode, reopen, source

from dedupe.provenance.earlier import find_earlier


def measure(data: bytes) -> dict[str, float]:
    file = source(data)
    return find_earlier(file.luma[..., 0], file.tables)


SCENE = draw_scene(width=720, height=528)
ONCE = encode(SCENE, quality=80)


def test_a_jpeg_that_was_saved_once_shows_no_earlier_one() -> None:
    assert measure(ONCE)["earlier"] < 2.6
    assert measure(encode(SCENE, quality=95))["earlier"] < 2.6


def test_a_finer_jpeg_keeps_the_steps_of_a_coarser_one() -> None:
    assert measure(encode(reopen(ONCE), quality=95))["earlier"] > 4


def test_a_png_keeps_the_steps_of_a_jpeg() -> None:
    assert measure(encode(reopen(ONCE), "PNG"))["earlier"] > 4


def test_a_coarser_jpeg_hides_the_steps_of_a_finer_one() -> None:
    assert measure(encode(reopen(ONCE), quality=50))["earlier"] < 3


def test_a_crop_shifts_the_grid_of_the_earlier_jpeg() -> None:
    crop = reopen(encode(SCENE, quality=50)).crop((13, 21, 700, 500))
    found = measure(encode(crop, "PNG"))
    assert found["earlier"] < 2.6
    assert found["shifted"] > 4


def test_an_image_of_a_few_blocks_shows_nothing() -> None:
    small = encode(SCENE.resize((24, 24)), "PNG")
    assert measure(small) == {"earlier": 0.0, "shifted": 0.0}
