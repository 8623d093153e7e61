"""Measure the review page in a browser, or draw the figures of docs/review.md.

    python tests/benchmarks/review_page.py photos FOLDER [--count 200] [--groups 200]
    python tests/benchmarks/review_page.py groups 100000
    python tests/benchmarks/review_page.py figures docs

`photos` draws 12-megapixel photos with copies, and prints the time from the key press to the
painted group. `groups` prints memory and answer times for that many groups. `figures` scans
sample_data and writes screenshots. Needs Playwright and Debian's chromium.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

import dedupe
from dedupe.files.digest import digest_bytes, digest_file
from dedupe.report import write_report
from dedupe.review.filters import Filter
from dedupe.review.server import launch
from dedupe.review.session import Session
from dedupe.types import Duplicate, Group, ImageFile, Photo, Report, Statistics

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
SIZE = (4000, 3000)  # 12 megapixels
WARM_UP = 5  # groups that are not counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    photos = commands.add_parser("photos")
    photos.add_argument("folder", type=Path)
    photos.add_argument("--groups", type=int, default=200)
    many = commands.add_parser("groups")
    many.add_argument("count", type=int)
    figures = commands.add_parser("figures")
    figures.add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.command == "photos":
        measure_keys(options.folder, options.groups)
    elif options.command == "groups":
        measure_groups(options.count)
    else:
        draw_figures(options.folder)


def measure_keys(folder: Path, groups: int) -> None:
    """Print the time from a key press to the painted next group."""
    report = draw_photos(folder, groups)
    path = folder / "report.json"
    write_report(report, str(path), format="json")
    with open_page(Session(path)) as page:
        taken = []
        for number in range(2, groups + 1):
            time.sleep(0.8)  # a person compares the two pictures
            began = time.perf_counter()
            page.keyboard.press("j")
            page.wait_for_selector(f"body[data-painted^='{number}/']")
            taken.append(time.perf_counter() - began)
    counted = 1000 * np.array(taken[WARM_UP:])
    median, most = np.percentile(counted, [50, 95])
    print(f"{len(counted)} groups: median {median:.0f} ms, 95th percentile {most:.0f} ms")


def measure_groups(count: int) -> None:
    """Print memory and answer times of a review of very many groups."""
    groups = []
    for n in range(count):
        keeper, copy = (a_photo(f"/photos/{n % 97}/{n:07}{side}.jpg") for side in "ab")
        groups.append(Group(keeper, (Duplicate(copy, 0.1, "same", "resized"),), "larger"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.csv"
        report = Report(tuple(groups), (), "e", 0.5, Statistics(2 * count, 0, 0))
        write_report(report, str(path), format="csv")
        del report, groups
        began = time.perf_counter()
        session = Session(path)
        opened = time.perf_counter() - began
        began = time.perf_counter()
        session.select(Filter(folder="/photos/5"))
        selected = time.perf_counter() - began
        began = time.perf_counter()
        session.decide([count // 2], "accepted", keeper=0, removed=[1])
        decided = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count} groups: opened in {opened:.2f} s, filter {1000 * selected:.0f} ms, "
        f"decision {1000 * decided:.1f} ms, peak {peak:.0f} MB"
    )


def draw_figures(folder: Path) -> None:
    """Write the screenshots of docs/review.md, light and dark."""
    sample = Path(__file__).parents[2] / "sample_data"
    with tempfile.TemporaryDirectory() as scratch:
        photos = Path(scratch) / "sample_data"
        shutil.copytree(sample, photos, ignore=shutil.ignore_patterns("*.py"))
        path = Path(scratch) / "report.json"
        write_report(dedupe.scan(photos, index=None), str(path), format="json")
        for scheme in ("light", "dark"):
            with open_page(Session(path), scheme=scheme) as page:
                suffix = "" if scheme == "light" else "-dark"
                find_turned(page)
                shoot(page, folder / f"review-side{suffix}.jpg")
                page.keyboard.press("d")
                time.sleep(0.5)
                shoot(page, folder / f"review-difference{suffix}.jpg")
                page.keyboard.press("d")
                for _ in range(3):
                    page.keyboard.press("Enter")
                    time.sleep(0.5)
                page.locator("[data-do=apply]").click()
                page.locator("#apply-now:not([disabled])").wait_for()
                shoot(page, folder / f"review-plan{suffix}.jpg")
            path.with_name(path.name + ".decisions.jsonl").unlink()


def shoot(page: Any, path: Path) -> None:
    page.screenshot(path=path, type="jpeg", quality=82)


def find_turned(page: Any) -> None:
    """Go to the first group with a turned copy."""
    for _ in range(20):
        page.wait_for_selector("body[data-aligned]")
        time.sleep(0.4)
        if "turned" in page.locator("#details").inner_text():
            return
        page.keyboard.press("j")


@contextmanager
def open_page(session: Session, *, scheme: str = "light") -> Iterator[Any]:
    """Serve a review in a thread and open it in a browser."""
    addresses: list[str] = []
    ready = threading.Event()

    def note(address: str) -> None:
        addresses.append(address)
        ready.set()

    serve = {"max_pixels": 10**9, "on_ready": note}
    threading.Thread(target=launch, args=(session,), kwargs=serve, daemon=True).start()
    ready.wait(30)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        look: Any = {"viewport": {"width": 1280, "height": 800}, "color_scheme": scheme}
        page = browser.new_page(**look)
        page.goto(addresses[0])
        page.wait_for_selector("body[data-painted]", timeout=60_000)
        yield page
        browser.close()


def draw_photos(folder: Path, groups: int) -> Report:
    """Write photos of 12 megapixels, each with a smaller copy; existing ones are used again."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for n in range(groups):
        paths = [folder / f"{n:04}.jpg", folder / f"{n:04}_small.jpg"]
        if not all(path.exists() for path in paths):
            rng = np.random.default_rng(n)
            rough = rng.uniform(0, 255, (12, 16, 3)).astype(np.float32)
            scene = cv2.resize(rough, SIZE, interpolation=cv2.INTER_CUBIC)
            fine = cv2.resize(rng.normal(0, 12, (750, 1000, 1)).astype(np.float32), SIZE)
            pixels = np.clip(scene + fine[..., None], 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(paths[0], quality=92)
            Image.fromarray(pixels).resize((2000, 1500)).save(paths[1], quality=80)
        keeper, copy = describe(paths[0], *SIZE), describe(paths[1], 2000, 1500)
        found.append(Group(keeper, (Duplicate(copy, 0.1, "same", "resized"),), "larger"))
    return Report(tuple(found), (), "e", 0.5, Statistics(2 * groups, 0, 0))


def describe(path: Path, width: int, height: int) -> Photo:
    seen = path.stat()
    file = ImageFile(str(path), 0, seen.st_size, seen.st_mtime_ns, seen.st_dev, seen.st_ino)
    return Photo(file, width, height, "JPEG", digest_file(str(path)))


def a_photo(path: str) -> Photo:
    """Return a photo that need not exist."""
    file = ImageFile(path, 0, 1000, 1_600_000_000_000_000_000, 0, 0)
    return Photo(file, 4000, 3000, "JPEG", digest_bytes(path.encode()))


if __name__ == "__main__":
    main()
