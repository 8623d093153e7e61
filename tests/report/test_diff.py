"""What is new in a report."""

from __future__ import annotations

from dataclasses import replace

from builders import a_group, a_photo, a_report

from dedupe.files.digest import digest_bytes
from dedupe.report import format_report, new_since, parse_report
from dedupe.types import Photo, Report

A, B, C, D = (a_photo(f"/p/{name}.jpg", name.encode()) for name in "abcd")


def news(earlier: Report | None, report: Report) -> dict[str, list[str]]:
    """Paths of the new duplicates by the path of their keeper."""
    groups = new_since(earlier, report).groups
    return {g.keeper.path: [d.photo.path for d in g.duplicates] for g in groups}


def moved(photo: Photo, path: str) -> Photo:
    return replace(photo, file=replace(photo.file, path=path))


def test_without_an_earlier_report_everything_is_new() -> None:
    report = a_report(a_group(A, B))
    assert new_since(None, report) == report


def test_the_same_report_holds_nothing_new() -> None:
    report = a_report(a_group(A, B), a_group(C, D))
    assert news(report, report) == {}


def test_nothing_new_is_seen_through_either_format() -> None:
    report = a_report(a_group(A, B), a_group(C, D))
    for data in (format_report(report, format="csv"), format_report(report, format="json")):
        assert news(parse_report(data, name="r"), report) == {}


def test_a_group_that_was_not_there_is_new() -> None:
    assert news(a_report(a_group(A, B)), a_report(a_group(A, B), a_group(C, D))) == {
        C.path: [D.path]
    }


def test_of_a_group_that_grew_only_the_new_duplicate_is_news() -> None:
    assert news(a_report(a_group(A, B)), a_report(a_group(A, B, C))) == {A.path: [C.path]}


def test_another_keeper_alone_is_no_news_but_the_file_it_replaces_is() -> None:
    assert news(a_report(a_group(A, B)), a_report(a_group(D, B))) == {}
    assert news(a_report(a_group(A, B)), a_report(a_group(D, A, B))) == {D.path: [A.path]}


def test_a_duplicate_with_another_content_is_new() -> None:
    changed = replace(B, digest=digest_bytes(b"changed"))
    assert news(a_report(a_group(A, B)), a_report(a_group(A, changed))) == {A.path: [B.path]}


def test_a_copy_of_a_known_duplicate_at_another_place_is_new() -> None:
    copy = moved(B, "/q/b.jpg")
    assert news(a_report(a_group(A, B)), a_report(a_group(A, B, copy))) == {A.path: [copy.path]}


def test_what_is_gone_is_no_news() -> None:
    assert (
        news(a_report(a_group(A, B, C), a_group(D, a_photo("/p/e"))), a_report(a_group(A, C))) == {}
    )


def test_all_but_the_groups_stays_as_it_is() -> None:
    report = a_report(a_group(A, B), threshold=0.25, encoder="e2")
    assert new_since(report, report) == replace(report, groups=())
