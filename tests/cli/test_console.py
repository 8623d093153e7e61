"""Colours, on a terminal and off."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from dedupe.cli.console import Console, takes_colours


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


Open = Callable[[], Terminal]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Return what puts a terminal in place of stdout, once the test has begun."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")

    def open_terminal() -> Terminal:
        stream = Terminal()
        monkeypatch.setattr("sys.stdout", stream)
        return stream

    return open_terminal


def test_the_first_word_is_coloured_on_a_terminal(terminal: Open) -> None:
    shown = terminal()
    Console().say("keep    a.jpg", colour="green")
    assert shown.getvalue() == "\x1b[32mkeep\x1b[0m    a.jpg\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_user_who_wants_no_colours_gets_none(
    terminal: Open, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    shown = terminal()
    Console().say("keep a.jpg", colour="green")
    assert shown.getvalue() == "keep a.jpg\n"


def test_a_file_gets_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert not takes_colours(io.StringIO())


def test_a_name_in_a_coloured_line_cannot_write_to_the_terminal(terminal: Open) -> None:
    shown = terminal()
    Console().say("keep \x1b[31m.jpg", colour="green")
    assert shown.getvalue() == "\x1b[32mkeep\x1b[0m \\x1b[31m.jpg\n"


def test_nothing_is_said_if_the_user_asked_for_quiet(terminal: Open) -> None:
    shown = terminal()
    console = Console()
    console.set_verbosity(quiet=True)
    console.say("keep a.jpg", colour="green")
    assert shown.getvalue() == ""
