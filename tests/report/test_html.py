"""The HTML page: self-contained, escaped, with thumbnails and the map onto the keeper."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from builders import a_group, a_photo, a_report
from drawings import draw_photo
from PIL import Image

from dedupe.errors import ReportError, UsageError
from dedupe.files.digest import digest_file
from dedupe.report import html, read_report, write_report
from dedupe.report.html import html_lines
from dedupe.types import Facts, ImageFile, Photo, Report, Skipped

MIRRORED = (-1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def save(path: Path, seed: int, side: int) -> Photo:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_photo(seed, width=side, height=side)).save(path)
    seen = path.stat()
    file = ImageFile(str(path), 0, seen.st_size, seen.st_mtime_ns, seen.st_dev, seen.st_ino)
    return Photo(file, side, side, "PNG", digest_file(str(path)))


def report_of_files(folder: Path, groups: int = 1) -> Report:
    found = []
    for n in range(groups):
        keeper = save(folder / f"{n:03}.png", n, 96)
        found.append(a_group(keeper, save(folder / f"{n:03}_copy.png", n, 48), how="resized"))
    return a_report(*found)


def page_of(report: Report, **options: object) -> str:
    return b"".join(html_lines(report, **options)).decode()  # type: ignore[arg-type]


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    page = page_of(report_of_files(tmp_path))
    links = re.findall(r'(?:src|href)="([^"#]+)', page)
    assert len(links) == 2
    assert all(link.startswith("data:image/webp;base64,") for link in links)
    assert "http://" not in page
    assert "https://" not in page


def test_names_are_escaped() -> None:
    evil = a_photo("/p/<script>alert(1)</script>.jpg", b"1")
    quoted = a_photo('/p/" onload="alert(1).jpg', b"2")
    page = page_of(a_report(a_group(evil, quoted)))
    assert "<script>alert" not in page
    assert '" onload="' not in page
    assert "&lt;script&gt;alert(1)" in page


def test_what_differs_from_the_keeper_is_marked(tmp_path: Path) -> None:
    page = page_of(report_of_files(tmp_path))
    assert '<span class="differs">48 × 48</span>' in page
    assert "<span>96 × 96</span>" in page
    assert '<span class="how">resized</span><span>distance 0.125</span>' in page


def test_the_facts_of_a_file_are_shown() -> None:
    keeper = replace(a_photo("/p/a"), facts=Facts(transparent=True, bits=16))
    page = page_of(a_report(a_group(keeper, a_photo("/p/b"))))
    assert page.count("<span>alpha; 16 bits</span>") == 1


def test_the_map_onto_the_keeper_is_a_css_matrix(tmp_path: Path) -> None:
    report = report_of_files(tmp_path)
    (group,) = report.groups
    duplicate = replace(group.duplicates[0], matrix=MIRRORED)
    page = page_of(replace(report, groups=(replace(group, duplicates=(duplicate,)),)))
    assert 'data-matrix="matrix3d(-1,0,0,0,0,1,0,0,0,0,1,0,100,0,0,1)"' in page


def test_new_groups_come_first_and_are_marked(tmp_path: Path) -> None:
    report = report_of_files(tmp_path, groups=3)
    last = report.groups[2].keeper.path
    page = page_of(report, new_keepers={last})
    assert [int(n) for n in re.findall(r'<section class="group" id="g(\d+)"', page)] == [3, 1, 2]
    assert page.count('<span class="new">') == 1


def test_skipped_files_are_listed_with_their_reasons(tmp_path: Path) -> None:
    report = report_of_files(tmp_path)
    skipped = Skipped("/p/broken.jpg", "truncated or broken", "no end")
    page = page_of(replace(report, skipped=(skipped,)))
    assert "<td>/p/broken.jpg</td><td>truncated or broken</td>" in page


def test_the_head_says_what_was_scanned(tmp_path: Path) -> None:
    page = page_of(report_of_files(tmp_path), facts={"scanned": "/photos", "keep": "oldest"})
    assert "<dt>scanned</dt><dd>/photos</dd>" in page


def test_a_file_that_is_gone_has_no_preview_and_stops_nothing() -> None:
    page = page_of(a_report(a_group(a_photo("/p/a.jpg", b"1"), a_photo("/p/b.jpg", b"2"))))
    assert page.count("no preview") == 2


def test_many_groups_put_their_thumbnails_into_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "INLINE_GROUPS", 1)
    report = report_of_files(tmp_path / "photos", groups=2)
    write_report(report, str(tmp_path / "r.html"), format="html")
    page = (tmp_path / "r.html").read_text()
    links = re.findall(r'src="([^"]+)"', page)
    assert len(links) == 4
    assert all((tmp_path / link).is_file() for link in links)
    assert all(link.startswith("r_files/") for link in links)
    write_report(report, str(tmp_path / "r.html"), format="html")


def test_a_folder_of_somebody_else_is_not_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "INLINE_GROUPS", 0)
    (tmp_path / "r_files").mkdir()
    (tmp_path / "r_files" / "mine.txt").write_text("mine")
    report = report_of_files(tmp_path / "photos")
    with pytest.raises(UsageError, match="it holds other files"):
        write_report(report, str(tmp_path / "r.html"), format="html")
    assert os.listdir(tmp_path / "r_files") == ["mine.txt"]


def test_a_page_replaces_an_earlier_page_and_nothing_else(tmp_path: Path) -> None:
    report = report_of_files(tmp_path / "photos")
    path = tmp_path / "r.html"
    write_report(report, str(path), format="html")
    write_report(report, str(path), format="html")
    path.write_text("<!doctype html><p>my page</p>")
    with pytest.raises(UsageError, match="dedupe"):
        write_report(report, str(path), format="html")
    assert path.read_text() == "<!doctype html><p>my page</p>"


def test_a_page_cannot_be_read_back(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    write_report(report_of_files(tmp_path / "photos"), str(path), format="html")
    with pytest.raises(ReportError, match="give the CSV or JSON"):
        read_report(str(path))
