"""The digest of all frames of a file."""

from __future__ import annotations

from typing import Any

import pytest
from encoded import cat, encode
from PIL import Image

from dedupe.decode import frames
from dedupe.decode.frames import digest_frames

LOSSLESS: dict[str, dict[str, Any]] = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}
PAGES = [cat().rotate(angle, expand=False) for angle in (0, 10, 20)]


def film(name: str, pages: list[Image.Image], **options: Any) -> bytes:
    return encode(pages[0], name, save_all=True, append_images=pages[1:], **options)


def test_equal_pixels_have_one_digest_in_every_lossless_format() -> None:
    digests = {digest_frames(encode(cat(), name, **LOSSLESS[name])) for name in LOSSLESS}
    assert len(digests) == 1
    assert digests != {""}


@pytest.mark.parametrize("name", ["TIFF", "PNG", "GIF", "WEBP"])
def test_every_frame_counts(name: str) -> None:
    one = digest_frames(film(name, PAGES))
    changed = PAGES[2].copy()
    changed.paste((255, 0, 0), (5, 5, 30, 30))
    assert digest_frames(film(name, [*PAGES[:2], changed])) != one
    assert digest_frames(film(name, PAGES[:2])) != one
    assert digest_frames(film(name, PAGES)) == one


def test_the_times_of_frames_count() -> None:
    assert digest_frames(film("GIF", PAGES, duration=100)) != digest_frames(
        film("GIF", PAGES, duration=200)
    )


def test_pages_that_are_compressed_otherwise_have_one_digest() -> None:
    plain, packed = (film("TIFF", PAGES, compression=how) for how in (None, "tiff_lzw"))
    assert plain != packed
    assert digest_frames(plain) == digest_frames(packed)


def test_clear_pixels_count() -> None:
    image = cat().convert("RGBA")
    whole = digest_frames(encode(image, "PNG"))
    assert whole == digest_frames(encode(cat(), "PNG"))
    image.putpixel((3, 3), (*cat().getpixel((3, 3)), 254))  # type: ignore[misc]
    assert digest_frames(encode(image, "PNG")) != whole


def test_a_broken_or_very_long_film_has_no_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    data = film("TIFF", PAGES)
    assert digest_frames(data[: len(data) // 2]) == ""
    monkeypatch.setattr(frames, "MOST_PIXELS", 2 * 225 * 150)
    assert digest_frames(data) == ""
