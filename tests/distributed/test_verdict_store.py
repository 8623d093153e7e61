"""Verdicts and evidence as a task writes them and the next scan reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dedupe.distributed.task_index import TaskIndex
from dedupe.distributed.verdict_store import VerdictStore, load
from dedupe.errors import DedupeWarning
from dedupe.types import Verdict

MATRIX = (1 / 3, 0.0, 0.1, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
COPY = Verdict(True, 0.9371, "turned 90, äöü", "frames", MATRIX)
OTHER = Verdict(False, 0.0)


def an_index() -> TaskIndex:
    return TaskIndex(lambda _: {})


@pytest.fixture
def store(tmp_path: Path) -> VerdictStore:
    """A store with the verdicts and evidence of two tasks."""
    written = VerdictStore(str(tmp_path / "verdicts"))
    first, second = an_index(), an_index()
    first.remember_verdicts({("a", "b"): COPY, ("a", "c"): OTHER}, 7)
    first.remember_evidence(("a", "b"), 3, MATRIX, '{"x": 1.5}')
    second.remember_verdicts({("d", "e"): OTHER}, 7)
    written.write(["a", "b", "c"], first)
    written.write(["d", "e"], second)
    return written


def test_a_task_gets_exactly_what_is_known_of_its_contents(store: VerdictStore) -> None:
    index = an_index()
    load(index, store.read().select({"a", "b", "d"}))
    assert index.verdicts == {(("a", "b"), 7): COPY}
    assert index.evidence == {(("a", "b"), 3, MATRIX): '{"x": 1.5}'}
    assert not index.has_news


def test_other_versions_are_not_found(store: VerdictStore) -> None:
    index = an_index()
    load(index, store.read().select({"a", "b", "c"}))
    pairs = [("a", "b"), ("a", "c")]
    assert index.find_verdicts(pairs, 7) == {("a", "b"): COPY, ("a", "c"): OTHER}
    assert index.find_verdicts(pairs, 8) == {}
    assert index.find_evidence(("a", "b"), 4, MATRIX) is None


def test_one_part_is_read_by_the_contents_that_it_was_written_for(store: VerdictStore) -> None:
    assert store.read_part(["d", "e"])["first"].to_pylist() == ["d"]
    assert store.read_part(["d"]).num_rows == 0


def test_nothing_is_known_at_first(tmp_path: Path) -> None:
    assert VerdictStore(str(tmp_path / "none")).read().select({"a"}).num_rows == 0


def test_a_damaged_part_is_left_out_with_a_warning(store: VerdictStore) -> None:
    part = min(Path(store.folder).rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:50])
    with pytest.warns(DedupeWarning, match="its pairs are verified again"):
        assert store.read().select({"a", "b", "c", "d", "e"}).num_rows in (1, 3)
