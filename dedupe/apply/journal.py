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
the lock of its folder. `dedupe.apply.history` reads journals.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dedupe.apply.history import VERSION, default_journal_dir
from dedupe.apply.move import Step, no_step
from dedupe.apply.plan import ActionGroup, ActionKind
from dedupe.errors import ApplyError
from dedupe.files.lock import hold_lock
from dedupe.files.replace import sync_folder


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
        journal.record("run", version=VERSION, **facts)
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
