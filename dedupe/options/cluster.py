"""The options of a scan on many machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dedupe.errors import UsageError
from dedupe.files.paths import StrPath
from dedupe.setting import Checked, option


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions(Checked):
    """Where a scan runs; no option changes its result."""

    PANEL: ClassVar = "Many machines (Ray)"

    ray: str | None = option(
        None,
        "Run on Ray: `local`, `auto` for the cluster of this machine, or an address.",
        metavar="ADDRESS",
    )
    store: StrPath | None = option(
        None,
        "Folder or URL of embeddings that all nodes reach, with --ray. Default: beside the index.",
        is_path=True,
        metavar="FOLDER",
    )
    partition: int | None = option(None, "Files in one task, with --ray.", low=1)

    def _check(self) -> None:
        if self.ray is None and (self.store is not None or self.partition is not None):
            raise UsageError("--store and --partition need --ray")
        if self.ray == "":
            raise UsageError("--ray must not be empty: choose local, auto or an address")
