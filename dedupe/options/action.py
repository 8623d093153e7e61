"""The options of an action on duplicates."""

from __future__ import annotations

import os
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dedupe.errors import UsageError
from dedupe.files.paths import StrPath
from dedupe.setting import Checked, option
from dedupe.types import KINDS, ActionKind, Kind, SidecarRule

if TYPE_CHECKING:
    from dedupe.apply.run import ApplyOptions


SAFE_KINDS: tuple[Kind, ...] = ("exact", "same")
"""Kinds that are safe to remove unseen: a person decides about the others."""

_ACTIONS: tuple[ActionKind, ...] = typing.get_args(ActionKind)
_SAFETY = "Safety"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOptions(Checked):
    """What is done with duplicates, and the limits of one run."""

    PANEL: ClassVar = "Action (choose one; `dedupe undo` reverts it)"

    move_to: StrPath | None = option(
        None, "Move duplicates below this folder.", is_path=True, metavar="FOLDER"
    )
    trash: bool = option(False, "Move duplicates into the trash.")
    hardlink: bool = option(False, "Replace exact copies by hard links.")
    symlink: bool = option(False, "Replace exact copies by symbolic links.")
    reflink: bool = option(False, "Replace exact copies by reflinks (shared blocks).")
    delete: bool = option(False, "Delete duplicates; undo restores exact copies only.")
    kinds: Sequence[Kind] | None = option(
        None,
        "Kinds of duplicates to act on: exact,same,edited. Default: all; exact,same with --delete "
        "and in scheduled jobs.",
        choices=KINDS,
        is_list=True,
        metavar="KINDS",
    )
    sidecars: SidecarRule = option(
        "with",
        "`with` moves xmp and aae files along and leaves a photo with a raw file or movie where "
        "it is, `all` moves these along too, `stay` leaves a photo with any sidecar where it is, "
        "`ignore` leaves sidecars alone.",
        panel=_SAFETY,
    )
    within: StrPath | None = option(
        None,
        "Stop if the report names a file outside of this folder.",
        is_path=True,
        metavar="FOLDER",
        panel=_SAFETY,
    )
    max_actions: int | None = option(
        None, "Stop if more files than this would be removed.", low=0, panel=_SAFETY
    )
    max_fraction: float | None = option(
        None,
        "Stop if a larger share of the images would be removed, 0 to 1.",
        low=0,
        high=1,
        panel=_SAFETY,
    )
    yes: bool = option(False, "Delete without a question.", panel=_SAFETY)

    def _check(self) -> None:
        chosen = self._chosen()
        if len(chosen) > 1:
            listed = " and ".join("--move-to" if kind == "move" else f"--{kind}" for kind in chosen)
            raise UsageError(f"{listed} do not go together: choose one")

    @property
    def kind(self) -> ActionKind | None:
        """The action; None if duplicates stay where they are."""
        return next(iter(self._chosen()), None)

    @property
    def kinds_to_apply(self) -> Sequence[Kind]:
        """The kinds of duplicates to act on: without a choice, all that undo can restore."""
        if self.kinds is not None:
            return self.kinds
        return SAFE_KINDS if self.delete else KINDS

    def request(self) -> ApplyOptions:
        """Return what `dedupe.apply.run.apply_report` takes.

        Raises:
            UsageError: no action is chosen.
        """
        from dedupe.apply.run import ApplyOptions  # loads OpenCV: not for --help

        if self.kind is None:
            raise UsageError("choose what to do with duplicates: --move-to FOLDER, --trash ...")
        return ApplyOptions(
            kind=self.kind,
            move_to=os.fspath(self.move_to or ""),
            sidecars=self.sidecars,
            max_actions=self.max_actions,
            max_fraction=self.max_fraction,
            within=os.fspath(self.within or ""),
        )

    def _chosen(self) -> list[ActionKind]:
        return [k for k in _ACTIONS if (self.move_to if k == "move" else getattr(self, k))]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectOptions(Checked):
    """Which duplicates of a report an action is for."""

    PANEL: ClassVar = "Duplicates to apply"

    select: Sequence[str] = option((), "Only names or paths that match.", metavar="GLOB")
    decisions: StrPath | None = option(
        None, "Only what a person accepted in `dedupe review`, from this file.", is_path=True
    )
    max_distance: float | None = option(
        None, "Only duplicates at most this far from their keeper, 0 to 2.", low=0, high=2
    )
