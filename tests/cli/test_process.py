"""The process of a command: closed or full standard streams, and Ctrl-C at every instant."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from drawings import draw_photo
from PIL import Image

from dedupe.cli.process import run_process

DEDUPE = f"{sys.executable} -m dedupe"
NEEDS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo and its copy, in a folder with letters beyond Latin-1 in its name."""
    folder = tmp_path / "été 沙"
    folder.mkdir()
    Image.fromarray(draw_photo(1)).save(folder / "a.jpg")
    shutil.copy(folder / "a.jpg", folder / "b.jpg")
    monkeypatch.chdir(tmp_path)
    return folder


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, check=False, env=os.environ | environment
    )


def test_a_scan_with_stderr_closed_writes_its_report(photos: Path) -> None:
    done = shell(f"{DEDUPE} scan '{photos}' --report r.csv --no-index --verbose 2>&-")
    assert done.returncode == 0
    assert Path("r.csv").read_bytes().count(b"\n") == 3


def test_an_index_never_takes_the_place_of_a_closed_stderr(photos: Path) -> None:
    for _ in range(2):
        done = shell(f"{DEDUPE} scan '{photos}' --report r.csv --index i.sqlite >&- 2>&- <&-")
        assert done.returncode == 0
    assert Path("i.sqlite").read_bytes().startswith(b"SQLite format 3\0")


def test_a_report_for_a_closed_stdout_is_an_error(photos: Path) -> None:
    done = shell(f"{DEDUPE} scan '{photos}' --report - --no-index --trash >&-")
    assert (done.returncode, done.stderr.count(b"\n")) == (6, 1)
    assert (photos / "b.jpg").exists()


def test_a_latin_1_terminal_gets_escapes_for_other_letters(photos: Path) -> None:
    done = shell(
        f"{DEDUPE} scan '{photos}' --report r.csv --no-index",
        PYTHONIOENCODING="latin-1",
        PYTHONUTF8="0",
    )
    assert done.returncode == 0
    assert "été \\u6c99".encode("latin-1") in done.stdout


@NEEDS_FULL
@pytest.mark.parametrize("target", ["/dev/full", "a closed pipe"])
def test_moves_are_made_when_the_words_of_a_scan_cannot_be_written(
    photos: Path, target: str
) -> None:
    scan = f"{DEDUPE} scan '{photos}' --report r.csv --no-index --move-to away"
    done = shell(f"{scan} > /dev/full" if target == "/dev/full" else f"({scan}; echo $? >&2) | :")
    assert not (photos / "b.jpg").exists()
    if target == "/dev/full":
        assert done.stderr.startswith(b"dedupe: cannot write to stdout: No space left")
    else:
        assert done.stderr == b"0\n"


@NEEDS_FULL
def test_a_report_that_cannot_be_written_to_stdout_moves_nothing(photos: Path) -> None:
    done = shell(f"{DEDUPE} scan '{photos}' --report - --no-index --move-to away > /dev/full")
    assert done.returncode == 6
    assert b"nothing was moved" in done.stderr
    assert (photos / "b.jpg").exists()


def test_a_pipe_as_report_is_one_line_and_does_not_wait(photos: Path) -> None:
    os.mkfifo("pipe")
    done = shell(f"{DEDUPE} scan '{photos}' --report pipe --new-only")
    assert (done.returncode, done.stderr.count(b"\n")) == (6, 1)
    assert b"not a regular file" in done.stderr


IN_NATIVE_CODE = """
import os, signal, threading, time
import cv2, numpy as np
from dedupe.cli.process import run_process
def blur():
    square = np.zeros((1500, 1500), np.uint8)
    while True:
        cv2.GaussianBlur(square, (31, 31), 5)
def app():
    for _ in range(4):
        threading.Thread(target=blur, daemon=True).start()
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
run_process(app)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_ctrl_c_ends_with_130_while_threads_run_native_code() -> None:
    done = subprocess.run([sys.executable, "-c", IN_NATIVE_CODE], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


SWALLOWED = """
import os, signal
from dedupe.cli.process import run_process
def app():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:  # as Python does in a destructor
        pass
run_process(app)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_an_interrupt_that_a_library_swallows_still_ends_with_130() -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


INTERRUPTED_SCAN = """
import os, signal, sys
from dedupe.cli import app
from dedupe.cli.process import run_process
import dedupe.pipeline.engine
def interrupt(*_arguments, **_options):
    os.kill(os.getpid(), signal.SIGINT)
dedupe.pipeline.engine.embed_files = interrupt
run_process(app)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), b"dedupe: interrupted; the same command goes on from here\n"),
        (("--no-index",), b"dedupe: interrupted\n"),
    ],
)
def test_an_interrupted_scan_promises_to_go_on_only_with_an_index(
    photos: Path, options: tuple[str, ...], line: bytes
) -> None:
    command = [sys.executable, "-c", INTERRUPTED_SCAN, "scan", str(photos), *options]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, line)


INTERRUPTED_IMPORT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "dedupe.cli.scan":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from dedupe.__main__ import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_ctrl_c_while_the_command_line_loads_ends_with_130() -> None:
    command = [sys.executable, "-c", INTERRUPTED_IMPORT, "--help"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize(("end", "code"), [(None, 0), (5, 5), (True, 1)])
def test_the_exit_code_of_the_command_line_is_that_of_the_process(
    monkeypatch: pytest.MonkeyPatch, end: int | None, code: int
) -> None:
    monkeypatch.setattr("dedupe.cli.process.open_missing_streams", lambda: None)
    # Threads of earlier tests would make it end this process, pytest, at once.
    monkeypatch.setattr("threading.active_count", lambda: 1)
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as ended:
            run_process(lambda: sys.exit(end))
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.value.code == code
