"""Acting on a photo and its sidecar, going on with it, and taking it back."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import write_photo
from faults import name_of
from runs import act, last_run, photos_of, two_groups

from dedupe.apply.execute import resume
from dedupe.apply.plan import Plan, plan_actions
from dedupe.apply.undo import undo


def with_sidecar(tmp_path: Path) -> Plan:
    report = two_groups(tmp_path)
    (tmp_path / "photos/b.xmp").write_bytes(b"edits of b")
    return plan_actions(report, move_to=str(tmp_path / "out"), roots=[str(tmp_path / "photos")])


def test_a_photo_and_its_sidecar_go_and_come_back_together(tmp_path: Path) -> None:
    planned = with_sidecar(tmp_path)
    before = photos_of(tmp_path)
    assert act(tmp_path, planned).done == planned.actions
    assert (tmp_path / "out/b.xmp").read_bytes() == b"edits of b"
    assert undo(last_run(tmp_path)).failed == ()
    assert photos_of(tmp_path) == before


def test_a_photo_that_is_taken_back_alone_brings_its_sidecar(tmp_path: Path) -> None:
    act(tmp_path, with_sidecar(tmp_path))
    undo(last_run(tmp_path), wanted=lambda path: path.endswith("photos/b.jpg"))
    assert (tmp_path / "photos/b.xmp").read_bytes() == b"edits of b"
    assert not (tmp_path / "photos/x/b.jpg").exists()


def test_a_photo_stays_if_its_sidecar_cannot_go(tmp_path: Path) -> None:
    planned = with_sidecar(tmp_path)
    before = photos_of(tmp_path)
    write_photo(tmp_path / "out/b.xmp", b"came meanwhile")
    outcome = act(tmp_path, planned)
    [failed] = outcome.failed
    assert failed.action.source == str(tmp_path / "photos/b.jpg")
    assert failed.reason.startswith("its sidecar b.xmp could not go: its path is taken")
    assert photos_of(tmp_path)["photos/b.jpg"] == before["photos/b.jpg"]
    assert not (tmp_path / "out/b.jpg").exists()
    assert undo(last_run(tmp_path)).failed == ()
    assert photos_of(tmp_path).items() >= before.items()


def die_before_the_sidecar(tmp_path: Path) -> None:
    intents = 0

    def step(call: str, subject: str) -> None:
        nonlocal intents
        intents += name_of(call, subject) == "intent"
        if intents == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        act(tmp_path, with_sidecar(tmp_path), after=step)
    assert not (tmp_path / "photos/b.jpg").exists()
    assert (tmp_path / "photos/b.xmp").exists()


def test_a_photo_that_went_before_a_kill_comes_back_if_its_sidecar_cannot_follow(
    tmp_path: Path,
) -> None:
    die_before_the_sidecar(tmp_path)
    write_photo(tmp_path / "out/b.xmp", b"came meanwhile")
    [failed] = resume(last_run(tmp_path)).failed
    assert failed.action.source == str(tmp_path / "photos/b.jpg")
    assert "its sidecar b.xmp could not go" in failed.reason
    assert (tmp_path / "photos/b.jpg").read_bytes() == b"b"
    assert not (tmp_path / "out/b.jpg").exists()


def test_a_photo_that_went_before_a_kill_comes_back_if_its_group_changed(tmp_path: Path) -> None:
    die_before_the_sidecar(tmp_path)
    (tmp_path / "photos/b.xmp").write_bytes(b"edited meanwhile")
    outcome = resume(last_run(tmp_path))
    assert [left.reason for left in outcome.stale] == [f"{tmp_path}/photos/b.xmp was modified"]
    assert outcome.failed == ()
    assert (tmp_path / "photos/b.jpg").read_bytes() == b"b"
    assert undo(last_run(tmp_path)).failed == ()


def test_a_photo_that_cannot_come_back_to_its_sidecar_is_listed_as_failed(tmp_path: Path) -> None:
    die_before_the_sidecar(tmp_path)
    write_photo(tmp_path / "out/b.xmp", b"came meanwhile")
    write_photo(tmp_path / "photos/b.jpg", b"came meanwhile")
    [failed] = resume(last_run(tmp_path)).failed
    assert failed.reason.endswith(
        f"; {tmp_path}/photos/b.jpg went, and its path is taken by another file"
    )
