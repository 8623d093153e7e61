"""The lock."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dedupe.errors import ApplyError, LockedError
from dedupe.files.lock import hold_lock

HOLD = """
import sys
from pathlib import Path
from dedupe.files.lock import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_names_the_holder_of_the_lock_and_a_killed_run_holds_none(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        words = rf"another run holds the lock .*: pid {other.pid} on \S+, since \d{{4}}-"
        with pytest.raises(LockedError, match=words), hold_lock(path):
            pass
        other.send_signal(signal.SIGKILL)
    assert path.exists()
    with hold_lock(path):
        assert f'"pid": {os.getpid()},' in path.read_text()


def test_a_run_does_not_meet_itself(tmp_path: Path) -> None:
    with (
        hold_lock(tmp_path / "lock"),
        pytest.raises(LockedError, match=f"pid {os.getpid()}"),
        hold_lock(tmp_path / "lock"),
    ):
        pass


@pytest.mark.parametrize("text", ["", "{", "7", '{"pid": 1}'])
def test_a_holder_that_has_not_said_its_name_yet_still_holds(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lock"
    with hold_lock(path):
        path.write_text(text)
        with pytest.raises(LockedError, match="a run that has just begun"), hold_lock(path):
            pass


def test_the_lock_is_free_again_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold_lock(tmp_path / "lock"):
        _ = 1 // 0
    with hold_lock(tmp_path / "lock"):
        pass


def test_a_lock_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    words = r"cannot open the lock .*none/lock: No such file"
    with pytest.raises(ApplyError, match=words), hold_lock(tmp_path / "none/lock"):
        pass


def test_a_lock_holds_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    with hold_lock(tmp_path / "lock"), pytest.raises(LockedError), hold_lock(tmp_path / "lock"):
        pass


def test_a_file_system_without_locks_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("dedupe.files.lock._take", refuse)
    words = r"cannot lock .*: No locks available"
    with pytest.raises(ApplyError, match=words), hold_lock(tmp_path / "lock"):
        pass
