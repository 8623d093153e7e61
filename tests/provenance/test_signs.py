from __future__ import annotations

from builders import a_photo
from photo_files import an_original, encode, reopen, source

from dedupe.provenance.evidence import compare
from dedupe.provenance.rank import explain_score, name_vector
from dedupe.provenance.signs import EARLIER, FILES, GROUPS, METADATA, find_group, sum_groups


def test_every_number_of_the_evidence_has_a_kind() -> None:
    original = an_original()
    evidence = compare(source(original), source(encode(reopen(original), quality=60)))
    assert evidence is not None
    photo = a_photo("photo.jpg")
    names = {*name_vector(evidence), *explain_score(evidence, photo, photo)}
    assert {find_group(name) for name in names} == {*GROUPS, METADATA, EARLIER, FILES}


def test_the_parts_of_a_kind_are_summed_and_the_largest_comes_first() -> None:
    parts = {"forward.fit": 1.25, "gap.fit": 2.0, "camera": -4.0, "file.pixels": 0.001}
    assert list(sum_groups(parts).items()) == [("metadata", -4.0), ("own rounding", 3.25)]
