"""The report as JSON."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import pytest
from builders import MTIME_NS, a_group, a_photo, a_report

from dedupe.errors import ReportError
from dedupe.report import format_report, parse_report
from dedupe.types import Report, Skipped

REPORT = a_report(
    a_group(a_photo("/p/a"), a_photo("/p/\udcff,\n"), distance=0.25, how="mirrored"),
    skipped=(Skipped("/p/bad.jpg", "cannot be decoded", "broken data stream"),),
)


def as_dict() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(format_report(REPORT, format="json"))
    return loaded


def read(value: object) -> Report:
    return parse_report(json.dumps(value).encode(), name="r.json")


def test_the_json_holds_groups_skipped_files_and_statistics() -> None:
    photo = a_photo("/p/a")
    facts = {"width": 640, "height": 480, "format": "JPEG", "bytes": 5}
    facts |= {"mtime_ns": str(MTIME_NS), "digest": photo.digest, "facts": ""}
    relation = {"distance": 0.25, "kind": "same", "how": "mirrored", "matrix": None}
    relation |= {"sidecars": [], "evidence": {}}
    assert as_dict() == {
        "version": 1,
        "generated_by": f"dedupe {version('dedupe-images')}",
        "encoder": "e1",
        "threshold": 0.5,
        "groups": [
            {
                "group": 1,
                "reason": "most pixels",
                "keeper": {"path": "/p/a", **facts},
                "duplicates": [{"path": "/p/\udcff,\n", **facts, **relation}],
            }
        ],
        "skipped": [
            {"path": "/p/bad.jpg", "reason": "cannot be decoded", "detail": "broken data stream"}
        ],
        "statistics": {
            "images": 100,
            "groups": 1,
            "duplicates": 1,
            "bytes_freed": 5,
            "reused": 40,
            "seconds": 1.5,
        },
    }


def test_the_text_is_ascii_and_its_keys_come_in_order() -> None:
    data = format_report(REPORT, format="json")
    assert data.isascii()
    assert list(as_dict()) == (
        ["version", "generated_by", "encoder", "threshold", "groups", "skipped", "statistics"]
    )
    assert rb'"/p/\udcff,\n"' in data


@pytest.mark.parametrize("report", [REPORT, a_report()])
def test_reading_gives_back_what_was_written(report: Report) -> None:
    again = parse_report(format_report(report, format="json"), name="r.json")
    assert (again, again.statistics) == (report, report.statistics)


def test_keys_that_a_later_version_adds_are_ignored() -> None:
    value = as_dict() | {"host": "nas"}
    value["groups"][0]["keeper"]["camera"] = "X100"
    assert read(value) == REPORT


@pytest.mark.parametrize(
    ("path", "value", "trouble"),
    [
        (["version"], 2, "version 2 is not 1"),
        (["version"], True, "version True is not of type int"),
        (["groups"], {}, "groups {} is not of type list"),
        (["groups", 0], 7, "7 is not an object"),
        (["groups", 0, "keeper"], None, "group 1: keeper None is not of type dict"),
        (["groups", 0, "duplicates"], [], "group 1 has no duplicate"),
        (["groups", 0, "keeper", "bytes"], 5.5, "group 1: bytes 5.5 is not of type int"),
        (["groups", 0, "keeper", "path"], "a", "group 1: the path 'a' is not absolute"),
        (["groups", 0, "duplicates", 0, "path"], "/p/\ud800", "cannot be a file name"),
        (["groups", 0, "duplicates", 0, "path"], "/p/a", "a duplicate and its own keeper"),
        (["groups", 0, "duplicates", 0, "distance"], 0.75, "lies beyond the threshold"),
        (["groups", 0, "duplicates", 0, "distance"], float("nan"), "NaN is not a number"),
        (["groups", 0, "duplicates", 0, "distance"], "0", "is not of type float"),
        (["threshold"], 10**400, "is not of type float"),
        (["skipped", 0, "path"], 3, "path 3 is not of type str"),
        (["statistics"], [], "statistics [] is not of type dict"),
    ],
)
def test_a_report_that_does_not_hold_together_is_refused_in_one_line(
    path: list[Any], value: object, trouble: str
) -> None:
    top = as_dict()
    holder: Any = top
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    with pytest.raises(ReportError) as caught:
        read(top)
    assert str(caught.value).startswith("cannot trust the report r.json: ")
    assert trouble in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", list(as_dict()))
def test_a_missing_member_is_named(key: str) -> None:
    top = copy.deepcopy(as_dict())
    del top[key]
    if key == "generated_by":
        assert read(top) == REPORT
        return
    with pytest.raises(ReportError, match=f"'{key}' is missing"):
        read(top)


@pytest.mark.parametrize("junk", [b"{", b"{}", b'{"a": \xff}', b'{"a":' + b"[" * 100_000, b"{1}"])
def test_junk_is_no_report(junk: bytes) -> None:
    with pytest.raises(ReportError, match="cannot trust the report"):
        parse_report(junk, name="r.json")


def test_the_map_of_a_duplicate_survives_a_round_trip() -> None:
    mirrored = (-1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    report = a_report(a_group(a_photo("/p/a.jpg", b"1"), a_photo("/p/b.jpg", b"2")))
    (group,) = report.groups
    mapped = replace(group.duplicates[0], matrix=mirrored)
    report = replace(report, groups=(replace(group, duplicates=(mapped,)),))
    read = parse_report(format_report(report, format="json"), name="r.json")
    assert read.groups[0].duplicates[0].matrix == mirrored


@pytest.mark.parametrize("matrix", ["1", "[1, 2]", "[1, 2, 3, 4, 5, 6, 7, 8, 1e99]"])
def test_a_map_that_is_not_nine_numbers_is_left_out(matrix: str) -> None:
    report = a_report(a_group(a_photo("/p/a.jpg", b"1"), a_photo("/p/b.jpg", b"2")))
    data = format_report(report, format="json").replace(
        b'"matrix": null', b'"matrix": ' + matrix.encode()
    )
    assert parse_report(data, name="r.json").groups[0].duplicates[0].matrix is None


def test_times_survive_a_reader_that_rounds_numbers_to_doubles() -> None:
    data = format_report(REPORT, format="json")
    rounded = json.loads(data, parse_int=lambda text: int(float(text)))
    assert read(rounded) == REPORT


def test_a_time_may_be_a_number_as_in_earlier_reports() -> None:
    report = as_dict()
    for file in (report["groups"][0]["keeper"], *report["groups"][0]["duplicates"]):
        file["mtime_ns"] = int(file["mtime_ns"])
    assert read(report) == REPORT


@pytest.mark.parametrize("value", ["", "1e9", "soon", "1" * 30, None, 1.5])
def test_a_time_that_is_no_whole_number_is_refused(value: object) -> None:
    report = as_dict()
    report["groups"][0]["keeper"]["mtime_ns"] = value
    with pytest.raises(ReportError, match="group 1: mtime_ns"):
        read(report)


def test_the_evidence_on_a_duplicate_comes_back() -> None:
    group = REPORT.groups[0]
    signs = (("own rounding", 3.25), ("files alone", -0.5))
    known = replace(group, duplicates=(replace(group.duplicates[0], evidence=signs),))
    data = format_report(replace(REPORT, groups=(known,)), format="json")
    assert b'"evidence": {"own rounding": 3.25, "files alone": -0.5}' in data
    assert parse_report(data, name="r.json").groups[0].duplicates[0].evidence == signs


@pytest.mark.parametrize("evidence", ["1", "[1]", '{"scene": "big"}', '{"scene": true}'])
def test_evidence_that_is_not_numbers_is_left_out(evidence: str) -> None:
    data = format_report(REPORT, format="json").replace(
        b'"evidence": {}', b'"evidence": ' + evidence.encode()
    )
    assert parse_report(data, name="r.json").groups[0].duplicates[0].evidence == ()
