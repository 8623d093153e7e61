"""What journals tell: which runs there were, and where each of their files stands now."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from dedupe.apply.move import FileState
from dedupe.apply.plan import KINDS, Action, ActionGroup, ActionKind
from dedupe.errors import ApplyError

VERSION = 1  # of the journal's lines, which dedupe.apply.journal describes


@dataclass(frozen=True, slots=True)
class Pending:
    """An action that was begun and of which the journal does not tell the end."""

    back: bool  # being taken back
    copied: int | None = None  # inode of the finished copy or link


@dataclass(frozen=True, slots=True)
class Run:
    """What a journal tells about its run."""

    path: Path
    started: str  # UTC, ISO 8601
    report: str  # path of the report, or empty
    report_digest: str
    roots: tuple[str, ...]
    kind: ActionKind
    move_to: str  # empty where nothing moves
    groups: tuple[ActionGroup, ...]
    planned: bool  # the plan is complete in the journal
    away: frozenset[int]  # numbers of the actions that were made and not taken back
    pending: Mapping[int, Pending]  # by number of the action
    copies: Mapping[int, int]  # inode of the copy or link that each action made, by its number
    folders: tuple[str, ...]  # created by the run, in the order of creation
    undoing: bool  # an undo was begun
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
    """The folder of the journals: `runs` in the user's state folder of dedupe."""
    return platformdirs.user_state_path("dedupe", appauthor=False) / "runs"


def find_run(run: str | Path, folder: Path | None = None) -> Path:
    """Find the journal of a run, given its id or the path of the journal itself.

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
    """Read the journals of a folder, oldest first; a run killed before its first line is none.

    Args:
        on_damaged: called for each journal that cannot be read; if not given, it is an error.

    Raises:
        ApplyError: as `read_run`.
    """
    folder = folder or default_journal_dir()
    runs: list[Run] = []
    for path in sorted(folder.glob("*.jsonl")):
        try:
            if _began(path):
                runs.append(read_run(path))
        except ApplyError as error:
            if on_damaged is None:
                raise
            on_damaged(error)
    return tuple(runs)


def read_run(path: Path) -> Run:
    """Read a journal.

    Raises:
        ApplyError: it cannot be read, is damaged, or another version of dedupe wrote it.
    """
    number = 0
    try:
        reader = _Reader()
        for line in _whole_lines(path):
            number += 1
            reader.take(json.loads(line))
        return reader.run(path)
    except OSError as error:
        raise ApplyError(f"cannot read the journal {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ApplyError(f"the journal {path} is damaged in line {number}: {error!r}") from error


class _Reader:
    """Follows the lines of a journal and knows, after each, where every file stands."""

    def __init__(self) -> None:
        self.header: dict[str, Any] = {}
        self.groups: list[ActionGroup] = []
        self.away: set[int] = set()
        self.pending: dict[int, Pending] = {}
        self.copies: dict[int, int] = {}
        self.folders: list[str] = []
        self.marks: set[str] = set()  # planned, undo, undone, end

    def take(self, record: dict[str, Any]) -> None:
        event = record.pop("event")
        if (event == "run") != (not self.header):
            raise ValueError("the first line, and no other, describes the run")
        match event:
            case "run":
                self.header = record
            case "group":
                self.groups.append(_group(record))
            case "mkdir":
                self.folders.append(record["path"])
            case "intent":
                self.pending[record["action"]] = Pending(record["back"])
            case "copied":
                number, inode = record["action"], record["inode"]
                self.pending[number] = replace(self.pending[number], copied=inode)
                if not self.pending[number].back:
                    self.copies[number] = inode
            case "done":
                back = self.pending.pop(record["action"]).back
                (self.away.discard if back else self.away.add)(record["action"])
            case "failed":
                self.pending.pop(record["action"])
            case "planned" | "undo" | "undone" | "end":
                self.marks.add(event)
            case _:
                raise ValueError(f"unknown event {event!r}")

    def run(self, path: Path) -> Run:
        planned = {action.number for group in self.groups for action in group.actions}
        if not planned >= self.away | self.pending.keys():
            raise ValueError("a file moved that was not in the plan")
        header = dict(self.header)
        if header.pop("version") != VERSION:
            raise ValueError("written by another version of dedupe")
        if header["kind"] not in KINDS:
            raise ValueError("it did something that this version of dedupe does not know")
        return Run(
            path=path,
            roots=tuple(header.pop("roots")),
            groups=tuple(self.groups),
            planned="planned" in self.marks,
            away=frozenset(self.away),
            pending=self.pending,
            copies=self.copies,
            folders=tuple(self.folders),
            undoing="undo" in self.marks,
            undone="undone" in self.marks,
            ended="end" in self.marks,
            **header,
        )


def _began(path: Path) -> bool:
    try:
        return any(True for _ in _whole_lines(path))
    except OSError as error:
        raise ApplyError(f"cannot read the journal {path}: {error.strerror}") from error


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def _group(record: dict[str, Any]) -> ActionGroup:
    return ActionGroup(
        keeper=FileState(**record["keeper"]),
        actions=tuple(
            Action(**action | {"file": FileState(**action["file"])}) for action in record["actions"]
        ),
        others=tuple(FileState(**other) for other in record["others"]),
    )
