"""Print results on stdout, warnings on stderr, and progress bars on terminals."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TextIO, TypeVar

import typer

from dedupe.cli.log import RunLog
from dedupe.cli.process import drop_output
from dedupe.cli.progress import BarView, JsonView, NoView, RunProgress, Stage, View
from dedupe.errors import INTERRUPTED, DedupeError, DedupeWarning, ReportError

if TYPE_CHECKING:
    from dedupe.types import Progress

P = ParamSpec("P")
R = TypeVar("R")

Colour = Literal["green", "yellow", "red", "cyan"]
_COLOURS: Mapping[Colour, str] = {
    "green": "\x1b[32m",
    "yellow": "\x1b[33m",
    "red": "\x1b[31m",
    "cyan": "\x1b[36m",
}
_TIME = "%Y-%m-%dT%H:%M:%S%z"


class Console:
    """Prints, as much as the options of the running command ask for.

    `begin` sets the state anew for each command line, `set_verbosity` for the command.
    """

    def __init__(self) -> None:
        self.log: logging.Logger | None = None  # also gets warnings and the outcome
        self._handler: RunLog | None = None  # of the log
        self.begin(debug=False)

    def begin(self, *, debug: bool) -> None:
        """Start a command line: nothing of an earlier one remains."""
        self.debug = debug  # print the traceback of an error
        self.progress_format = "auto"  # or json, none
        self.promise = ""  # how to go on after an interrupt, if the command can
        self.set_verbosity()

    def set_verbosity(self, *, quiet: bool = False, verbose: bool = False) -> None:
        """Set how much is printed: errors only, the result, or the result and notes."""
        self.quiet = quiet
        self.verbose = verbose

    def say(self, line: str = "", *, to_stderr: bool = False, colour: Colour | None = None) -> None:
        """Print one line of the result, unless the user asked for quiet.

        Args:
            line: may begin with a word that is coloured on a terminal.
            to_stderr: print on stderr in place of stdout.
            colour: of the first word.
        """
        if not self.quiet:
            _print(line, sys.stderr if to_stderr else sys.stdout, colour)

    def note(self, line: str) -> None:
        """Print a detail, with --verbose only."""
        if self.verbose:
            _print(line, sys.stderr)

    def warn(self, line: str) -> None:
        """Print a warning, also with --quiet."""
        _print(f"dedupe: {line}", sys.stderr, "red")
        if self.log:
            self.log.warning(readable(line))

    def conclude(self, line: str, *, to_stderr: bool = False, silent: bool = False) -> None:
        """Log the result of a run, and print it unless `silent`."""
        if self.log:
            self.log.info(readable(line))
        if not silent:
            _print(line, sys.stderr if to_stderr else sys.stdout)

    def can_ask(self) -> bool:
        """Return whether a person can answer a question."""
        return sys.stdin is not None and sys.stdin.isatty()

    def open_log(self, path: str) -> None:
        """Append warnings and the outcome to a file as well, until the command ends.

        The file is set aside as `path.1`, ... `path.3` whenever it has grown to 256 KiB.

        Raises:
            ReportError: the file cannot be written.
        """
        try:
            handler = RunLog(path, on_failure=self._warn_of_log)
        except OSError as error:
            raise ReportError(f"cannot write the log {path}: {error.strerror}") from error
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", _TIME))
        self.log = logging.Logger("dedupe", logging.INFO)  # of its own: no other library logs here
        self.log.addHandler(handler)
        self._handler = handler

    def close_log(self) -> None:
        """Close the log, if one is open."""
        handler, self._handler = self._handler, None
        self.log = None
        if handler:
            handler.close()

    def _warn_of_log(self, line: str) -> None:
        self.log = None
        self.warn(line)

    @contextlib.contextmanager
    def progress(self, stages: Mapping[str, Stage]) -> Iterator[Progress]:
        """Show the progress of a run: on a terminal a bar, which ends at 100 %.

        Args:
            stages: by name, in their order; other stages are not counted.
        """
        view = self._view()
        complete = False
        try:
            yield RunProgress(stages, view)
            complete = True
        finally:
            view.close(complete=complete)

    def _view(self) -> View:
        if self.progress_format == "json":
            return JsonView()
        hidden = self.quiet or self.progress_format == "none" or not sys.stderr.isatty()
        return NoView() if hidden else BarView()


console = Console()


def _print(line: str, stream: Any, colour: Colour | None = None) -> None:
    """Print a line that may name any file: a terminal gets no control characters or broken text.

    A stream that cannot be written, because its reader has gone or its disk is full, never ends a
    command: the scan, and the moves after it, go on.
    """
    text = readable(line)
    if colour and takes_colours(stream):
        first, space, rest = text.partition(" ")
        text = f"{_COLOURS[colour]}{first}\x1b[0m{space}{rest}"
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream)
    except BrokenPipeError:
        drop_output(stream)
    except OSError as error:
        drop_output(stream)
        if stream is sys.stdout:
            console.warn(f"cannot write to stdout: {error.strerror}")


def takes_colours(stream: Any) -> bool:
    """Return whether a stream is a terminal with colours, and NO_COLOR is not set."""
    return bool(
        stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def readable(text: str) -> str:
    """Return `text` with bytes that are not UTF-8 and control codes escaped."""
    plain = os.fsencode(text).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain)


def ends_cleanly(command: Callable[P, R]) -> Callable[P, R]:
    """Turn an error of a command into one line and an exit code; --debug prints the traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", DedupeWarning)
                warnings.showwarning = _show_warning
                return command(*args, **kwargs)
        except DedupeError as error:
            _show(str(error))
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            _show(f"interrupted{console.promise}")
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError as error:  # the reader of our output went away
            drop_output(sys.stdout)
            raise typer.Exit(0) from error
        except (typer.Exit, typer.Abort):  # Abort: a question was left with Ctrl-C or Ctrl-D
            raise
        except Exception as error:
            _show(f"unexpected {type(error).__name__}: {error}; run with --debug to see where")
            raise typer.Exit(1) from error
        finally:
            console.close_log()

    return run


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    """Print a warning of dedupe as one line; warnings of libraries are for the curious."""
    if issubclass(category, DedupeWarning):
        console.warn(str(message))
    else:
        console.note(f"{category.__name__}: {message}")


def _show(line: str) -> None:
    if console.debug:
        traceback.print_exc()
    console.warn(line)
