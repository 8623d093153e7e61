"""The memory that all threads share."""

from __future__ import annotations

import io
import threading

import pytest
from encoded import cat, encode, samples
from PIL import Image

from dedupe.decode.memory import Budget, estimate_bytes, measure_webp
from dedupe.decode.read import Unreadable


def test_a_budget_makes_threads_wait_until_their_part_is_free() -> None:
    budget, order = Budget(10), list[str]()

    def use(name: str) -> None:
        with budget.reserve(6, name):
            order.append(name)

    with budget.reserve(6, "first"):
        thread = threading.Thread(target=use, args=("second",))
        thread.start()
        order.append("first")
    thread.join(timeout=10)
    assert order == ["first", "second"]


def test_parts_that_fit_together_do_not_wait() -> None:
    budget = Budget(10)
    with budget.reserve(5, "a"), budget.reserve(5, "b"):
        pass


def use_at_once(budget: Budget, size: int) -> None:
    with budget.reserve(size, "9 x 9"):
        pass


def test_more_than_the_whole_budget_is_rejected() -> None:
    with pytest.raises(Unreadable, match=r"too many pixels: 9 x 9 needs 3 MB, the limit is 2 MB"):
        use_at_once(Budget(2 << 20), 3 << 20)


@pytest.mark.parametrize(
    ("name", "per_pixel"),
    [("JPEG", 6), ("PNG", 4), ("TIFF", 4), ("WEBP", 12), ("AVIF", 8), ("HEIF", 6), ("GIF", 6)],
)
def test_memory_is_estimated_from_the_header(name: str, per_pixel: int) -> None:
    with Image.open(io.BytesIO(samples()[name])) as image:
        assert estimate_bytes(image, is_squashed=True) == 225 * 150 * per_pixel
        assert estimate_bytes(image, is_squashed=False) > 225 * 150 * per_pixel


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0MM"}])
def test_the_size_of_a_webp_is_read_from_its_header(options: dict[str, object]) -> None:
    assert measure_webp(encode(cat(), "WEBP", **options)) == (225, 150)
    alpha = cat().convert("RGBA")
    alpha.putpixel((0, 0), (0, 0, 0, 0))
    assert measure_webp(encode(alpha, "WEBP", **options)) == (225, 150)


def test_a_broken_webp_header_has_no_size() -> None:
    assert measure_webp(b"RIFF\0\0\0\0WEBPABCD" + bytes(20)) == (0, 0)
