"""Kill, starve and race runs that change files, and count what is lost.

    python tests/benchmarks/crash.py kills    # kill -9 at each system call
    python tests/benchmarks/crash.py errors   # ENOSPC, EIO, EACCES, EROFS from each system call
    python tests/benchmarks/crash.py races    # an editor saves a photo before each system call
    python tests/benchmarks/crash.py all --moves 6 --far /dev/shm

Kills and errors are injected by strace into a running child, one system call at a time, if strace
is installed; else by the hooks of `dedupe.files.system`. Every way to act is tried (WAYS below),
while it applies, undoes and resumes. After each fault every photo must exist somewhere, and an undo
must give the exact start: names, bytes, times and permissions. After a race the bytes that the
editor saved must exist as well, before and after the undo. A keeper that is saved in the one call
between the last check and the removal of its duplicate is printed as "too late". Prints how many
points were tried and how many lost something. `--far` is a folder on another file system, for
moves across.
"""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import test_crash as crash
from faults import both, faults, without

from dedupe.apply.execute import resume
from dedupe.apply.undo import undo
from dedupe.errors import DedupeError
from dedupe.files.system import FaultHook, no_fault, system
from dedupe.types import Report

WAYS = [*crash.WAYS, "trash"]
VERBS = ["apply", "undo", "resume"]
ERRORS = ["ENOSPC", "EIO", "EACCES", "EROFS"]
SAVES = ["in place", "by a new file", "by a new name", "removed"]
CALLS = [
    "rename", "renameat2", "link", "linkat", "symlink", "unlink", "mkdir", "rmdir", "write",
    "fsync", "chmod", "fchmodat", "chown", "lchown", "utimensat", "ftruncate",
]  # fmt: skip

Facts = dict[str, tuple[bytes, int, int]]


class Trial:
    """One way to act in a folder of its own, faulted once and then undone."""

    def __init__(self, root: Path, far: Path, way: str, verb: str) -> None:
        self.place, self.far, self.way, self.verb = root, far, way, verb
        self.report: Report | None = None

    def prepare(self) -> None:
        """Build the photos, and do what comes before the verb."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.rmtree(self.far, ignore_errors=True)
        self.place.mkdir(parents=True)
        if self.verb == "apply":
            self.report = crash.build(self.place / "photos", self.way)
        elif self.verb == "undo":
            self._in_child(lambda: crash.act(self.place, self.far, no_fault))
        else:
            self._in_child(lambda: crash.act(self.place, self.far, crash.kill_at(crash.MIDDLE)))

    def perform(self) -> None:
        """Do the verb; an error that dedupe reports is fine."""
        try:
            if self.verb == "apply":
                crash.act(self.place, self.far, system.after, self.report)
            elif self.verb == "undo":
                undo(crash.run_id(self.place), folder=self.place / "runs")
            else:
                resume(crash.run_id(self.place), folder=self.place / "runs")
        except (DedupeError, OSError):
            pass

    def contents(self, *, but: Path | None = None) -> Counter[bytes]:
        """Count the contents of every file: photos, moved and trashed ones, and those set aside.

        Args:
            but: a file to leave out, with its other names and the links to it.
        """
        skip = but.stat().st_ino if but and but.exists() else None
        folders = [self.place / "photos", self.far / "moved", self.place / "data"]
        found: Counter[bytes] = Counter()
        for folder in folders:
            for path in folder.rglob("*"):
                if path.is_file() and path.suffix != ".trashinfo" and path.stat().st_ino != skip:
                    found[path.read_bytes()] += 1
        return found

    def repair(self) -> list[str]:
        """Undo the run, and return what is not as it was at the start."""
        failed = []
        if any((self.place / "runs").glob("*.jsonl")):
            try:
                outcome = undo(crash.run_id(self.place), folder=self.place / "runs")
                failed = [f"{f.action.source}: {f.reason}" for f in outcome.failed]
            except (DedupeError, ValueError) as error:
                failed = [str(error)] if self._has_begun() else []
        return failed

    def _has_begun(self) -> bool:
        return any(b"\n" in path.read_bytes() for path in (self.place / "runs").glob("*.jsonl"))

    def now(self) -> Facts:
        """Return every photo and moved photo, under names that are the same in each trial."""
        return crash.at(self.place, self.far)

    def _in_child(self, work: Callable[[], object]) -> None:
        child = os.fork()
        if not child:
            work()
            os._exit(0)
        os.waitpid(child, 0)


def run_faulted(work: Callable[[], object], inject: str) -> bool:
    """Run work in a child under strace; return whether the fault was injected."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        os.read(reading, 1)
        work()
        os._exit(0)
    with tempfile.NamedTemporaryFile() as log:
        call = inject.split(":")[0]
        command = ["strace", "-qq", "-o", log.name, "-p", str(child), "-e", f"trace={call}"]
        tracer = subprocess.Popen(
            [*command, "-e", f"inject={inject}"], stderr=subprocess.PIPE, text=True
        )
        status = Path(f"/proc/{child}/status")
        while "TracerPid:\t0" in status.read_text():
            if tracer.poll() is not None:
                assert tracer.stderr is not None
                raise SystemExit(f"strace failed: {tracer.stderr.read()}")
            time.sleep(0.001)
        os.write(writing, b"go")
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
        tracer.communicate()
        return b"INJECTED" in Path(log.name).read_bytes() or "SIGKILL" in Path(log.name).read_text()


