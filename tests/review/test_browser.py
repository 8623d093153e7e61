"""The review page in a real browser: keys, mouse, decisions, apply and undo.

Needs Playwright and Debian's chromium; skipped with its reason if one is missing.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import a_group, a_photo, a_report

from dedupe.report import write_report
from dedupe.review.server import launch
from dedupe.review.session import Session
from dedupe.types import Report

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
_PATIENCE = 30_000  # milliseconds; a busy machine loads the program slowly
CHROMIUM = shutil.which("chromium") or ""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


def serve(session: Session) -> str:
    """Start the server in a thread that ends with the process; return its address."""
    addresses: list[str] = []
    ready = threading.Event()

    def note(address: str) -> None:
        addresses.append(address)
        ready.set()

    threading.Thread(
        target=launch, args=(session,), kwargs={"max_pixels": 10**8, "on_ready": note}, daemon=True
    ).start()
    assert ready.wait(20)
    return addresses[0]


@pytest.fixture
def page(browser: Any, session: Session) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    problems: list[str] = []
    opened.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(serve(session))
    painted(opened, "1/0/1")
    yield opened
    context.close()
    assert problems == []


def painted(page: Any, what: str) -> None:
    """Wait until `group/keeper/shown file` is on the screen."""
    page.wait_for_selector(f"body[data-painted='{what}']", timeout=_PATIENCE)


def state(page: Any) -> str:
    return str(page.locator("#state").inner_text())


def settled(page: Any, text: str) -> None:
    """Wait until the head of the page holds a text, which the server's answer puts there."""
    page.locator("#counts", has_text=text).wait_for(timeout=_PATIENCE)


def test_keys_go_from_group_to_group_and_the_address_remembers_it(page: Any) -> None:
    page.keyboard.press("j")
    painted(page, "2/0/1")
    page.keyboard.press("ArrowDown")
    painted(page, "3/0/1")
    page.keyboard.press("k")
    painted(page, "2/0/1")
    assert "group=2" in page.url
    page.reload()
    painted(page, "2/0/1")


def test_pictures_are_whole_and_take_most_of_the_height(page: Any) -> None:
    stage = page.locator("#stage").bounding_box()
    assert stage["height"] >= 0.7 * 800
    for image in ("#base img", "#right img"):
        box = page.locator(image).bounding_box()
        assert box["x"] >= stage["x"] - 1
        assert box["y"] >= stage["y"] - 1
        assert box["x"] + box["width"] <= stage["x"] + stage["width"] + 1
        assert box["y"] + box["height"] <= stage["y"] + stage["height"] + 1


def test_an_aligned_duplicate_covers_its_keeper(page: Any) -> None:
    page.wait_for_selector("body[data-aligned='1/0/1']", timeout=_PATIENCE)
    page.keyboard.press("d")
    base, top = (page.locator(f"#{name} img").bounding_box() for name in ("base", "top"))
    for side in ("x", "y", "width", "height"):
        assert base[side] == pytest.approx(top[side], abs=0.01 * base["width"])
    assert page.locator("[data-view=difference]").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Escape")
    assert page.locator("[data-view=side]").get_attribute("aria-pressed") == "true"


def test_enter_accepts_and_undo_takes_back(page: Any, session: Session) -> None:
    page.keyboard.press("Enter")
    painted(page, "2/0/1")
    settled(page, "1 of 3")
    assert session.log[1].state == "accepted"
    page.keyboard.press("u")
    painted(page, "1/0/1")
    settled(page, "0 of 3")
    assert state(page) == "open"
    page.keyboard.press("U")
    settled(page, "1 of 3")
    assert session.log[1].state == "accepted"


def test_a_digit_makes_another_file_the_keeper_and_x_keeps_a_file(
    page: Any, session: Session
) -> None:
    page.keyboard.press("2")
    painted(page, "1/1/0")
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    settled(page, "1 of 3")
    decision = session.log[1]
    assert (decision.keeper, sorted(decision.removed)) == (1, [2])


def test_a_filter_narrows_the_groups(page: Any) -> None:
    page.keyboard.press("/")
    page.locator("dialog input").nth(1).fill("/photos/2")
    page.get_by_role("button", name="Show").click()
    page.locator("#position", has_text="1 of 1").wait_for(timeout=_PATIENCE)
    assert "folder=" in page.url


def test_apply_shows_the_plan_moves_and_brings_back(
    page: Any, report: Report, tmp_path: Path
) -> None:
    sources = [Path(d.photo.path) for d in report.groups[0].duplicates]
    page.keyboard.press("Enter")
    settled(page, "1 of 3")
    page.locator("[data-do=apply]").click()
    folder = page.locator("dialog input[type=text]")
    folder.fill(str(tmp_path / "away"))
    folder.press("Tab")
    page.locator("#plan", has_text=str(tmp_path / "away")).wait_for(timeout=_PATIENCE)
    assert "2 photos" in page.locator("#plan").inner_text()
    page.locator("#apply-now").click()
    page.wait_for_selector("#applied", timeout=_PATIENCE)
    assert not any(source.exists() for source in sources)
    page.locator("#take-back").click()
    page.wait_for_selector("#undone", timeout=_PATIENCE)
    assert all(source.exists() for source in sources)


def test_a_report_that_changed_on_disk_is_announced(page: Any, report_path: Path) -> None:
    report_path.write_text(report_path.read_text() + "\n")
    page.keyboard.press("s")
    settled(page, "the report changed on disk")


def test_every_control_is_a_button_that_the_keyboard_reaches(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    assert page.locator("[onclick]").count() == 0
    assert page.locator("#live").get_attribute("aria-live") == "polite"


def test_five_thousand_groups_open_and_end(browser: Any, tmp_path: Path) -> None:
    groups = [
        a_group(a_photo(f"/gone/{n:05}a.jpg", b"%d" % n), a_photo(f"/gone/{n:05}b.jpg", b"b%d" % n))
        for n in range(5000)
    ]
    path = tmp_path / "many.csv"
    write_report(a_report(*groups), str(path), format="csv")
    page = browser.new_page()
    page.goto(serve(Session(path)) + "#group=4999")
    painted(page, "4999/0/1")
    page.keyboard.press("j")
    painted(page, "5000/0/1")
    page.keyboard.press("j")
    painted(page, "5000/0/1")
    assert "no longer there" in page.locator("#details").inner_text()
    page.close()
