"""No test sees the user's index, journals or terminal settings."""

from __future__ import annotations

from pathlib import Path

import pytest

_QUICK = (
    *(
        "group/test_k",
        "group/test_rec",
        "group/test_rep",
        "report/",
        "search/",
        "files/",
        "index/",
        "encoder/test_manifest.py",
    ),
    *("apply/test_plan.py", "apply/test_select.py", "apply/test_journal.py"),
    *("cli/test_config.py", "cli/test_help.py", "cli/test_progress.py"),
    *("test_architecture.py", "test_options.py", "test_packaging.py", "test_schedule.py"),
    *("test_types.py", "walk/"),
    *("distributed/test_store.py", "distributed/test_parts.py", "distributed/test_components.py"),
)
"""Tests without a scan, a network or a process: the inner loop, `pytest -m "not slow"`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow each test that is not in `_QUICK`."""
    here = Path(__file__).parent
    for item in items:
        if not item.path.relative_to(here).as_posix().startswith(_QUICK):
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    return home