def run_hooked(work: Callable[[], object], hook: FaultHook) -> bool:
    """Run work in a child with a hook before each system call; return whether it struck."""
    child = os.fork()
    if not child:
        struck = []

        def before(call: str, subject: str) -> None:
            try:
                hook(call, subject)
            except OSError:
                struck.append(call)
                raise

        with faults(before=both(system.before, before)):
            work()
        os._exit(3 if struck else 0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 3


def failing_at(point: int, number: int) -> FaultHook:
    """Raise an error before the system call of a number, counted from 0."""
    calls = count()

    def hook(_call: str, subject: str) -> None:
        if next(calls) == point:
            raise OSError(number, os.strerror(number), subject)

    return hook


def faulted(work: Callable[[], object], error: str, strace: bool) -> Iterator[Callable[[], bool]]:
    """Yield runs with one fault each, until the work has no further system call.

    Each returns whether its fault struck. An empty `error` is a kill.
    """
    how = f"error={error}" if error else "signal=KILL"
    for call in CALLS if strace else [""]:
        for point in count(1):
            struck = [False]

            def attempt(call: str = call, point: int = point, struck: list[bool] = struck) -> bool:
                if strace:
                    struck[0] = run_faulted(work, f"{call}:{how}:when={point}")
                elif error:
                    number = getattr(errno, error)
                    struck[0] = run_hooked(work, failing_at(point - 1, number))
                else:
                    struck[0] = run_hooked(work, crash.kill_at(point - 1))
                return struck[0]

            yield attempt
            if not struck[0]:
                break


def saving_at(point: int, photo: Path, save: str, trial: Trial) -> FaultHook:
    """Save a photo as editors do, before the system call of a number, counted from 0.

    Writes down before which contents other files have: those must survive.
    """
    calls = count()

    def hook(call: str, subject: str) -> None:
        if next(calls) != point:
            return
        if call == "unlink" and subject.endswith(".old"):  # after the last check
            (trial.place / "too late").touch()
        held = sorted(content.hex() for content in trial.contents(but=photo))
        (trial.place / "held").write_text("\n".join(held))
        photo.parent.mkdir(parents=True, exist_ok=True)
        if save == "removed":
            photo.unlink(missing_ok=True)
        elif save == "in place" and photo.exists():
            with photo.open("r+b") as file:
                file.truncate()
                file.write(b"saved by an editor")
        elif save == "by a new name":
            photo.unlink(missing_ok=True)
            photo.write_bytes(b"saved by an editor")
        else:
            new = photo.with_name("editor")
            new.write_bytes(b"saved by an editor")
            new.replace(photo)

    return hook


def try_faults(trial: Trial, error: str, strace: bool) -> tuple[int, int]:
    """Return how many faults were tried, and how many lost something."""
    tried = lost = 0
    start = start_of(trial)
    wanted = Counter(facts[0] for facts in start.values())
    for attempt in faulted(trial.perform, error, strace):
        trial.prepare()
        if not attempt():
            continue
        tried += 1
        missing = set(wanted) - set(trial.contents())
        failed = trial.repair()
        after = trial.now()
        if missing or failed or after != start:
            lost += 1
            changed = [name for name in start.keys() | after if start.get(name) != after.get(name)]
            print(f"LOST {trial.way} {trial.verb} {error or 'kill'}: {len(missing)} contents")
            print(f"    not as before: {changed}; {failed[:2]}")
    return tried, lost


def try_races(trial: Trial, save: str, photo: str) -> tuple[int, int]:
    """Return how many races were run, and how many lost bytes."""
    lost = 0
    start, path = start_of(trial), trial.place / photo
    trial.prepare()
    points = calls_of(trial)
    for point in range(points):
        trial.prepare()
        run_hooked(trial.perform, saving_at(point, path, save, trial))
        wanted = set(map(bytes.fromhex, (trial.place / "held").read_text().split()))
        wanted |= set() if save == "removed" else {b"saved by an editor"}
        if crash.kind_of(trial.way) == "move":  # the editor replaced it; dedupe had copies
            wanted.discard(start[photo][0])
        gone = [wanted - set(trial.contents())]
        trial.repair()
        gone.append(wanted - set(trial.contents()))
        if any(gone) and (trial.place / "too late").exists():
            print(f"too late: {trial.way} {trial.verb}, {photo} saved {save} at the removal")
        elif any(gone):
            lost += 1
            print(f"LOST {trial.way} {trial.verb}, {photo} saved {save} at {point}: {gone}")
    return points, lost


_CALLS: dict[tuple[str, str], int] = {}


def calls_of(trial: Trial) -> int:
    """Return how many system calls the verb makes without a fault; counts them once."""
    key = (trial.way, trial.verb)
    if key not in _CALLS:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            made = []
            with faults(before=both(system.before, lambda call, _subject: made.append(call))):
                trial.perform()
            os.write(writing, str(len(made)).encode())
            os._exit(0)
        os.waitpid(child, 0)
        _CALLS[key] = int(os.read(reading, 100))
        os.close(reading)
        os.close(writing)
    return _CALLS[key]


def start_of(trial: Trial) -> Facts:
    """Return the photos as they are before anything is done."""
    place = trial.place.with_name("start")
    crash.build(place / "photos", trial.way)
    facts = crash.at(place, place)
    shutil.rmtree(place)
    return facts


def sweep(mode: str, given: argparse.Namespace, near: Path, far: Path | None) -> int:
    """Try every way and verb in one mode; return how many trials lost something."""
    strace = mode != "races" and bool(shutil.which("strace"))
    total, lost = Counter[str](), 0
    for way in given.ways:
        os.environ["DEDUPE_CRASH_HOW"] = way
        os.environ["XDG_DATA_HOME"] = str(near / "trial/data")
        if way == "across" and far is None:
            continue
        system.before = without(*crash.LACKING.get(way, ()))
        target = far / "trial" if way == "across" and far else near / "trial"
        for verb in given.verbs:
            trial = Trial(near / "trial", target, way, verb)
            kinds = {"kills": [""], "errors": ERRORS, "races": SAVES}[mode]
            for kind in kinds:
                if mode == "races":
                    results = [
                        try_races(trial, kind, photo)
                        for photo in ("photos/0/1\udcff.jpg", "photos/0.jpg")
                        if not (kind == "removed" and photo == "photos/0.jpg")
                    ]
                else:
                    results = [try_faults(trial, kind, strace)]
                tried, bad = (sum(column) for column in zip(*results, strict=True))
                total[verb] += tried
                lost += bad
                print(
                    f"{mode:7} {way:9} {verb:7} {kind:14} {tried:5} tried, {bad} lost", flush=True
                )
    how = "by strace" if strace else "by hooks"
    for verb, tried in total.items():
        print(f"{mode} {how}: {verb}: {tried} points")
    print(f"{mode} {how}: {sum(total.values())} points in all, {lost} lost something")
    return lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", choices=["kills", "errors", "races", "all"])
    parser.add_argument("--moves", type=int, default=4, help="photos that are acted on")
    parser.add_argument("--near", default=None, help="folder for the trials")
    parser.add_argument("--far", default=None, help="folder on another file system")
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--verbs", nargs="+", default=VERBS, choices=VERBS)
    given = parser.parse_args()
    crash.MOVES, crash.MIDDLE = given.moves, 2 * given.moves + 5
    modes = ["kills", "errors", "races"] if given.mode == "all" else [given.mode]
    with (
        tempfile.TemporaryDirectory(dir=given.near) as near,
        tempfile.TemporaryDirectory(dir=given.far or given.near) as far,
    ):
        other = os.stat(far).st_dev != os.stat(near).st_dev
        lost = sum(sweep(mode, given, Path(near), Path(far) if other else None) for mode in modes)
    raise SystemExit(1 if lost else 0)


if __name__ == "__main__":
    main()
