"""Work spread over threads."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from dedupe.threads import map_threads


def test_results_come_in_the_order_of_the_items() -> None:
    gate = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert gate.wait(10)
        else:
            gate.set()
        return number * number

    assert list(map_threads(work, range(6), workers=2)) == [0, 1, 4, 9, 16, 25]


def test_the_first_error_in_order_comes_out_and_no_thread_outlives_it() -> None:
    before = threading.active_count()

    def work(number: int) -> int:
        if number in (2, 3):
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match="2"):
        list(map_threads(work, range(100), workers=3))
    assert threading.active_count() == before


def test_an_interrupt_in_the_lock_of_a_future_comes_out_as_an_interrupt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def result(_future: Future[int]) -> int:  # as Python 3.11 does between two calls of a lock
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("cannot release un-acquired lock")

    monkeypatch.setattr(Future, "result", result)
    with pytest.raises(KeyboardInterrupt):
        list(map_threads(abs, range(3), workers=1))


def test_an_error_of_the_work_is_not_taken_for_an_interrupt() -> None:
    def work(_number: int) -> int:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise RuntimeError("of the work")  # noqa: B904

    with pytest.raises(RuntimeError, match="of the work"):
        list(map_threads(work, range(3), workers=1))
