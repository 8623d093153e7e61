"""`dedupe doctor`: the facts that a bug report needs."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dedupe.cli.console import console
from dedupe.cli.output import count, size
from dedupe.distribution import NAME, find_intruder, read_version
from dedupe.errors import DedupeError

_LIBRARIES = (
    *("numpy", "scipy", "pillow", "pillow-heif", "simplejpeg", "opencv-python-headless"),
    *("faiss-cpu", "ai-edge-litert", "keras", "tensorflow"),
)
_OTHERS = frozenset({"test", "browser-test", "docs", "cuda"})  # `device` shows what cuda brings


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print versions, codecs, device, index and scheduler, for a bug report. Changes nothing."""
    found = examine()
    if as_json:
        console.say(json.dumps(found))
        return
    width = max(map(len, found))
    for name, value in found.items():
        console.say(f"{name:{width}}  {value}")


def examine() -> dict[str, str]:
    """Return each fact as one line, by its name. Photos are not read, no path of one is named."""
    facts = {
        "dedupe": f"{read_version()} ({NAME})",
        "python": f"{platform.python_version()} on {platform.platform()}",
        "libraries": ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES),
        "extras": _extras(),
        "formats": _safely(_formats),
        "device": _safely(_device),
        "encoder": _safely(_encoder),
        "index": _safely(_index),
        "runs": _safely(_runs),
        "scheduler": _safely(_scheduler),
    }
    if trouble := find_intruder(Path(__file__).parents[1]):
        facts["trouble"] = trouble
    return facts


def _safely(examine_one: Any) -> str:
    """Return a fact, or why it cannot be found out: one broken part hides no other."""
    try:
        return str(examine_one())
    except (DedupeError, ImportError, OSError) as error:
        return f"{type(error).__name__}: {error}"


def _version(name: str) -> str:
    from importlib import metadata  # loads the email package: not for --help

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _extras() -> str:
    """Return the extras with all of their packages installed."""
    from importlib import metadata

    needed: dict[str, set[str]] = {}
    for line in metadata.requires(NAME) or ():
        requirement, _, marker = line.partition(";")
        extra = marker.partition("extra ==")[2].strip(" '\"()")
        if extra and extra not in _OTHERS:
            package = requirement.strip()
            for end in "[<>=!~ ":
                package = package.partition(end)[0]
            needed.setdefault(extra, set()).add(package)
    there = [e for e, names in needed.items() if all(_version(n) != "missing" for n in names)]
    return ", ".join(sorted(there)) or "none"


def _formats() -> str:
    from dedupe.decode.formats import supported_extensions

    return " ".join(sorted(supported_extensions()))


def _device() -> str:
    from dedupe.encoder.runtime import choose_engine
    from dedupe.threads import count_workers

    runtime = choose_engine("auto", "auto")
    where = "GPU" if runtime == "keras" else "CPU"
    return f"{where}, runtime {runtime}, {count(count_workers(None), 'core')}"


def _encoder() -> str:
    from dedupe.encoder.manifest import BUILT_IN, read_manifest

    found = read_manifest(BUILT_IN)
    return f"{found.name} {found.fingerprint}, {found.side} px, {found.dimension} numbers"


def _index() -> str:
    """Describe the index without opening it: that could repair or replace it."""
    from dedupe.files.marks import is_index
    from dedupe.index.embedding_index import default_index_path

    path = default_index_path()
    if not path.exists():
        return f"none at {path}"
    with path.open("rb") as file:
        state = size(path.stat().st_size) if is_index(file.read(100)) else "no index of dedupe"
    return f"{path}: {state}"


def _runs() -> str:
    from dedupe.apply.history import default_journal_dir, list_runs

    damaged: list[str] = []
    runs = list_runs(on_damaged=lambda error: damaged.append(str(error)))
    cut = sum(not (run.ended or run.undone) for run in runs)
    trouble = f", {len(damaged)} damaged" if damaged else ""
    return f"{count(len(runs), 'run')} in {default_journal_dir()}, {cut} cut short{trouble}"


def _scheduler() -> str:
    from dedupe.schedule import choose_kind, list_jobs

    jobs = ", ".join(job.name for job in list_jobs()) or "none"
    return f"{choose_kind('auto')} ({sys.platform}), jobs: {jobs}"
