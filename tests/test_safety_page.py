"""docs/safety.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "safety.md").read_text()
NAMED = sorted(set(re.findall(r"\btest_\w+(?:\.\.\.|\.py)?", PAGE)))


@pytest.fixture(scope="module")
def known() -> set[str]:
    """Every test function, and every file of tests."""
    files = list(TESTS.rglob("test_*.py"))
    functions = (re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE) for path in files)
    return {path.name for path in files}.union(*functions)


def test_the_page_has_a_row_for_each_risk() -> None:
    rows = re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)
    assert rows == [str(number) for number in range(1, 22)]


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_the_page_names_exists(name: str, known: set[str]) -> None:
    if name.endswith("..."):
        assert [test for test in known if test.startswith(name[:-3])]
    else:
        assert name in known
