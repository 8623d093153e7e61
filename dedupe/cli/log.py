"""The log file of unattended runs. A failure to write it never ends a run."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler

from dedupe.files.outputs import LOG_FILES

_LARGEST = 256 * 1024  # bytes of a log before it is set aside as `path.1`, ... `path.3`


class RunLog(RotatingFileHandler):
    """Appends lines to a file that only its owner can read."""

    def __init__(self, path: str, *, on_failure: Callable[[str], None]) -> None:
        """Open the log.

        Args:
            path: the file; created with mode 0600 if it does not exist.
            on_failure: called once with one line if the log cannot be written, for example on a
                full disk; later lines are dropped.

        Raises:
            OSError: the file cannot be opened.
        """
        self._on_failure = on_failure
        self._failed = False
        super().__init__(path, maxBytes=_LARGEST, backupCount=LOG_FILES, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return open(descriptor, "a", encoding="utf-8")  # noqa: PTH123

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802
        """Report the first failure in one line; the standard handler prints a traceback."""
        if not self._failed:
            self._failed = True
            self._on_failure(f"cannot write the log {self.baseFilename}: {sys.exc_info()[1]}")

    def close(self) -> None:
        """Close the file; what could not be written is dropped."""
        try:
            super().close()
        except (OSError, ValueError) as error:
            self.stream = None
            with contextlib.suppress(OSError, ValueError):
                super().close()
            if not self._failed:
                self._failed = True
                self._on_failure(f"cannot write the log {self.baseFilename}: {error}")
