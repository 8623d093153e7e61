"""The journal of a run: what it means to do and what it did, on disk before it happens.

One file per run, `RUN.jsonl`, JSON Lines in ASCII (a name that is not UTF-8 is written with the
`\\udcXX` escapes that Python reads back), only ever appended to, each line flushed to disk:

    run       first line: version, when, report, roots, what is done, the folder moved to
    group     a planned group: its keeper, its actions, its other members
    planned   the plan is complete; nothing was touched before this line
    mkdir     a folder is about to be created
    intent    an action is about to start, or to be taken back
    copied    the inode of a finished copy or link, before it gets its name
    done      the action has happened, or was taken back
    failed    it has not, and why
    undo      from here on the run is being taken back
    undone    every photo is back
    end       the run came to its end

A last line without its newline is what a kill leaves; it is ignored when reading and cut off before
anything is appended. Damage anywhere else is an error. Whoever has a journal open for writing holds
the lock of its folder.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs

from dedupe.errors import ApplyError
from dedupe.lock import hold_lock
from dedupe.move import FileState, Step, no_step, sync_folder
from dedupe.plan import KINDS, Action, ActionGroup, ActionKind

_VERSION = 1


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


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal open for writing; see `start_journal` and `reopen_journal`."""

    path: Path
    step: Step  # called after each change on disk
    descriptor: int

    @property
    def run(self) -> str:
        """The id of the run: when it started, and six random digits."""
        return self.path.stem

    def record(self, event: str, *, sync: bool = True, **facts: Any) -> None:
        """Append one line, and return when it is on disk.

        Raises:
            ApplyError: it cannot be written, so that nothing more may be done.
        """
        line = json.dumps({"event": event, **facts}).encode("ascii") + b"\n"
        try:
            if os.write(self.descriptor, line) != len(line):
                raise OSError(0, "written in part only, the disk may be full")
            if sync:
                os.fsync(self.descriptor)
        except OSError as error:
            raise ApplyError(
                f"cannot write the journal {self.path}: {error.strerror}; the run stops here, "
                f"`dedupe undo {self.run}` takes back what it did"
            ) from error
        self.step(event)

    def record_plan(self, groups: Sequence[ActionGroup]) -> None:
        """Write down every planned group; nothing may be touched before this returns."""
        for group in groups:
            self.record("group", sync=False, **asdict(group))
        self.record("planned")


@contextmanager
def start_journal(
    folder: Path | None = None,
    *,
    kind: ActionKind = "move",
    move_to: str = "",
    report: str = "",
    report_digest: str = "",
    roots: Sequence[str] = (),
    step: Step = no_step,
) -> Iterator[Journal]:
    """Begin the journal of a new run, and hold the lock of its folder until the block ends.

    Args:
        folder: where journals live; `default_journal_dir()` if not given.
        report: path of the report that the run acts on, for the reader of the journal.
        step: called after each change on disk, here and in the moves that follow.

    Raises:
        LockedError: another run works with the journals of this folder.
        ApplyError: the journal cannot be written.
    """
    folder = folder or default_journal_dir()
    now = datetime.now(UTC)
    path = folder / f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}.jsonl"
    facts: dict[str, Any] = {"started": now.isoformat(timespec="seconds"), "kind": kind}
    facts["move_to"] = move_to
    facts |= {"report": report, "report_digest": report_digest, "roots": list(roots)}
    with _opened(path, os.O_CREAT | os.O_EXCL, step) as journal:
        journal.record("run", version=_VERSION, **facts)
        sync_folder(str(folder))
        yield journal


@contextmanager
def reopen_journal(path: Path, *, step: Step = no_step) -> Iterator[Journal]:
    """Open the journal of an earlier run, to write down what is done about that run now."""
    with _opened(path, 0, step) as journal:
        text = path.read_bytes()
        if not text.endswith(b"\n"):
            os.truncate(path, text.rfind(b"\n") + 1)
        yield journal


@contextmanager
def _opened(path: Path, flags: int, step: Step) -> Iterator[Journal]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ApplyError(f"cannot create the folder {path.parent}: {error.strerror}") from error
    with hold_lock(path.parent / "lock"):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | flags, 0o600)
        except OSError as error:
            raise ApplyError(f"cannot open the journal {path}: {error.strerror}") from error
        try:
            yield Journal(path, step, descriptor)
        finally:
            os.close(descriptor)


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
            if b"\n" in path.read_bytes():
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
        if header.pop("version") != _VERSION:
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
