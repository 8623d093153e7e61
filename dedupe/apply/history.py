"""Read journals: which runs there were, and where each of their files is now."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import platformdirs

from dedupe.apply.plan import KINDS, Action, ActionGroup, ActionKind
from dedupe.errors import ApplyError
from dedupe.files.paths import lies_in
from dedupe.files.state import FileState

_TAIL = 256  # bytes that hold the last line of a finished journal
VERSION = 2  # of the journal's lines, which dedupe.apply.journal describes


@dataclass(frozen=True, slots=True)
class Pending:
    """An action that was started but not recorded as finished."""

    back: bool  # being undone
    facts: Mapping[str, Any] = field(default_factory=dict)  # noted on the way


@dataclass(frozen=True, slots=True)
class Run:
    """The content of a journal."""

    path: Path
    sequence: int  # 1 for the first run of a folder of journals; orders runs without a clock
    started: str  # UTC, ISO 8601
    report: str  # path of the report, or empty
    report_digest: str
    roots: tuple[str, ...]
    kind: ActionKind
    move_to: str  # empty if nothing moves
    groups: tuple[ActionGroup, ...]
    planned: bool  # the plan is complete in the journal
    applied: frozenset[int]  # numbers of the actions that were done and not undone
    pending: Mapping[int, Pending]  # by number of the action
    facts: Mapping[int, Mapping[str, Any]]  # noted while each action was done, by its number
    folders: tuple[str, ...]  # created by the run, in the order of creation
    undoing: bool  # an undo was started
    undone: bool  # and every photo is back
    ended: bool  # the run came to its end

    @property
    def id(self) -> str:
        """The id of the run, which is the name of its journal."""
        return self.path.stem

    @property
    def actions(self) -> tuple[Action, ...]:
        """Every planned action, in order."""
        return tuple(action for group in self.groups for action in group.actions)


def default_journal_dir() -> Path:
    """Return the folder of the journals: `runs` in the state folder of the user for dedupe."""
    return platformdirs.user_state_path("dedupe", appauthor=False) / "runs"


def find_run(run: str | Path, folder: Path | None = None) -> Path:
    """Return the path of a journal, given the id of its run or the path itself.

    Raises:
        ApplyError: there is no such run.
    """
    path = Path(run)
    if path.suffix != ".jsonl":
        path = (folder or default_journal_dir()) / f"{run}.jsonl"
    if not path.is_file():
        raise ApplyError(f"there is no run {str(run)!r}: {path} does not exist")
    return path


def list_runs(
    folder: Path | None = None, *, on_damaged: Callable[[ApplyError], None] | None = None
) -> tuple[Run, ...]:
    """Read the journals of a folder, in the order in which the runs were started.

    A run that was killed before its first line is left out.

    Args:
        on_damaged: called for each journal that cannot be read; if not given, it is an error.

    Raises:
        ApplyError: as `read_run`.
    """
    runs: list[Run] = []
    for path in sorted((folder or default_journal_dir()).glob("*.jsonl")):
        try:
            if _has_begun(path):
                runs.append(read_run(path))
        except ApplyError as error:
            if on_damaged is None:
                raise
            on_damaged(error)
    return tuple(sorted(runs, key=lambda run: (run.sequence, run.id)))


def list_unfinished(folder: Path) -> tuple[Run, ...]:
    """Read the journals that do not finish with an ended or undone run; damaged ones are left out.

    Reads only the last bytes of all others.
    """
    runs: list[Run] = []
    for path in sorted(folder.glob("*.jsonl")):
        with suppress(OSError, ApplyError):
            if _last_event(path) not in ("end", "undone"):
                runs.append(read_run(path))
    return tuple(runs)


def _last_event(path: Path) -> str:
    """Return the event of the last line if that is short; else an empty text."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
        lines = file.read().splitlines(keepends=True)
    with suppress(ValueError, TypeError, KeyError, IndexError):
        return str(json.loads(lines[-1])["event"]) if lines[-1].endswith(b"\n") else ""
    return ""


def list_moved(
    roots: Sequence[str], folder: Path | None = None
) -> Mapping[str, frozenset[tuple[str, int, int]]]:
    """Return the files that earlier runs moved to a folder inside a root, and did not bring back.

    Reads the first line of every other journal. A journal that cannot be read counts as none.

    Args:
        roots: absolute paths. A folder that is a root itself, or contains it, is not inside it.

    Returns:
        For each root with such files: path, size in bytes and mtime_ns of each.
    """
    found: dict[str, frozenset[tuple[str, int, int]]] = {}
    for path in sorted((folder or default_journal_dir()).glob("*.jsonl")):
        with suppress(OSError, StopIteration, ValueError, KeyError, TypeError, ApplyError):
            move_to = json.loads(next(_whole_lines(path)))["move_to"]
            inside = [root for root in roots if move_to and lies_in(os.path.abspath(move_to), root)]
            if not inside:
                continue
            run = read_run(path)
            moved = frozenset(
                (action.target, action.file.size, action.file.mtime_ns)
                for action in run.actions
                if action.number in run.applied
            )
            found |= {root: found.get(root, frozenset()) | moved for root in inside}
    return found


