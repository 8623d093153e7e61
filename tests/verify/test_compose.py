"""Composition: what two verdicts with a third content say of two contents."""

from __future__ import annotations

import numpy as np
import pytest

from dedupe.types import Verdict
from dedupe.verify.compose import Composer


def window(left: float, top: float, right: float, bottom: float, how: str = "") -> Verdict:
    """The verdict on a whole picture (first) and a window of it (second)."""
    matrix = (right - left, 0.0, left, 0.0, bottom - top, top, 0.0, 0.0, 1.0)
    return Verdict(True, 0.9, how, "points", matrix)


def compose(first: Verdict, second: Verdict) -> Verdict | None:
    composer = Composer()
    composer.add({("a", "k"): first.flip(), ("b", "k"): second.flip()})
    return composer.compose(("a", "b"))


def test_a_window_of_a_window_is_a_copy() -> None:
    verdict = compose(window(0, 0, 0.5, 1), window(0, 0, 0.5, 0.5))
    assert verdict is not None
    assert (verdict.is_copy, verdict.how, verdict.level) == (True, "cropped to 50 %", "composed")
    assert verdict.matrix is not None
    np.testing.assert_allclose(verdict.matrix, [1, 0, 0, 0, 0.5, 0, 0, 0, 1], atol=1e-9)


def test_two_windows_that_share_a_part_are_not_copies() -> None:
    verdict = compose(window(0, 0, 0.6, 1), window(0.4, 0, 1, 1))
    assert verdict is not None
    assert not verdict.is_copy


@pytest.mark.parametrize("how", ["caption or mark added", "border added"])
def test_two_additions_are_left_to_the_pixels(how: str) -> None:
    assert compose(window(0, 0, 1, 1, how), window(0, 0, 1, 1, how)) is None


def test_one_addition_is_composed() -> None:
    verdict = compose(window(0, 0, 1, 1, "greyscale"), window(0, 0, 1, 1, "caption or mark added"))
    assert verdict is not None
    assert verdict.how == "caption or mark added, greyscale"


def test_a_change_that_both_have_is_not_named() -> None:
    verdict = compose(window(0, 0, 1, 1, "greyscale"), window(0, 0, 1, 1, "greyscale"))
    assert verdict is not None
    assert (verdict.is_copy, verdict.how) == (True, "")


def test_a_quarter_turn_and_a_mirror_are_named() -> None:
    turned = Verdict(True, 0.9, "turned 90", "frames", (0, 1, 0, -1, 0, 1, 0, 0, 1))
    mirrored = Verdict(True, 0.9, "mirrored", "frames", (-1, 0, 1, 0, 1, 0, 0, 0, 1))
    plain = window(0, 0, 1, 1)
    hows = [found.how for v in (turned, mirrored) if (found := compose(plain, v))]
    assert hows == ["turned 90", "mirrored"]


def test_without_a_third_content_nothing_follows() -> None:
    composer = Composer()
    composer.add({("a", "k"): window(0, 0, 1, 1), ("b", "m"): window(0, 0, 1, 1)})
    assert composer.compose(("a", "b")) is None


def test_a_composed_verdict_is_no_evidence() -> None:
    composer = Composer()
    composed = Verdict(True, 0.9, "", "composed", (1, 0, 0, 0, 1, 0, 0, 0, 1))
    composer.add({("a", "k"): composed, ("b", "k"): composed})
    assert composer.compose(("a", "b")) is None


def test_a_doubtful_verdict_is_no_evidence() -> None:
    doubtful = Verdict(True, 0.6, "", "points", (1, 0, 0, 0, 1, 0, 0, 0, 1))
    composer = Composer()
    composer.add({("a", "k"): doubtful, ("b", "k"): window(0, 0, 1, 1)})
    assert composer.compose(("a", "b")) is None
