"""The options of the report, of what is printed, and of unattended runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from dedupe.errors import UsageError
from dedupe.files.paths import StrPath
from dedupe.report import Format
from dedupe.setting import Checked, option

ProgressFormat = Literal["auto", "json", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions(Checked):
    """Where the report goes, and what is printed."""

    PANEL: ClassVar = "Report and output"

    report: StrPath = option("dedupe-report.csv", "File of the report; - for stdout.", is_path=True)
    format: Format | None = option(
        None, "csv, json, jsonl, parquet or html. Default: the suffix of the report."
    )
    page: StrPath | None = option(
        None, "Also write an HTML page for a person, new groups first.", is_path=True
    )
    review: bool = option(False, "Open the report in the browser afterwards, to decide.")
    new_only: bool = option(
        False, "Print only what the earlier report of this name does not list; write everything."
    )
    allow_empty: bool = option(False, "Replace the earlier report even if a root has no images.")
    show: str = option("5", "Groups to print: a number, or `all`.", metavar="N|all")
    quiet: bool = option(False, "Print errors only.", short="-q")
    verbose: bool = option(False, "Print more.", short="-v")
    brief: bool = option(False, "Print one line, at the end.")
    progress: ProgressFormat = option(
        "auto", "auto (a bar on a terminal), none, or json: lines on stderr."
    )

    @property
    def groups_shown(self) -> int | None:
        """The number of groups to print; None for all."""
        return None if self.show == "all" else int(self.show)

    def _check(self) -> None:
        if self.show != "all" and not self.show.isdecimal():
            raise UsageError(f"--show must be a whole number or all, not {self.show!r}")
        if self.quiet and self.brief:
            raise UsageError("--quiet and --brief do not go together")
        if self.new_only and self.report == "-":
            raise UsageError("--new-only compares with the report in a file; --report - has none")
        if self.review and self.report == "-":
            raise UsageError("--review reads the report from a file; --report - has none")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions(Checked):
    """Records and exit codes for runs without a person."""

    PANEL: ClassVar = "Unattended runs"

    summary: StrPath | None = option(None, "Write a summary as JSON.", is_path=True)
    log: StrPath | None = option(None, "Append that line and warnings to this file.", is_path=True)
    lock: StrPath | None = option(None, "Exit 11 if another run holds this file.", is_path=True)
    metrics: StrPath | None = option(
        None, "Write counts for Prometheus (textfile collector).", is_path=True
    )
    notify: str | None = option(
        None,
        "Send counts to this URL, also if the run failed: a POST of JSON, or apprise.",
        metavar="URL",
    )
    strict: bool = option(False, "Exit 1 if a file was skipped, 3 if a root has no image.")
    fail_on_duplicates: bool = option(False, "Exit 10 if there are duplicates.")