def next_sequence(folder: Path) -> int:
    """Return the sequence number for a new run; reads the first line of each journal."""
    numbers = [0]
    for path in folder.glob("*.jsonl"):
        try:
            number = json.loads(next(_whole_lines(path)))["sequence"]
        except (OSError, StopIteration, ValueError, KeyError, TypeError, RecursionError):
            continue  # damaged: `list_runs` reports it
        if isinstance(number, int):
            numbers.append(number)
    return max(numbers) + 1


def read_run(path: Path) -> Run:
    """Read a journal.

    Raises:
        ApplyError: it cannot be read, is damaged, or another version of dedupe wrote it.
    """
    return read_lines(path).run(path)


def read_lines(path: Path) -> JournalReader:
    """Read the lines of a journal; raises ApplyError as `read_run`."""
    number = 0
    try:
        reader = JournalReader()
        for line in _whole_lines(path):
            number += 1
            reader.take(json.loads(line))
        if number == 0:
            raise ApplyError(
                f"the run {path.stem} changed nothing: it was stopped before its journal began"
            )
        reader.check()
    except OSError as error:
        raise ApplyError(f"cannot read the journal {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ApplyError(f"the journal {path} is damaged in line {number}: {error!r}") from error
    return reader


class JournalReader:
    """Follows the lines of a journal; contains, after each, where every file is."""

    def __init__(self) -> None:
        self.header: dict[str, Any] = {}
        self.groups: list[ActionGroup] = []
        self.applied: set[int] = set()
        self.pending: dict[int, Pending] = {}
        self.facts: dict[int, Mapping[str, Any]] = {}
        self.folders: list[str] = []
        self.marks: set[str] = set()  # planned, undo, undone, end

    def take(self, record: Mapping[str, Any]) -> None:
        """Follow one line; raises ValueError, KeyError or TypeError if it does not fit."""
        event = record["event"]
        if (event == "run") != (not self.header):
            raise ValueError("the first line, and no other, describes the run")
        match event:
            case "run":
                self.header = {key: record[key] for key in record if key != "event"}
            case "group":
                self.groups.append(_read_group(record))
            case "mkdir":
                self.folders.append(record["path"])
            case "intent" | "note" | "done" | "failed":
                self._follow(event, record)
            case "planned" | "undo" | "undone" | "end":
                self.marks.add(event)
            case _:
                raise ValueError(f"unknown event {event!r}")

    def _follow(self, event: str, record: Mapping[str, Any]) -> None:
        number = record["action"]
        if event == "intent":
            facts = {key: record[key] for key in record if key == "metadata"}
            self.pending[number] = Pending(record["back"], facts)
            return
        pending = self.pending[number]
        if event == "note":
            pending = replace(pending, facts={**pending.facts, **record["facts"]})
            self.pending[number] = pending
        else:
            del self.pending[number]
        if not pending.back:
            self.facts[number] = pending.facts
        if event == "done":
            (self.applied.discard if pending.back else self.applied.add)(number)

    def check(self) -> None:
        """Raise ValueError if the lines together are not a journal of this version."""
        planned = {action.number for group in self.groups for action in group.actions}
        if not planned >= self.applied | self.pending.keys():
            raise ValueError("a file moved that was not in the plan")
        if self.header["version"] != VERSION:
            raise ValueError("written by another version of dedupe")
        if self.header["kind"] not in KINDS:
            raise ValueError("its action is not known to this version of dedupe")
        self.run(Path())

    def run(self, path: Path) -> Run:
        """Return the content of the lines."""
        header = {key: self.header[key] for key in self.header if key != "version"}
        return Run(
            path=path,
            roots=tuple(header.pop("roots")),
            groups=tuple(self.groups),
            planned="planned" in self.marks,
            applied=frozenset(self.applied),
            pending=dict(self.pending),
            facts=dict(self.facts),
            folders=tuple(self.folders),
            undoing="undo" in self.marks,
            undone="undone" in self.marks,
            ended="end" in self.marks,
            **header,
        )


def _has_begun(path: Path) -> bool:
    try:
        return any(True for _ in _whole_lines(path))
    except OSError as error:
        raise ApplyError(f"cannot read the journal {path}: {error.strerror}") from error


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def _read_group(record: Mapping[str, Any]) -> ActionGroup:
    return ActionGroup(
        keeper=FileState(**record["keeper"]),
        actions=tuple(
            Action(**action | {"file": FileState(**action["file"])}) for action in record["actions"]
        ),
        others=tuple(FileState(**other) for other in record["others"]),
    )
