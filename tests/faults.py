"""Faults in the system calls of dedupe: errors, kills, and other programs that come in between."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any

from builders import write_photo

from dedupe.apply.attempt import Attempt
from dedupe.apply.plan import Action, ActionKind
from dedupe.files.metadata import read_metadata
from dedupe.files.state import FileState, read_state
from dedupe.files.system import FaultHook, no_fault, system


class Died(BaseException):
    """A kill: no code that cleans up may run after it."""


@contextmanager
def faults(*, before: FaultHook = no_fault, after: FaultHook = no_fault) -> Iterator[None]:
    """Call hooks before and after each system call that changes files, while the block runs."""
    old = system.before, system.after
    system.before, system.after = before, after
    try:
        yield
    finally:
        system.before, system.after = old


def name_of(call: str, subject: str) -> str:
    """The name of a system call; for a line of a journal, its event."""
    if call == "write" and subject.startswith('{"event"'):
        return str(json.loads(subject)["event"])
    return call


def at(name: str, action: Callable[[], object], *, times: int = 1) -> FaultHook:
    """Do something at the first calls of a name, or at the first lines of a journal with it."""
    left = times

    def hook(call: str, subject: str) -> None:
        nonlocal left
        if name_of(call, subject) == name and left:
            left -= 1
            action()

    return hook


def raising(error: BaseException) -> Callable[[], None]:
    """Return a function that raises."""

    def throw() -> None:
        raise error

    return throw


def dying_at(point: int) -> FaultHook:
    """Die at a system call, counted from 0."""
    calls = count()

    def hook(_call: str, _subject: str) -> None:
        if next(calls) == point:
            raise Died

    return hook


def without(*calls: str) -> FaultHook:
    """Behave like a file system that lacks some calls: `rename` (exclusive), `link`."""

    def hook(call: str, subject: str) -> None:
        if call in calls:
            raise OSError(errno.EPERM if call == "link" else errno.EINVAL, "not here", subject)

    return hook


def both(*hooks: FaultHook) -> FaultHook:
    """Call several hooks, in order."""

    def hook(call: str, subject: str) -> None:
        for each in hooks:
            each(call, subject)

    return hook


class Notes:
    """A notebook in memory."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}

    def note(self, action: int, facts: Mapping[str, Any]) -> None:
        del action
        self.facts.update(facts)


def a_state(path: Path | str, content: bytes = b"photo", *, mode: int = 0o640) -> FileState:
    """Write a photo and return its state."""
    photo = write_photo(path, content, mode=mode)
    return replace(read_state(photo.path), digest=photo.digest)


def an_attempt(
    file: FileState, *, kind: ActionKind = "move", target: str = "", keeper: str = ""
) -> Attempt:
    """Return an attempt to act on a file, with its metadata noted as `do_action` does."""
    action = Action(0, file, target, kind, keeper)
    facts = {"metadata": asdict(read_metadata(file.path))} if os.path.exists(file.path) else {}
    return Attempt(action, "run", Notes(), facts=facts)


def turned_back(attempt: Attempt) -> Attempt:
    """Return the attempt to undo what another one did."""
    return Attempt(attempt.action, attempt.run, Notes(), back=True, forward=attempt.facts)
