"""The report as CSV."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import replace

import pytest
from builders import a_group, a_photo, a_report
from hypothesis import given
from hypothesis import strategies as st

from dedupe.errors import ReportError
from dedupe.report import Format, format_report, parse_report
from dedupe.types import Report

HEADER = (
    "group,role,path,keeper,distance,kind,how,reason,width,height,format,bytes,mtime_ns,digest,"
    "encoder,threshold,images,sidecars,facts\n"
)
DIGEST = "ab" * 16
KEEP = f"1,keep,/p/a,/p/a,0.000000,,,largest,4,3,PNG,9,7,{DIGEST},e1,0.500000,100,,\n"
NEAR = (
    "1,duplicate,/p/b,/p/a,0.250000,same,turned 90,largest,4,3,PNG,9,7,"
    f"{DIGEST},e1,0.500000,100,,\n"
)
GOOD = HEADER + KEEP + NEAR
NASTY = [
    "a,b",
    'quo"te',
    "new\nline",
    "re\rturn",
    "crlf\r\n",
    " spaces ",
    "ünï",
    "=1+1",
    "\udcff\udc80",
]


def read(text: str | bytes) -> Report:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    return parse_report(data, name="r.csv")


def test_the_csv_holds_one_row_per_file_with_the_keeper_first() -> None:
    report = a_report(
        a_group(a_photo("/p/z"), a_photo("/p/x"), distance=0.1234567, how="mirrored"),
        a_group(a_photo("/p/b"), a_photo("/p/c"), a_photo("/p/a"), distance=0.0, kind="exact"),
    )
    rows = list(csv.reader(io.StringIO(format_report(report, format="csv").decode(), newline="")))
    assert ",".join(rows[0]) + "\n" == HEADER
    assert [row[:8] for row in rows[1:]] == [
        ["1", "keep", "/p/b", "/p/b", "0.000000", "", "", "most pixels"],
        ["1", "duplicate", "/p/a", "/p/b", "0.000000", "exact", "", "most pixels"],
        ["1", "duplicate", "/p/c", "/p/b", "0.000000", "exact", "", "most pixels"],
        ["2", "keep", "/p/z", "/p/z", "0.000000", "", "", "most pixels"],
        ["2", "duplicate", "/p/x", "/p/z", "0.123457", "same", "mirrored", "most pixels"],
    ]
    photo = a_photo("/p/b")
    facts = [
        "640",
        "480",
        "JPEG",
        "5",
        str(photo.file.mtime_ns),
        photo.digest,
        "e1",
        "0.500000",
        "100",
        "",
        "",
    ]
    assert [row[8:] for row in rows[1:]] == [facts] * 5


def test_the_known_text_is_read_and_written_again_byte_for_byte() -> None:
    assert format_report(read(GOOD), format="csv") == GOOD.encode()


def test_an_empty_report_is_a_header() -> None:
    assert format_report(a_report(), format="csv") == HEADER.encode()
    assert read(HEADER).groups == ()


def test_a_report_of_a_version_without_facts_is_read() -> None:
    earlier = GOOD.replace(",facts\n", "\n").replace(",,\n", ",\n")
    assert earlier.count(",") == 3 * 17
    assert read(earlier) == read(GOOD)


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_names_of_sidecars_survive(name: str, form: Format) -> None:
    group = a_group(a_photo("/p/a"), a_photo("/p/b"))
    [duplicate] = group.duplicates
    duplicate = replace(duplicate, sidecars=("b.xmp", f"{name}.xmp"))
    report = a_report(replace(group, duplicates=(duplicate,)))
    data = format_report(report, format=form)
    assert parse_report(data, name=f"r.{form}").groups == report.groups


@pytest.mark.parametrize("name", NASTY)
def test_a_path_survives_whatever_its_name(name: str) -> None:
    report = a_report(a_group(a_photo(f"/p/{name}"), a_photo(f"/p/{name}.copy")))
    data = format_report(report, format="csv")
    assert read(data) == report
    assert os.fsencode(f"/p/{name}").replace(b'"', b'""') in data


names = st.binary(min_size=1, max_size=12).filter(
    lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..")
)


@given(st.lists(names, min_size=2, max_size=8, unique=True), st.floats(0, 0.5), st.integers(1, 7))
def test_reading_gives_back_what_was_written(
    names: list[bytes], distance: float, split: int
) -> None:
    photos = [a_photo("/p/" + os.fsdecode(name), name) for name in names]
    parts = [part for part in (photos[:split], photos[split:]) if len(part) > 1]
    report = a_report(*(a_group(k, *rest, distance=round(distance, 6)) for k, *rest in parts))
    assert read(format_report(report, format="csv")).groups == report.groups


def test_the_order_of_groups_given_does_not_change_the_bytes() -> None:
    first = a_group(a_photo("/p/é"), a_photo("/p/1"))
    second = a_group(a_photo("/p/z"), a_photo("/p/2"))
    swapped = Report((second, first), (), "e1", 0.5, a_report().statistics)
    straight = Report((first, second), (), "e1", 0.5, a_report().statistics)
    assert format_report(swapped, format="csv") == format_report(straight, format="csv")


@pytest.mark.parametrize(
    ("old", "new", "trouble"),
    [
        (HEADER, "", "line 1: the columns are not group,role"),
        (",sidecars,facts\n", "\n", "line 1: the columns are not"),
        ("1,duplicate", "1,duplicate,", "line 3: 20 cells instead of 19"),
        ("1,duplicate", "\n1,duplicate", "line 3: 0 cells"),
        (NEAR, "", "line 2: group 1 has no duplicate"),
        (KEEP, "", "line 2: group 1 does not begin with the file that is kept"),
        ("1,duplicate", "2,duplicate", "line 2: group 1 has no duplicate"),
        ("1,keep", "2,keep", "line 3: group 1 is not in its place"),
        ("1,keep", "0,keep", "line 2: group 0 is not in its place"),
        ("1,keep", "1e0,keep", "line 2: group '1e0' is not a whole number"),
        (NEAR, NEAR + NEAR, "line 4: '/p/b' is in the report twice"),
        (NEAR, NEAR + KEEP.replace("/p/a", "/p/c"), "line 4: group 1 keeps two files"),
        (
            NEAR,
            NEAR + (KEEP + NEAR).replace("1,keep,/p/a,/p/a", "2,keep,/p/c,/p/c"),
            "line 5: group 1 is not in its place",
        ),
        ("/p/b,/p/a", "/p/b,/p/x", "line 3: group 1 names two keepers"),
        ("/p/b,/p/a", "/p/b,/p/b", "line 3: '/p/b' is a duplicate and its own keeper"),
        ("/p/b,/p/a", "/p/a,/p/a", "line 3: '/p/a' is a duplicate and its own keeper"),
        ("/p/a,/p/a", "/p/a,/p/b", "line 2: '/p/a' is kept, but has another keeper"),
        ("/p/b", "p/b", "line 3: the path 'p/b' is not absolute"),
        ("/p/b", "/p/../etc/b", "line 3: the path '/p/../etc/b' is not in its plain form"),
        ("/p/b", "/p//b", "is not in its plain form"),
        ("/p/b", "/p/b\0", "holds a NUL"),
        ("duplicate", "remove", "role 'remove' is neither keep nor duplicate"),
        ("same", "far", "kind 'far' is not exact, same or edited"),
        (",same", ",", "kind '' is not exact, same or edited"),
        ("0.250000", "nan", "line 3: distance 'nan' is not a decimal number"),
        ("0.250000", "-0.1", "distance '-0.1' is not a decimal number"),
        ("0.250000", "2.5", "distance 2.5 is not in [0, 2]"),
        ("0.250000", "0.500001", "line 3: '/p/b' lies beyond the threshold"),
        ("0.000000", "0.1", "line 2: '/p/a' is kept, but has a distance"),
        (
            "0.500000,100,,\n1,dup",
            '0.500000,100,"[""x""]",\n1,dup',
            "'/p/a' is kept, but has sidecars",
        ),
        (NEAR, NEAR[:-2] + "x,\n", "sidecars 'x' is not a JSON array of names"),
        (NEAR, NEAR[:-2] + "[7],\n", "sidecars '[7]' is not a JSON array of names"),
        (NEAR, NEAR[:-2] + '"[""../b.xmp""]",\n', "is not in its plain form"),
        (NEAR, NEAR[:-2] + '"[""x/b.xmp""]",\n', "the sidecar 'x/b.xmp' is not a file name"),
        (",9,7,", ",-9,7,", "-9 bytes is not a size"),
        (",9,7,", ",9,1.7E+18,", "mtime_ns '1.7E+18' is not a whole number"),
        (",9,7,", ",9,99999999999999999999999999999,", "is not a time"),
        (",9,7,", f",{'9' * 5000},7,", "is not a whole number"),
        (",4,3,", ",0,3,", "has no pixels"),
        (DIGEST, "xyz", "digest 'xyz' is not 32 hex digits"),
        ("turned 90", "=HYPERLINK(0)", "how '=HYPERLINK(0)' begins like a formula"),
        ("largest", "-1", "reason '-1' begins like a formula"),
        ("PNG", "@SUM", "format '@SUM' begins like a formula"),
        ("PNG", "\udcff", "format '\\udcff' is not a line of text"),
        ("turned 90,largest", "turned 90,oldest", "line 3: group 1 gives two reasons"),
        (NEAR, NEAR.replace("e1", "e2"), "line 3: '/p/b' names another encoder"),
        (NEAR, NEAR.replace("0.500000", "0.6"), "line 3: '/p/b' names another threshold"),
        (NEAR, NEAR.replace(",100,", ",99,"), "line 3: '/p/b' names another count of images"),
        (
            NEAR,
            NEAR.replace("same", "exact").replace(DIGEST, "cd" * 16),
            "line 3: '/p/b' is not an exact copy of its keeper",
        ),
        ("turned 90", "x" * 200_000, "line 3: field larger than field limit"),
        ("turned 90", '"turned 90', "line 3: unexpected end of data"),
    ],
)
def test_a_report_that_does_not_hold_together_is_refused_in_one_line(
    old: str, new: str, trouble: str
) -> None:
    with pytest.raises(ReportError) as caught:
        read(GOOD.replace(old, new))
    message = str(caught.value)
    assert message.startswith("cannot trust the report r.csv: line ")
    assert trouble in message
    assert "\n" not in message


@pytest.mark.parametrize("junk", [b"", b"\xff\xfe\x00\x01", b"\x89PNG\r\n\x1a\n", b"\n" * 10])
def test_junk_is_no_report(junk: bytes) -> None:
    with pytest.raises(ReportError, match="line 1"):
        read(junk)


def test_a_line_is_counted_where_its_row_begins_also_after_names_with_line_ends() -> None:
    broken = NEAR.replace("/p/b", "/p/c").replace("same", "far")
    text = GOOD.replace("/p/b", '"/p/b\nb"') + broken
    with pytest.raises(ReportError, match="line 5: kind 'far'"):
        read(text)


def test_what_a_reader_would_refuse_is_not_written() -> None:
    report = a_report(a_group(a_photo("/p/a"), a_photo("/p/b"), how="=1+1"))
    with pytest.raises(ReportError, match="begins like a formula"):
        format_report(report, format="csv")


@pytest.mark.parametrize("mtime_ns", [-(10**18), 2**63, 2**64, 9 * 10**27])
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_time_of_any_year_is_read_back(form: Format, mtime_ns: int) -> None:
    report = a_report(a_group(a_photo("/p/a", mtime_ns=mtime_ns), a_photo("/p/b")))
    assert parse_report(format_report(report, format=form), name="r") == report
