"""Read code blocks and commands of the pages of the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])


def blocks(path: Path, *languages: str) -> Iterator[str]:
    """Yield the code blocks of a page in some languages."""
    for found in re.finditer(r"```(\w+)\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
        if found[1] in languages:
            yield found[2]


def commands(path: Path) -> list[str]:
    """Return every command line of dedupe in the shell blocks of a page, without comments."""
    found = []
    for block in blocks(path, "sh", "console", "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\||>", line.removeprefix("$ ").partition("  #")[0]):
                if words := re.match(r"dedupe( .*)", part.strip()):
                    found.append(words[1].strip())
    return found
