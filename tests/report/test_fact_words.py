"""Facts as words of the report."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from builders import a_group, a_photo, a_report

from dedupe.report import FORMATS, Format, format_report, parse_report
from dedupe.report.fact_words import facts_to_words, words_to_facts
from dedupe.types import INTACT, Facts

OTHERS: dict[str, Any] = {
    **dict.fromkeys(
        ("transparent", "captured", "located", "camera", "profile", "hdr", "raw"), True
    ),
    "frames": 3,
    "bits": 16,
    "movie": 4_000_000,
    "maps": 2,
    "colour": False,
    "damage": "the lower part; it is grey",
    "stored": "CMYK",
}
NOT_IN_REPORTS = {"motion", "pixels"}  # digests, which say nothing to a person


def test_a_plain_picture_has_no_words() -> None:
    assert facts_to_words(INTACT) == ""
    assert words_to_facts("") == INTACT


def test_words_name_each_fact_and_give_it_back() -> None:
    assert {field.name for field in fields(Facts)} == OTHERS.keys() | NOT_IN_REPORTS
    for name, value in OTHERS.items():
        one = replace(INTACT, **{name: value})
        assert facts_to_words(one)
        assert words_to_facts(facts_to_words(one)) == one
    every = Facts(**OTHERS)
    assert words_to_facts(facts_to_words(every)) == every
    assert facts_to_words(every) == (
        "grey; CMYK; alpha; HDR; ICC profile; sensor data; camera; capture date; GPS position; "
        "16 bits; 3 frames; 2 depth or gain maps; 4000000 bytes of movie; "
        "damaged: the lower part; it is grey"
    )


def test_words_of_a_later_version_are_ignored() -> None:
    assert words_to_facts("alpha; spectral; 7 moons") == replace(INTACT, transparent=True)


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "html"])
def test_a_report_in_every_format_gives_the_facts_back(form: Format) -> None:
    facts = Facts(transparent=True, bits=16, profile=True)
    keeper, copy = (replace(a_photo(f"/p/{name}"), facts=facts) for name in "ab")
    data = format_report(a_report(a_group(keeper, copy)), format=form)
    read = parse_report(data, name=f"r.{form}")
    assert {photo.facts for photo in read.groups[0].photos} == {facts}
