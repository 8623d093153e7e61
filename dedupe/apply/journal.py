"""The journal of a run: its plan and its steps, on disk before each of them happens.

One file per run, `RUN.jsonl`, JSON Lines in ASCII (a name that is not UTF-8 is written with the
`\\udcXX` escapes that Python reads back), only ever appended to, each line flushed to disk:

    run       first line: version, sequence, time, report, roots, kind of action, folder moved to
    group     a planned group: its keeper, its actions, its other members
    planned   the plan is complete; nothing was touched before this line
    mkdir     a folder is about to be created
    intent    an action is about to start, with the metadata of its file, or to be undone
    note      facts about it: inode of a finished copy or link, place in the trash ...
    done      the action has happened, or was undone
    failed    it has not, and why
    undo      from here on the run is being undone
    undone    every photo is back
    end       the run came to its end

The sequence orders the runs of a folder; clocks may go back. A kill leaves a last line without its
newline: a reader ignores it, and it is cut off before anything is appended. Damage anywhere else is
an error. A process that has a journal open for writing holds the lock of its folder.
`dedupe.apply.history` reads journals.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dedupe.apply.history import (
    VERSION,
    JournalReader,
    Run,
    default_journal_dir,
    next_sequence,
    read_lines,
)
from dedupe.apply.plan import ActionGroup, ActionKind
from dedupe.errors import ApplyError
from dedupe.files.lock import hold_lock
from dedupe.files.replace import sync_folder
from dedupe.files.system import system


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal open for writing; see `start_journal` and `reopen_journal`."""

    path: Path
    descriptor: int
    reader: JournalReader  # has followed every line that is on disk

    @property
    def run(self) -> str:
        """The id of the run: when it started, and six random digits."""
        return self.path.stem

    def read(self) -> Run:
        """Return the content of the journal, without reading the file again."""
        return self.reader.run(self.path)

    def facts(self, action: int) -> Mapping[str, Any]:
        """Return what was noted while an action was done."""
        return self.reader.facts.get(action, {})

    def record(self, event: str, *, sync: bool = True, **facts: Any) -> None:
        """Append one line, and return when it is on disk.

        Raises:
            ApplyError: it cannot be written, so that nothing more may be done.
        """
        record = {"event": event, **facts}
        text = json.dumps(record)
        line = text.encode("ascii") + b"\n"
        try:
            if system.write(self.descriptor, line, text) != len(line):
                raise OSError(0, "written in part only, the disk may be full")
            if sync:
                system.sync(self.descriptor, str(self.path))
        except OSError as error:
            raise ApplyError(
                f"cannot write the journal {self.path}: {error.strerror}; the run stops here, "
                f"`dedupe undo {self.run}` takes back what it did"
            ) from error
        self.reader.take(record)

    def note(self, action: int, facts: Mapping[str, Any]) -> None:
        """Write down facts about an action that is under way."""
        self.record("note", action=action, facts=dict(facts))

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
) -> Iterator[Journal]:
    """Begin the journal of a new run, and hold the lock of its folder until the block ends.

    Args:
        folder: folder of the journals; `default_journal_dir()` if not given.
        report: path of the report that the run acts on, for the reader of the journal.

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
    with _locked(folder), _opened(path, os.O_CREAT | os.O_EXCL) as descriptor:
        journal = Journal(path, descriptor, JournalReader())
        journal.record("run", version=VERSION, sequence=next_sequence(folder), **facts)
        sync_folder(str(folder))
        yield journal


@contextmanager
def reopen_journal(path: Path) -> Iterator[Journal]:
    """Open the journal of an earlier run, to write down what is done about that run now.

    Raises:
        LockedError: another run works with the journals of this folder.
        ApplyError: the journal is damaged, or cannot be opened.
    """
    with _locked(path.parent), _opened(path, 0) as descriptor:
        text = path.read_bytes()
        if not text.endswith(b"\n"):
            os.truncate(path, text.rfind(b"\n") + 1)
        yield Journal(path, descriptor, read_lines(path))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ApplyError(f"cannot create the folder {folder}: {error.strerror}") from error
    with hold_lock(folder / "lock"):
        yield


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | flags, 0o600)
    except OSError as error:
        raise ApplyError(f"cannot open the journal {path}: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)
