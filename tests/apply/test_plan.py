"""Plans: what would move where, and what is left alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import a_group, a_photo, a_report, snapshot, write_photo
from movies import a_movie

from dedupe.apply.plan import LINKS, SIDECAR_RULES, ActionKind, LeftGroup, Plan, plan_actions
from dedupe.errors import ApplyError, ReportError
from dedupe.types import Duplicate, Group, Photo, Report


def targets(plan: Plan) -> dict[str, str]:
    return {move.source: move.target for move in plan.actions}


def a_pair(folder: Path, name: str = "b.jpg") -> Report:
    keeper = write_photo(folder / "a.jpg", b"large")
    return a_report(a_group(keeper, write_photo(folder / name, b"small")))


def test_a_plan_keeps_the_tree_below_the_common_folder_of_the_report(tmp_path: Path) -> None:
    keeper = write_photo(tmp_path / "p/2019/a.jpg")
    copies = [write_photo(tmp_path / "p/2019/b.jpg"), write_photo(tmp_path / "p/2020/x/a.jpg")]
    plan = plan_actions(a_report(a_group(keeper, *copies)), move_to=str(tmp_path / "out"))
    assert targets(plan) == {
        str(tmp_path / "p/2019/b.jpg"): str(tmp_path / "out/2019/b.jpg"),
        str(tmp_path / "p/2020/x/a.jpg"): str(tmp_path / "out/2020/x/a.jpg"),
    }
    assert [group.keeper.path for group in plan.groups] == [keeper.path]


@pytest.mark.parametrize(
    ("roots", "target"),
    [
        (["p"], "out/2019/b.jpg"),
        (["p/2019"], "out/b.jpg"),
        (["p", "q"], "out/p/2019/b.jpg"),
        (["p/2019/a.jpg", "p/2019/b.jpg"], "out/b.jpg"),
    ],
)
def test_the_roots_decide_the_tree(tmp_path: Path, roots: list[str], target: str) -> None:
    report = a_pair(tmp_path / "p/2019")
    given = [str(tmp_path / root) for root in roots]
    plan = plan_actions(report, move_to=str(tmp_path / "out"), roots=given)
    assert [move.target for move in plan.actions] == [str(tmp_path / target)]


def test_files_without_a_common_folder_keep_their_whole_path(tmp_path: Path) -> None:
    plan = plan_actions(a_pair(tmp_path / "p"), move_to=str(tmp_path / "out"), roots=["/"])
    whole = str(tmp_path / "p/b.jpg").lstrip("/")
    assert [move.target for move in plan.actions] == [str(tmp_path / "out" / whole)]


def test_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    write_photo(tmp_path / "out/b.jpg")
    (tmp_path / "out/b (2).jpg").symlink_to("nowhere")
    plan = plan_actions(a_pair(tmp_path / "p"), move_to=str(tmp_path / "out"))
    assert [move.target for move in plan.actions] == [str(tmp_path / "out/b (3).jpg")]


def test_planning_changes_nothing(tmp_path: Path) -> None:
    report = a_pair(tmp_path / "p")
    before = snapshot(tmp_path)
    plan_actions(report, move_to=str(tmp_path / "out"))
    assert snapshot(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_a_report_that_names_a_url_is_refused_whole(tmp_path: Path) -> None:
    local = a_group(write_photo(tmp_path / "a.jpg"), write_photo(tmp_path / "b.jpg"))
    remote = a_group(a_photo("s3://bucket/a.jpg"), a_photo("s3://bucket/b.jpg"))
    with pytest.raises(ApplyError, match=r"cannot change s3://bucket/a\.jpg: only files in local"):
        plan_actions(a_report(local, remote), kind="trash")


def test_an_empty_report_gives_an_empty_plan(tmp_path: Path) -> None:
    assert plan_actions(a_report(), move_to=str(tmp_path)) == Plan(str(tmp_path), (), (), ())


def test_a_folder_inside_the_roots_may_be_moved_to_and_what_lies_there_stays(
    tmp_path: Path,
) -> None:
    keeper = write_photo(tmp_path / "p/a.jpg")
    here, gone = write_photo(tmp_path / "p/b.jpg"), write_photo(tmp_path / "p/out/c.jpg")
    report = a_report(a_group(keeper, here, gone))
    plan = plan_actions(report, move_to=str(tmp_path / "p/out"), roots=[str(tmp_path / "p")])
    assert targets(plan) == {here.path: str(tmp_path / "p/out/b.jpg")}
    assert [file.path for group in plan.groups for file in group.others] == [gone.path]


def test_a_group_that_was_moved_already_is_refused(tmp_path: Path) -> None:
    keeper, gone = write_photo(tmp_path / "p/a.jpg"), write_photo(tmp_path / "out/a.jpg")
    plan = plan_actions(a_report(a_group(keeper, gone)), move_to=str(tmp_path / "out"))
    reason = f"its duplicates are in {tmp_path / 'out'} already"
    assert (plan.groups, plan.refused) == ((), (LeftGroup(keeper.path, reason),))


def test_a_keeper_in_the_folder_moved_to_is_no_keeper(tmp_path: Path) -> None:
    keeper, copy = write_photo(tmp_path / "out/a.jpg"), write_photo(tmp_path / "p/a.jpg")
    plan = plan_actions(a_report(a_group(keeper, copy)), move_to=str(tmp_path / "out"))
    reason = f"its keeper is in {tmp_path / 'out'}"
    assert (plan.groups, plan.refused) == ((), (LeftGroup(keeper.path, reason),))


def test_a_link_to_the_folder_moved_to_makes_no_difference(tmp_path: Path) -> None:
    keeper, copy = write_photo(tmp_path / "out/a.jpg"), write_photo(tmp_path / "p/a.jpg")
    (tmp_path / "alias").symlink_to(tmp_path / "out")
    plan = plan_actions(a_report(a_group(keeper, copy)), move_to=str(tmp_path / "alias"))
    reason = f"its keeper is in {tmp_path / 'alias'}"
    assert (plan.groups, plan.refused) == ((), (LeftGroup(keeper.path, reason),))
    plan = plan_actions(a_report(a_group(copy, keeper)), move_to=str(tmp_path / "alias"))
    assert plan.groups == ()


def test_a_hard_link_of_its_keeper_is_refused(tmp_path: Path) -> None:
    keeper = write_photo(tmp_path / "a.jpg")
    link = tmp_path / "b.jpg"
    link.hardlink_to(tmp_path / "a.jpg")
    report = a_report(a_group(keeper, write_photo(link)))
    plan = plan_actions(report, move_to=str(tmp_path / "out"))
    reason = f"{link} is the same file on disk as a keeper"
    assert (plan.groups, plan.refused) == ((), (LeftGroup(keeper.path, reason),))


def test_the_keeper_of_another_group_is_refused_under_any_name(tmp_path: Path) -> None:
    first, copy = write_photo(tmp_path / "p/a.jpg"), write_photo(tmp_path / "p/b.jpg")
    (tmp_path / "alias").symlink_to(tmp_path / "p")
    second = write_photo(tmp_path / "z.jpg")
    alias = write_photo(tmp_path / "alias/a.jpg")
    report = a_report(a_group(first, copy), a_group(second, alias))
    plan = plan_actions(report, move_to=str(tmp_path / "out"))
    assert list(targets(plan)) == [copy.path]
    assert [left.keeper for left in plan.refused] == [second.path]


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def replace_by_link(path: Path) -> None:
    shutil.move(path, path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_twin(path: Path) -> None:
    shutil.copy2(path, path.with_name("twin"))
    path.with_name("twin").replace(path)


@pytest.mark.parametrize("member", ["a.jpg", "b.jpg"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Path.unlink, "is gone"),
        (touch, "was modified"),
        (replace_by_link, "is not a regular file"),
        (replace_by_folder, "is not a regular file"),
        (replace_by_twin, "was replaced by another file"),
    ],
)
def test_a_group_any_member_of_which_changed_is_left_alone_whole(
    tmp_path: Path, member: str, change: Callable[[Path], None], reason: str
) -> None:
    report = a_pair(tmp_path)
    change(tmp_path / member)
    plan = plan_actions(report, move_to=str(tmp_path / "out"))
    left = LeftGroup(str(tmp_path / "a.jpg"), f"{tmp_path / member} {reason}")
    assert (plan.groups, plan.stale) == ((), (left,))


def test_a_report_that_names_a_file_outside_of_the_roots_is_refused(tmp_path: Path) -> None:
    report = a_pair(tmp_path / "photos2")
    with pytest.raises(ReportError, match=r"photos2/a\.jpg'.* is outside of .*nothing was touched"):
        plan_actions(report, move_to=str(tmp_path / "out"), roots=[str(tmp_path / "photos")])


@pytest.mark.parametrize("broken", [True, False])
def test_what_is_no_folder_cannot_be_moved_to(tmp_path: Path, broken: bool) -> None:
    out = tmp_path / "out"
    out.symlink_to("nowhere") if broken else out.write_bytes(b"")
    with pytest.raises(ApplyError, match="it is not a folder"):
        plan_actions(a_pair(tmp_path / "p"), move_to=str(out))


def with_sidecars(folder: Path) -> Report:
    """A keeper; an exact copy without, and a near one with sidecars."""
    keeper = write_photo(folder / "a.jpg", b"large")
    exact, near = write_photo(folder / "b.jpg", b"large"), write_photo(folder / "c.jpg", b"small")
    for name in ("a.xmp", "c.xmp", "c.jpg.xmp", "c.aae", "d.xmp"):
        (folder / name).write_bytes(name.encode())
    duplicates = (Duplicate(exact, 0.0, "exact"), Duplicate(near, 0.2, "same"))
    return a_report(Group(keeper, duplicates, "largest"))


def actions(plan: Plan) -> list[tuple[str, str, int | None]]:
    return [
        (os.path.basename(action.source), os.path.basename(action.target), action.leader)
        for action in plan.actions
    ]


def test_sidecars_go_with_their_photo_and_get_its_number(tmp_path: Path) -> None:
    report = with_sidecars(tmp_path / "p")
    write_photo(tmp_path / "out/c.aae")
    plan = plan_actions(report, move_to=str(tmp_path / "out"))
    assert actions(plan) == [
        ("b.jpg", "b.jpg", None),
        ("c.jpg", "c (2).jpg", None),
        ("c.aae", "c (2).aae", 1),
        ("c.jpg.xmp", "c (2).jpg.xmp", 1),
        ("c.xmp", "c (2).xmp", 1),
    ]
    assert [action.number for action in plan.actions] == [0, 1, 2, 3, 4]


def test_two_photos_that_share_a_sidecar_take_it_once(tmp_path: Path) -> None:
    keepers = write_photo(tmp_path / "k1.jpg", b"1"), write_photo(tmp_path / "k2.jpg", b"2")
    shared = write_photo(tmp_path / "c.heic", b"3"), write_photo(tmp_path / "c.jpg", b"4")
    (tmp_path / "c.mov").write_bytes(a_movie())
    report = a_report(*(a_group(k, c) for k, c in zip(keepers, shared, strict=True)))
    plan = plan_actions(report, move_to=str(tmp_path / "out"), sidecars="all")
    assert actions(plan) == [
        ("c.heic", "c.heic", None),
        ("c.jpg", "c.jpg", None),
        ("c.mov", "c.mov", 1),
    ]
    assert plan_actions(report, move_to=str(tmp_path / "out")).actions == ()


def test_a_sidecar_stays_with_a_photo_of_a_group_that_is_skipped(tmp_path: Path) -> None:
    keepers = write_photo(tmp_path / "k1.jpg", b"1"), write_photo(tmp_path / "k2.jpg", b"2")
    shared = write_photo(tmp_path / "c.heic", b"3"), write_photo(tmp_path / "c.jpg", b"4")
    (tmp_path / "c.mov").write_bytes(a_movie())
    report = a_report(*(a_group(k, c) for k, c in zip(keepers, shared, strict=True)))
    touch(tmp_path / "k1.jpg")
    plan = plan_actions(report, move_to=str(tmp_path / "out"))
    assert actions(plan) == [("c.jpg", "c.jpg", None)]


def test_a_keeper_is_never_taken_along_as_a_sidecar(tmp_path: Path) -> None:
    keeper = write_photo(tmp_path / "a.dng", b"large")
    report = a_report(a_group(keeper, write_photo(tmp_path / "a.jpg", b"small")))
    plan = plan_actions(report, move_to=str(tmp_path / "out"))
    assert actions(plan) == [("a.jpg", "a.jpg", None)]


def test_sidecars_that_differ_in_case_alone_get_two_names(tmp_path: Path) -> None:
    report = a_pair(tmp_path / "p")
    for name in ("b.xmp", "B.xmp"):
        (tmp_path / "p" / name).write_bytes(b"")
    write_photo(tmp_path / "out/b.jpg")
    plan = plan_actions(report, move_to=str(tmp_path / "out"))
    names = [target for _, target, _ in actions(plan)]
    assert sorted(names) in (["B (2).xmp", "b (2).jpg", "b (2).xmp"], ["b (2).jpg", "b (2).xmp"])
    assert len(set(names)) == len(names)


def test_sidecars_go_to_the_trash_too(tmp_path: Path) -> None:
    plan = plan_actions(with_sidecars(tmp_path), kind="trash")
    assert [name for name, _, _ in actions(plan)] == [
        "b.jpg",
        "c.jpg",
        "c.aae",
        "c.jpg.xmp",
        "c.xmp",
    ]
    assert {action.target for action in plan.actions} == {""}


def test_a_photo_with_sidecars_may_be_made_to_stay_and_is_never_deleted(tmp_path: Path) -> None:
    report = with_sidecars(tmp_path)
    out = str(tmp_path / "out")
    for plan in (
        plan_actions(report, move_to=out, sidecars="stay"),
        plan_actions(report, kind="delete"),
        plan_actions(report, kind="delete", sidecars="all"),
    ):
        assert [name for name, _, _ in actions(plan)] == ["b.jpg"]
        assert plan.staying == ((str(tmp_path / "c.jpg"), "it has the sidecar c.aae"),)


def test_sidecars_may_be_left_where_they_are(tmp_path: Path) -> None:
    report = with_sidecars(tmp_path)
    for plan in (
        plan_actions(report, move_to=str(tmp_path / "out"), sidecars="ignore"),
        plan_actions(report, kind="delete", sidecars="ignore"),
    ):
        assert [name for name, _, _ in actions(plan)] == ["b.jpg", "c.jpg"]


@pytest.mark.parametrize("kind", sorted(LINKS))
def test_only_the_same_bytes_become_a_link(tmp_path: Path, kind: ActionKind) -> None:
    plan = plan_actions(with_sidecars(tmp_path), kind=kind)
    [action] = plan.actions
    assert (action.source, action.keeper) == (str(tmp_path / "b.jpg"), str(tmp_path / "a.jpg"))
    assert [path for path, _ in plan.staying] == [str(tmp_path / "c.jpg")]


def test_a_group_with_keeper_and_duplicate_ignored_since_is_refused(tmp_path: Path) -> None:
    keeper = write_photo(tmp_path / "p/a.jpg", b"a")
    b, c = write_photo(tmp_path / "p/b.jpg", b"b"), write_photo(tmp_path / "p/c.jpg", b"c")
    report = a_report(a_group(keeper, b, c))
    out = str(tmp_path / "out")

    def plan_without(first: Photo, second: Photo) -> Plan:
        ignored = (first.digest, second.digest)
        return plan_actions(report, move_to=out, are_apart=lambda *pair: pair == ignored)

    plan = plan_without(keeper, c)
    reason = "files of it were ignored since the report; scan again for the others"
    assert (plan.groups, plan.refused) == ((), (LeftGroup(keeper.path, reason),))
    assert len(plan_without(b, c).actions) == 2


@pytest.mark.parametrize(("name", "words"), [("c.CR2", "raw file"), ("c.mp4", "movie")])
@pytest.mark.parametrize("kind", ["move", "trash"])
def test_a_photo_with_a_raw_file_or_a_movie_stays_with_it_unless_the_user_asks(
    tmp_path: Path, kind: ActionKind, name: str, words: str
) -> None:
    report = with_sidecars(tmp_path / "p")
    (tmp_path / "p" / name).write_bytes(a_movie())
    out = str(tmp_path / "out")
    plan = plan_actions(report, kind=kind, move_to=out)
    assert [source for source, _, _ in actions(plan)] == ["b.jpg"]
    reason = f"its {words} {name} stays with it; `--sidecars all` takes both"
    assert plan.staying == ((str(tmp_path / "p/c.jpg"), reason),)
    together = plan_actions(report, kind=kind, move_to=out, sidecars="all")
    assert name in [source for source, _, leader in actions(together) if leader == 1]


def test_a_raw_file_stays_with_the_photo_that_is_kept(tmp_path: Path) -> None:
    keeper = write_photo(tmp_path / "IMG_7.jpg", b"large")
    report = a_report(a_group(keeper, write_photo(tmp_path / "export/IMG_7.tif", b"small")))
    (tmp_path / "IMG_7.cr2").write_bytes(b"raw")
    for rule in SIDECAR_RULES:
        plan = plan_actions(report, move_to=str(tmp_path / "out"), sidecars=rule)
        assert [source for source, _, _ in actions(plan)] == ["IMG_7.tif"]


def test_a_link_leaves_the_name_so_that_its_sidecars_do_not_matter(tmp_path: Path) -> None:
    report = with_sidecars(tmp_path)
    (tmp_path / "b.cr2").write_bytes(b"raw")
    [action] = plan_actions(report, kind="hardlink").actions
    assert action.source == str(tmp_path / "b.jpg")


@pytest.mark.parametrize("inside", [True, False])
def test_a_bound_must_contain_every_file_with_its_links_resolved(
    tmp_path: Path, inside: bool
) -> None:
    report = a_pair(tmp_path / "p")
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / ("p" if not inside else "elsewhere") / "link"
    link.symlink_to(tmp_path / ("elsewhere" if not inside else "p"))
    if not inside:
        keeper, other = report.groups[0].keeper, write_photo(link / "c.jpg", b"other")
        report = a_report(a_group(keeper, other))
        with pytest.raises(ReportError, match=r"link/c\.jpg', which is outside of .*: nothing was"):
            plan_actions(report, move_to=str(tmp_path / "out"), within=str(tmp_path / "p"))
    else:
        plan = plan_actions(report, move_to=str(tmp_path / "out"), within=str(link))
        assert len(plan.actions) == 1
