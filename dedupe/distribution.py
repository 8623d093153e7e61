"""The name of the distribution on PyPI, its version and its extras.

The import package and the command are `dedupe`; on PyPI that name is another project.
"""

from __future__ import annotations

from pathlib import Path

NAME = "dedupe-images"
_OTHER_FILES = ("canonical.py", "datamodel.py", "training.py")  # of PyPI's `dedupe`, 1.0 to 3.0


def read_version() -> str:
    """Return the version of the installed distribution."""
    from importlib.metadata import version  # loads the email package: not for --help

    return version(NAME)


def install_hint(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install '{NAME}[{extra}]'"


def find_intruder(package: Path) -> str | None:
    """Return why a folder holds another project of the name `dedupe`; None if it does not.

    Args:
        package: folder of the import package `dedupe`.
    """
    head = package / "__init__.py"
    is_ours = head.is_file() and "DedupeError" in head.read_text("utf-8", errors="replace")
    others = [name for name in _OTHER_FILES if (package / name).is_file()]
    if is_ours and not others:
        return None
    found = f"files of PyPI's `dedupe` ({', '.join(others)})" if others else "no __init__.py of it"
    return (
        f"{package} does not hold {NAME} alone, but {found}: both projects have the import package "
        f"`dedupe`; give each an environment of its own, or run "
        f"`pip uninstall -y dedupe {NAME} && pip install {NAME}`"
    )
