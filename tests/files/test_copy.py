"""Copies to a free path, and files that another program saves there meanwhile."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import faults

from dedupe.files.copy import copy_exclusively
from dedupe.files.digest import digest_file
from dedupe.files.state import OvertakenError
from dedupe.files.system import FaultHook

BYTES = os.urandom(1 << 20) * 2 + b"end"  # written in three calls


def copy(tmp_path: Path, *, digest: str = "", private: bool = False) -> None:
    source = tmp_path / "a.jpg"
    source.write_bytes(BYTES)
    wanted = digest or digest_file(str(source))
    target = str(tmp_path / "b.jpg")
    copy_exclusively(str(source), target, digest=wanted, metadata=None, private=private)


def at_write(number: int, action: Callable[[], object]) -> FaultHook:
    """Do something before a write, counted from 0."""
    calls = []

    def hook(call: str, subject: str) -> None:
        if call == "write":
            calls.append(subject)
            if len(calls) == number + 1:
                action()

    return hook


def test_a_copy_has_the_bytes_and_the_time_of_its_source(tmp_path: Path) -> None:
    copy(tmp_path)
    assert (tmp_path / "b.jpg").read_bytes() == BYTES
    assert (tmp_path / "b.jpg").stat().st_mtime_ns == (tmp_path / "a.jpg").stat().st_mtime_ns


@pytest.mark.parametrize(
    ("number", "saved"),
    [(0, b"saved"), (0, BYTES + b"longer"), (1, b""), (1, b"saved"), (2, b""), (2, b"saved")],
)
def test_what_is_saved_in_place_between_two_writes_is_left_without_a_byte_of_the_copy(
    tmp_path: Path, number: int, saved: bytes
) -> None:
    target = tmp_path / "b.jpg"
    hook = at_write(number, lambda: target.write_bytes(saved))
    with faults(before=hook), pytest.raises(OvertakenError):
        copy(tmp_path)
    assert target.read_bytes() == saved


def test_a_file_that_took_the_name_keeps_its_bytes_time_and_mode(tmp_path: Path) -> None:
    target, new = tmp_path / "b.jpg", tmp_path / "new"
    new.write_bytes(BYTES[:9])  # equal to the beginning of the source, but another file
    new.chmod(0o604)
    before = new.stat()
    with faults(before=at_write(1, lambda: new.replace(target))), pytest.raises(OvertakenError):
        copy(tmp_path)
    after = target.stat()
    assert target.read_bytes() == BYTES[:9]
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_incomplete_copy_is_removed(tmp_path: Path, number: int) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with faults(before=at_write(number, fail)), pytest.raises(OSError, match="No space left"):
        copy(tmp_path)
    assert os.listdir(tmp_path) == ["a.jpg"]


def test_an_interrupted_copy_leaves_what_another_program_saved(tmp_path: Path) -> None:
    def stop() -> None:
        (tmp_path / "b.jpg").write_bytes(b"saved")
        raise KeyboardInterrupt

    with faults(before=at_write(1, stop)), pytest.raises(KeyboardInterrupt):
        copy(tmp_path)
    assert (tmp_path / "b.jpg").read_bytes() == b"saved"


@pytest.mark.parametrize("private", [False, True])
def test_a_copy_with_a_wrong_digest_is_removed(tmp_path: Path, private: bool) -> None:
    with pytest.raises(OSError, match="the copy differs from the photo"):
        copy(tmp_path, digest="0" * 32, private=private)
    assert os.listdir(tmp_path) == ["a.jpg"]
