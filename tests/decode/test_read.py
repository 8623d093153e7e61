"""Reading the bytes of image files."""

from __future__ import annotations

import os
import pickle
import threading
from pathlib import Path

import pytest
from encoded import samples

from dedupe.decode.read import Unreadable, read


def test_an_unreadable_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(Unreadable("truncated or broken", "two\n lines")))
    assert (error.reason, error.detail) == ("truncated or broken", "two lines")
    assert str(error) == "truncated or broken: two lines"
    assert str(Unreadable("empty file")) == "empty file"


def refusal(path: Path) -> str:
    """Return the reason for which `read` refuses a path."""
    with pytest.raises(Unreadable) as caught:
        read(str(path))
    return caught.value.reason


def test_a_file_is_read_whole_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "really a png\n.jpg"
    path.write_bytes(samples()["PNG"])
    assert read(str(path)) == samples()["PNG"]


def test_what_cannot_be_read_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "knot.jpg").symlink_to("knot.jpg")
    assert read(str(tmp_path / "a.jpg")) == b""
    assert refusal(tmp_path / "gone.jpg") == "vanished"
    assert refusal(tmp_path / "a.jpg/b.jpg") == "vanished"
    assert refusal(tmp_path) == "not a regular file"
    assert refusal(tmp_path / "knot.jpg") == "read error"


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    reasons: list[str] = []
    reader = threading.Thread(
        target=lambda: reasons.append(refusal(tmp_path / "pipe.jpg")), daemon=True
    )
    reader.start()
    reader.join(timeout=10)
    assert reasons == ["not a regular file"]


def test_a_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> int:  # a permission would not stop root, who may run the tests
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    assert refusal(tmp_path / "a.jpg") == "permission denied"
