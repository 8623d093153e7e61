"""The process round a command: standard streams, Ctrl-C, and the end.

Ctrl-C ends every command with exit code 130, also while threads run native code. Python's own end
of a process stops daemon threads inside that code, which then aborts the process (exit code 134).
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, TextIO

from dedupe.errors import INTERRUPTED, ReportError

CLOSED: set[int] = set()
"""Descriptors of standard streams that the caller closed; they lead to the null device."""


class _Interrupts:
    """Handles Ctrl-C: the first stops the command, the second ends the process at once."""

    def __init__(self) -> None:
        self.seen = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self.seen:
            os._exit(INTERRUPTED)
        self.seen = True
        raise KeyboardInterrupt


def run_process(app: Callable[[], object]) -> NoReturn:
    """Run a command line and end the process with its exit code."""
    open_missing_streams()
    interrupts = _Interrupts()
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, interrupts)
    code = _code_of(app)
    if interrupts.seen:  # also if a library swallowed the interrupt
        code = INTERRUPTED
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is over
    code = _flush(code)
    if interrupts.seen or threading.active_count() > 1:
        os._exit(code)
    sys.exit(code)


def _code_of(app: Callable[[], object]) -> int:
    try:
        app()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def open_missing_streams() -> None:
    """Open the null device for each standard stream that the caller closed.

    Otherwise the next file that is opened, an index for example, takes the number of the stream,
    and messages of libraries are written into it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            CLOSED.add(number)
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:  # another file has the number already
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def drop_output(stream: TextIO) -> None:
    """Send what follows on a standard stream to the null device: its reader or disk is gone."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        stream.flush()


def _flush(code: int) -> int:
    """Flush both streams; return the exit code, of a report if stdout cannot be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            drop_output(stream)
            is_broken_pipe = isinstance(error, OSError) and error.errno == errno.EPIPE
            if stream is sys.stdout and not is_broken_pipe:
                with contextlib.suppress(OSError, ValueError):
                    print(f"dedupe: cannot write to stdout: {error}", file=sys.stderr)
                code = code or ReportError.exit_code
    return code
