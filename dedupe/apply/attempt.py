"""One action on its way, forward or back: its paths, its notes, and the watch on its keeper."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dedupe.apply.plan import Action
from dedupe.files.digest import digest_file
from dedupe.files.state import FileState, describe_change


class Notebook(Protocol):
    """Remembers facts about an action, on disk before `note` returns."""

    def note(self, action: int, facts: Mapping[str, Any]) -> None: ...


class _NoNotes:
    """A notebook of an attempt that is only read."""

    def note(self, action: int, facts: Mapping[str, Any]) -> None:
        """Reject a note."""
        raise AssertionError(f"a note about action {action}: {facts}")


NO_NOTES = _NoNotes()


@dataclass(slots=True)
class Attempt:
    """One action that is being done, undone or recovered."""

    action: Action
    run: str  # id
    notebook: Notebook
    back: bool = False  # undone, or its recovery
    facts: dict[str, Any] = field(default_factory=dict)  # noted in this direction
    forward: Mapping[str, Any] = field(default_factory=dict)  # noted when the action was done

    @property
    def file(self) -> FileState:
        """The file as it was when the action was planned."""
        return self.action.file

    def temporary(self, beside: str) -> str:
        """Return the path for a file that is not complete yet, in the folder of its destination."""
        return self._own_path(beside, "part")

    def backup(self, beside: str) -> str:
        """Return the path for a file until it is replaced or removed, in its own folder."""
        return self._own_path(beside, "old")

    def _own_path(self, beside: str, suffix: str) -> str:
        name = f".dedupe-{self.run}-{self.action.number}.{suffix}"
        return os.path.join(os.path.dirname(beside), name)

    def note(self, **facts: Any) -> None:
        """Write facts to the journal that a recovery or an undo will need."""
        self.facts.update(facts)
        self.notebook.note(self.action.number, facts)

    @property
    def place(self) -> str:
        """The path in the trash; empty if there is none yet."""
        return str(self.facts.get("place") or self.forward.get("place") or "")

    def note_copy(self, copying: bool) -> None:
        """Note that an exclusive copy replaces a rename, so that its target may be incomplete."""
        if copying != self.copied_exclusively:
            self.note(exclusive_copy=copying)

    @property
    def copied_exclusively(self) -> bool:
        """Whether a target may be an incomplete copy."""
        return bool(self.facts.get("exclusive_copy"))


class KeeperWatch:
    """Detects a keeper that vanished, changed, or is the duplicate itself through another mount.

    Device and inode differ between two mounts of one file (overlay, bindfs, NFS or SMB of the
    own disk). So the keeper is checked again when the duplicate has left its place: it must
    still be there, with its bytes, and the rename of the duplicate must not have changed the
    keeper's change time, which an overlay shows of a file under its old cached name.
    """

    def __init__(self, keeper: FileState, *, enabled: bool = True) -> None:
        """Check the keeper, before its duplicate leaves its place.

        Args:
            enabled: False for a sidecar, which has no keeper of its own; its photo went before.

        Raises:
            OSError: it is not as it was planned.
        """
        self._keeper = keeper
        self._enabled = enabled
        self._changed_ns = self._check()

    def restart(self) -> None:
        """Check the keeper again, after dedupe itself changed it by a hard link.

        Raises:
            OSError: it is not as it was planned.
        """
        self._changed_ns = self._check()

    def require(self) -> None:
        """Check the keeper with its bytes, after its duplicate left its place.

        Raises:
            OSError: the duplicate must go back.
        """
        if not self._enabled:
            return
        if self._check() != self._changed_ns:
            raise self._error(
                "changed when its duplicate was renamed: they may be one file on disk"
            )
        try:
            same = digest_file(self._keeper.path) == self._keeper.digest
        except OSError as error:
            raise self._error("cannot be read any more") from error
        if not same:
            raise self._error("has other content")

    def _check(self) -> int:
        """Return the change time of the keeper, read through a new descriptor, in ns."""
        change = describe_change(self._keeper, content=False)
        if change:
            raise self._error(change)
        try:
            with Path(self._keeper.path).open("rb") as file:
                return os.fstat(file.fileno()).st_ctime_ns
        except OSError as error:
            raise self._error("cannot be opened") from error

    def _error(self, words: str) -> OSError:
        return OSError(errno.EBUSY, f"its keeper {self._keeper.path} {words}")
