"""Runs killed with SIGKILL after every system call in turn, then resumed, and once undone.

A helper process forks a child for each kill point, so that no test process with threads is forked.
Flushing is left out for speed: it matters when the power fails, not when a process is killed.
DEDUPE_CRASH_MOVES=30 makes a longer version.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from builders import a_group, a_report, snapshot, write_photo
from faults import faults, without

from dedupe.apply.execute import apply_plan, resume
from dedupe.apply.history import list_runs
from dedupe.apply.journal import start_journal
from dedupe.apply.plan import KINDS, ActionKind, plan_actions
from dedupe.apply.undo import undo
from dedupe.errors import ApplyError
from dedupe.files.system import FaultHook, no_fault, system
from dedupe.types import Report

MOVES = int(os.environ.get("DEDUPE_CRASH_MOVES", "8"))
MIDDLE = 2 * MOVES + 5  # the call at which a run dies that is to die again when it is resumed
LACKING = {"link": ("rename",), "copy": ("rename", "link")}  # calls of the file system, by way


def build(photos: Path, how: str) -> Report:
    """Groups of a keeper and three duplicates; names that are no UTF-8, folders, own modes."""
    twins = kind_of(how) != "move"
    groups = []
    for first in range(0, MOVES, 3):
        keeper = write_photo(photos / f"{first}.jpg", b"keeper %d" % first)
        names = [f"{first % 4}/{n}\udcff.jpg" for n in range(first, min(first + 3, MOVES))]
        duplicates = [
            write_photo(
                photos / name,
                b"keeper %d" % first if twins else os.fsencode(name) * 100,
                mode=0o400 + (n << 3),
            )
            for n, name in enumerate(names)
        ]
        groups.append(a_group(keeper, *duplicates, kind="exact" if twins else "same"))
        for name in names if how == "sidecars" else ():
            write_photo((photos / name).with_suffix(".xmp"), b"edits of " + os.fsencode(name))
    return a_report(*groups)


def act(place: Path, far: Path, after: FaultHook, report: Report | None = None) -> None:
    """Act on the photos of one kill point, which are built unless there is a report of them."""
    photos = place / "photos"
    how = os.environ["DEDUPE_CRASH_HOW"]
    kind = kind_of(how)
    plan = plan_actions(
        report or build(photos, how),
        kind=kind,
        move_to=str(far / "moved"),
        roots=[str(photos)],
    )
    with (
        faults(before=system.before, after=after),
        start_journal(place / "runs", kind=kind, move_to=plan.move_to) as journal,
    ):
        apply_plan(plan, journal)


def kind_of(how: str) -> ActionKind:
    """The action of a way to act: four of them move."""
    return next((kind for kind in KINDS if kind == how), "move")


def run_id(place: Path) -> str:
    [run] = list_runs(place / "runs")
    return run.id


def dies_in_apply(place: Path, far: Path, after: FaultHook) -> None:
    act(place, far, after)


def dies_in_undo(place: Path, far: Path, after: FaultHook) -> None:
    act(place, far, no_fault)
    with faults(before=system.before, after=after):
        undo(run_id(place), folder=place / "runs")


def dies_in_resume(place: Path, far: Path, after: FaultHook) -> None:
    if not os.fork():
        act(place, far, kill_at(MIDDLE))
        os._exit(1)
    os.wait()
    with faults(before=system.before, after=after):
        resume(run_id(place), folder=place / "runs")


def kill_at(point: int) -> FaultHook:
    calls = count()

    def hook(_call: str, _subject: str) -> None:
        if next(calls) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def do_not_flush(fd: object) -> None:
    del fd


def die_everywhere(scenario: str, root: Path, far: Path) -> None:
    """Fork a child for each kill point, until one lives to the end; it is the last."""
    for point in count():
        place, target = root / f"{point:04}", far / f"{point:04}"
        child = os.fork()
        if not child:
            place.mkdir(parents=True)
            SCENARIOS[scenario](place, target, kill_at(point))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert status == 0
            return


def main(how: str, here: str, far: str) -> None:
    """Fill a folder with what kills leave, scenario by scenario; runs in the helper process."""
    system.before = without(*LACKING.get(how, ()))
    os.fsync = do_not_flush
    gc.freeze()  # spares each child from copying pages
    for scenario in SCENARIOS:
        die_everywhere(scenario, Path(here, scenario), Path(far, scenario))


SCENARIOS = {
    "apply, then resume": dies_in_apply,
    "apply, then undo": dies_in_apply,
    "undo": dies_in_undo,
    "resume": dies_in_resume,
}

Places = dict[str, list[tuple[Path, Path]]]


WAYS = ["rename", "link", "copy", "across", "sidecars", "hardlink", "symlink", "delete"]


@pytest.fixture(scope="module", params=WAYS)
def how(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def places(how: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """Of each scenario, every place at which a run was killed, and as the last one that was not."""
    disk, memory = tmp_path_factory.mktemp("crash"), Path("/dev/shm")
    across = how == "across"
    if across and (not memory.is_dir() or memory.stat().st_dev == disk.stat().st_dev):
        pytest.skip("no second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else disk) as here:
        far = str(disk) if across else here
        code = "import sys, test_crash; test_crash.main(*sys.argv[1:])"
        search = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        subprocess.run(
            [sys.executable, "-c", code, how, here, far],
            check=True,
            timeout=600,
            env=os.environ
            | {"PYTHONPATH": search, "OPENBLAS_NUM_THREADS": "1", "DEDUPE_CRASH_HOW": how},
        )
        yield {
            name: [
                (place, Path(far, name, place.name)) for place in sorted(Path(here, name).iterdir())
            ]
            for name in SCENARIOS
        }


def at(place: Path, far: Path) -> dict[str, tuple[bytes, int, int]]:
    """Photos and moved photos of one place, under names that are the same in each place."""
    files = snapshot(place / "photos") | snapshot(far / "moved")
    roots = {str(place / "photos"): "photos", str(far / "moved"): "moved"}
    return {
        roots[root] + path.removeprefix(root): facts
        for path, facts in files.items()
        for root in roots
        if path.startswith(root)
    }


def originals(tmp_path: Path, how: str) -> dict[str, tuple[bytes, int, int]]:
    build(tmp_path / "photos", how)
    return at(tmp_path, tmp_path)


def contents(place: Path, far: Path) -> dict[str, bytes]:
    return {name: facts[0] for name, facts in at(place, far).items()}


def test_a_killed_run_that_is_resumed_ends_like_one_that_was_not_killed(
    places: Places, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", do_not_flush)
    expected = originals(tmp_path, how)
    *killed, alive = places["apply, then resume"]
    ended = at(*alive)
    assert len(killed) > 4 * MOVES
    for place, far in killed:
        [run] = list_runs(place / "runs")
        if not run.planned:
            with pytest.raises(ApplyError, match="stopped before it touched a file"):
                resume(run.id, folder=place / "runs")
            assert at(place, far) == expected
            continue
        resume(run.id, folder=place / "runs")
        if kind_of(how) == "move":
            assert at(place, far) == ended
        else:  # links have the time at which they were made
            assert contents(place, far) == contents(*alive)
            assert links_of(place) == links_of(alive[0])


def links_of(place: Path) -> dict[str, tuple[int, bool]]:
    """How many names each file has, and whether it is a symbolic link."""
    return {
        str(path.relative_to(place)): (path.lstat().st_nlink, path.is_symlink())
        for path in (place / "photos").rglob("*")
        if not path.is_dir()
    }


def test_every_duplicate_is_dealt_with_and_every_keeper_stays(places: Places, how: str) -> None:
    place, far = places["apply, then resume"][-1]
    names = contents(place, far)
    links = links_of(place)
    keepers = len(range(0, MOVES, 3))
    going = 2 * MOVES if how == "sidecars" else MOVES
    assert len(names) == (keepers if how == "delete" else keepers + going)
    assert sum(name.startswith("moved") for name in names) == going * (kind_of(how) == "move")
    assert sum(symbolic for _, symbolic in links.values()) == MOVES * (how == "symlink")
    many = sum(number > 1 for number, _ in links.values())
    assert many == (keepers + MOVES if how == "hardlink" else 0)


@pytest.mark.parametrize("scenario", ["apply, then undo", "undo", "resume"])
def test_a_killed_run_that_is_undone_has_every_photo_in_its_place(
    scenario: str, places: Places, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", do_not_flush)
    expected = originals(tmp_path, how)
    assert len(places[scenario]) > 2 * MOVES
    for place, far in places[scenario]:
        [journal] = (place / "runs").glob("*.jsonl")
        with journal.open("ab") as file:
            file.write(b'{"event": "do')  # torn in the middle of a line
        assert undo(journal).failed == ()
        assert at(place, far) == expected
        assert not (far / "moved").exists()
        assert all(not s and n == 1 for n, s in links_of(place).values())
        assert undo(journal).restored == ()
