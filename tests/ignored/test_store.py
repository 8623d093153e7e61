"""What is remembered of files that are not duplicates, and the file that remembers it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.errors import InputError, LockedError, UsageError
from dedupe.files.digest import digest_bytes
from dedupe.files.lock import hold_lock
from dedupe.files.paths import USER_FILE
from dedupe.ignored.decision import KnownFile
from dedupe.ignored.store import (
    Place,
    default_ignored_path,
    find_ignored,
    forget,
    read_decisions,
    remember,
)
from dedupe.types import Pairs


def a_file(name: str, folder: str = "/p") -> KnownFile:
    """A file with its name as content."""
    return KnownFile(digest_bytes(name.encode()), f"{folder}/{name}")


def some(names: str) -> list[KnownFile]:
    return [a_file(name) for name in names]


def ignored_pairs(place: Place, names: str = "abcdef") -> set[str]:
    """The pairs of single-letter files that are ignored: {"ab", "bc"}."""
    known = find_ignored(place)
    digest = {file.digest: name for name, file in zip(names, some(names), strict=True)}
    return {digest[a] + digest[b] for a, b in combinations(digest, 2) if known.are_apart(a, b)}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "ignored.jsonl"


def test_two_files_that_are_remembered_are_an_ignored_pair(place: Path) -> None:
    assert remember(some("ab"), place) == 1
    assert ignored_pairs(place) == {"ab"}


def test_a_pair_has_no_order_and_no_file_is_apart_from_itself(place: Path) -> None:
    a, b = some("ab")
    remember([a, b], place)
    known = find_ignored(place)
    assert known.are_apart(a.digest, b.digest)
    assert known.are_apart(b.digest, a.digest)
    assert not known.are_apart(a.digest, a.digest)


def test_every_two_of_several_files_are_a_pair(place: Path) -> None:
    assert remember(some("abc"), place) == 3
    assert ignored_pairs(place) == {"ab", "ac", "bc"}


def test_being_apart_is_not_handed_on(place: Path) -> None:
    remember(some("ab"), place)
    remember(some("bc"), place)
    assert ignored_pairs(place) == {"ab", "bc"}


def test_only_pairs_that_were_not_known_count_as_new(place: Path) -> None:
    assert [remember(some(names), place) for names in ("ab", "abc", "bc", "abc")] == [1, 2, 0, 0]
    assert [len(decision.files) for decision in read_decisions(place)] == [3]


def test_a_file_that_moved_is_the_same_and_gets_its_new_path(place: Path) -> None:
    remember([a_file("a", "/old"), a_file("b", "/old")], place)
    assert remember([a_file("a", "/new"), a_file("b", "/old")], place) == 0
    (decision,) = read_decisions(place)
    assert [file.path for file in decision.files] == ["/new/a", "/old/b"]


def test_a_forgotten_pair_is_apart_no_longer_and_all_others_still_are(place: Path) -> None:
    remember(some("abcd"), place)
    assert forget(some("ab"), place) == 1
    assert ignored_pairs(place) == {"ac", "ad", "bc", "bd", "cd"}


def test_what_was_forgotten_can_be_remembered_again(place: Path) -> None:
    remember(some("abc"), place)
    forget(some("ab"), place)
    assert remember(some("ab"), place) == 1
    assert ignored_pairs(place) == {"ab", "ac", "bc"}


def test_nothing_is_forgotten_of_files_that_were_never_ignored(place: Path) -> None:
    remember(some("ab"), place)
    before = place.read_bytes()
    assert forget(some("bc"), place) == 0
    assert place.read_bytes() == before


def test_forgetting_everything_leaves_no_decision(place: Path) -> None:
    remember(some("abc"), place)
    assert forget(some("abc"), place) == 3
    assert read_decisions(place) == ()


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.booleans(), st.sets(st.sampled_from("abcdef"), min_size=2)), max_size=12
    )
)
def test_any_row_of_decisions_holds_as_a_set_of_pairs_would(
    tmp_path_factory: pytest.TempPathFactory, steps: Iterable[tuple[bool, set[str]]]
) -> None:
    place = tmp_path_factory.mktemp("decisions") / "ignored.jsonl"
    expected: set[str] = set()
    for keep, names in steps:
        pairs = {a + b for a, b in combinations(sorted(names), 2)}
        if keep:
            assert remember(some("".join(names)), place) == len(pairs - expected)
            expected |= pairs
        elif place.exists():
            assert forget(some("".join(names)), place) == len(pairs & expected)
            expected -= pairs
    assert not place.exists() or ignored_pairs(place) == expected


def test_a_large_group_takes_a_line_and_not_a_line_for_each_pair(place: Path) -> None:
    group = [a_file(f"{number:03}") for number in range(200)]
    assert remember(group, place) == 200 * 199 // 2
    assert len(place.read_text().splitlines()) == 2


def test_the_file_is_json_lines_that_a_person_can_read(place: Path) -> None:
    remember(some("ab"), place)
    head, line = (json.loads(line) for line in place.read_text("ascii").splitlines())
    assert head == {"what": "files that are not duplicates", "version": 1, "digest": "blake2b-128"}
    assert line["apart"] == [{"digest": f.digest, "path": f.path} for f in some("ab")]
    assert line["since"].endswith("+00:00")


def test_a_path_that_is_no_utf_8_survives(place: Path) -> None:
    odd = KnownFile(digest_bytes(b"odd"), os.fsdecode(b"/p/caf\xe9\n.jpg"))
    remember([odd, a_file("b")], place)
    (decision,) = read_decisions(place)
    assert os.fsencode(decision.files[0].path) == b"/p/caf\xe9\n.jpg"


def test_the_default_file_is_in_the_state_directory_and_for_its_user_only() -> None:
    assert read_decisions() == ()
    remember(some("ab"))
    path = Path(os.environ["XDG_STATE_HOME"]) / "dedupe/ignored.jsonl"
    assert path == default_ignored_path()
    assert ignored_pairs(path) == ignored_pairs(USER_FILE) == {"ab"}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_linked_file_is_written_where_it_lies(place: Path, tmp_path: Path) -> None:
    remember(some("ab"), place)
    link = tmp_path / "link.jsonl"
    link.symlink_to(place)
    remember(some("cd"), link)
    assert link.is_symlink()
    assert ignored_pairs(place) == {"ab", "cd"}


def test_a_named_file_that_is_not_there_is_refused_and_left_alone(place: Path) -> None:
    for read in (read_decisions, find_ignored, lambda place: forget(some("ab"), place)):
        with pytest.raises(InputError, match=r"no ignored pairs at .*ignored\.jsonl"):
            read(place)
    assert list(place.parent.iterdir()) == []


def test_an_empty_file_ignores_nothing(place: Path) -> None:
    place.touch()
    assert read_decisions(place) == ()


DIGEST = digest_bytes(b"x")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "it is not JSON; repair the file"),
        ("{", "it is not JSON"),
        ("[" * 100_000, "recursion"),
        ("7", "files with digests and paths"),
        ("{}", "files with digests and paths"),
        ('{"since": "2026-01-02", "apart": 3}', "files with digests and paths"),
        ('{"since": "2026-01-02", "apart": ["ab"]}', "files with digests and paths"),
        ('{"since": "2026-01-02", "apart": [{"digest": "ab", "path": "/p"}]}', "32 hex digits"),
        (f'{{"since": "2026-01-02", "apart": [{{"digest": "{DIGEST}", "path": "p"}}]}}', "not abs"),
        (
            f'{{"since": "2026-01-02", "apart": [{{"digest": "{DIGEST}", "path": "/\\ud800"}}]}}',
            "cannot be a file name",
        ),
        (f'{{"since": "2026-01-02", "apart": [{{"digest": "{DIGEST}", "path": "/p"}}]}}', "two or"),
        ('{"since": "2026-01-02", "apart": []}', "two or more"),
    ],
)
def test_a_damaged_line_is_an_error_that_names_it(place: Path, line: str, words: str) -> None:
    remember(some("ab"), place)
    remember(some("bc"), place)
    lines = place.read_text().splitlines()
    damaged = "\n".join([lines[0], line, lines[2]]) + "\n"
    place.write_text(damaged)
    actions: list[Any] = [find_ignored, lambda place: remember(some("cd"), place)]
    for action in actions:
        with pytest.raises(InputError, match=rf"cannot trust .*ignored\.jsonl: line 2: .*{words}"):
            action(place)
    assert place.read_text() == damaged


def test_a_line_that_was_cut_short_is_damage(place: Path) -> None:
    remember(some("ab"), place)
    place.write_bytes(place.read_bytes()[:-20])
    with pytest.raises(InputError, match="line 2"):
        find_ignored(place)


def test_a_time_that_is_none_is_damage(place: Path) -> None:
    remember(some("ab"), place)
    place.write_text(place.read_text().replace('"since": "2', '"since": "yesterday 2'))
    with pytest.raises(InputError, match="line 2"):
        find_ignored(place)


@pytest.mark.parametrize("head", ['{"version": 2}', "photos", "\x00\x01"])
def test_another_kind_of_file_is_refused(place: Path, head: str) -> None:
    place.write_text(f"{head}\n")
    with pytest.raises(InputError, match=r"cannot trust .*ignored\.jsonl: line 1"):
        remember(some("ab"), place)
    assert place.read_text() == f"{head}\n"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write the ignored pairs .*: File exists"):
        remember(some("ab"), tmp_path / "file/ignored.jsonl")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"cannot read the ignored pairs .*: Is a directory"):
        remember(some("ab"), tmp_path / "folder")


def test_a_failed_write_leaves_what_was_remembered(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(some("ab"), place)

    def fail(_source: str, _target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match="No space left"):
        remember(some("cd"), place)
    assert ignored_pairs(place) == {"ab"}
    assert {path.name for path in place.parent.iterdir()} == {place.name, f"{place.name}.lock"}


def test_two_runs_do_not_write_at_once(place: Path) -> None:
    with hold_lock(place.with_name(f"{place.name}.lock")), pytest.raises(LockedError):
        remember(some("ab"), place)
    assert not place.exists()


def test_one_content_is_no_pair(place: Path) -> None:
    with pytest.raises(UsageError, match="the same bytes are the same picture"):
        remember([a_file("a"), a_file("a", "/copy")], place)
    assert not place.exists()


def test_pairs_may_be_given_instead_of_a_file() -> None:
    a, b, c = (file.digest for file in some("abc"))
    known = find_ignored({(b, a), frozenset({b, c})})
    assert [known.are_apart(*pair) for pair in [(a, b), (b, c), (a, c)]] == [True, True, False]
    assert find_ignored(None).count([a, b, c]) == find_ignored([]).count([a, b, c]) == 0


@pytest.mark.parametrize("pairs", [[(DIGEST,)], [(DIGEST, DIGEST)], [DIGEST], [("a", "b")]])
def test_what_is_no_pair_of_digests_is_refused(pairs: list[Any]) -> None:
    with pytest.raises(UsageError, match="two digests"):
        find_ignored(pairs)


def test_ignored_pairs_are_dropped_and_all_others_stay_as_they_are() -> None:
    digests = [file.digest for file in some("abca")]
    left, right = np.array([0, 0, 1, 2]), np.array([1, 2, 2, 3])
    pairs = Pairs(left, right, np.array([0.1, 0.2, 0.3, 0.4], np.float32))
    rest = find_ignored([(digests[0], digests[2])]).drop_from(pairs, digests)
    assert (rest.left.tolist(), rest.right.tolist()) == ([0, 1], [1, 2])
    assert rest.distance.tolist() == pytest.approx([0.1, 0.3])


def test_no_pairs_at_all_are_no_trouble() -> None:
    none = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    assert len(find_ignored([tuple(f.digest for f in some("ab"))]).drop_from(none, [])) == 0
