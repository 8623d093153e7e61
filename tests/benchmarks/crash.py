"""The crash test at length: a run of many moves, killed with SIGKILL at every journal step in turn.

    python tests/benchmarks/crash.py --moves 200 --far /dev/shm

Each kill is followed by a resume, and in a second pass by an undo; after each, every photo must
exist exactly once with its bytes, time and permissions. Prints how many points were tried. With a
folder on another file system (`--far`), also across the two.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import test_crash as crash

from dedupe.apply.execute import resume
from dedupe.apply.undo import undo
from dedupe.errors import ApplyError

Facts = dict[str, tuple[bytes, int, int]]


def die(place: Path, far: Path, point: int) -> bool:
    """Act in a child that is killed at a point; return whether it was."""
    child = os.fork()
    if not child:
        place.mkdir(parents=True)
        crash.act(place, far, crash.kill_at(point))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def check(place: Path, far: Path, start: Facts, end: Facts, *, back: bool) -> None:
    """Mend what a kill left, one way or the other, and look at every photo."""
    run = crash.run_id(place) if any((place / "runs").glob("*.jsonl")) else ""
    if back:
        assert undo(run, folder=place / "runs").failed == ()
        assert crash.at(place, far) == start
        return
    try:
        resume(run, folder=place / "runs")
    except ApplyError as error:
        assert "stopped before it touched a file" in str(error)  # noqa: PT017
        assert crash.at(place, far) == start
    else:
        assert crash.at(place, far) == end


def kill_everywhere(near: Path, far: Path) -> int:
    """Return the number of points at which the run was killed and mended both ways."""
    crash.build(near / "start/photos", "rename")
    start = crash.at(near / "start", near / "start")
    assert not die(near / "end", far / "end", -1)
    end = crash.at(near / "end", far / "end")
    for point in count():
        for back in (False, True):
            place, target = near / f"{point}-{back}", far / f"{point}-{back}"
            if not die(place, target, point):
                return point
            check(place, target, start, end, back=back)
            shutil.rmtree(place)
            shutil.rmtree(target, ignore_errors=True)
    raise AssertionError("count() never ends")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--far", default="", help="a folder on another file system")
    given = parser.parse_args()
    crash.MOVES = given.moves
    os.fsync = crash.do_not_flush
    os.environ["DEDUPE_CRASH_HOW"] = "rename"
    with tempfile.TemporaryDirectory() as near:
        points = kill_everywhere(Path(near, "same"), Path(near, "same"))
        print(f"{given.moves} moves in one file system: killed at {points} points, each mended")
        if given.far:
            with tempfile.TemporaryDirectory(dir=given.far) as far:
                assert Path(far).stat().st_dev != Path(near).stat().st_dev, "one file system"
                points = kill_everywhere(Path(near, "across"), Path(far))
                print(f"{given.moves} moves across two: killed at {points} points, each mended")


if __name__ == "__main__":
    main()
