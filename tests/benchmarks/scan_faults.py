"""Damage, kill, interrupt and starve scans, offer them hostile outputs, and count the failures.

    python tests/benchmarks/scan_faults.py damage     # bytes flipped, cut or zeroed in the index
    python tests/benchmarks/scan_faults.py kills      # kill -9 at a random instant
    python tests/benchmarks/scan_faults.py interrupts # SIGINT at a random instant
    python tests/benchmarks/scan_faults.py library    # the same, in a program of a library user
    python tests/benchmarks/scan_faults.py errors     # ENOSPC, EIO, EACCES from a system call
    python tests/benchmarks/scan_faults.py outputs    # outputs that name files of other programs
    python tests/benchmarks/scan_faults.py all --points 200 --seed 1

Errors are injected by strace. After each fault no photo may have changed, the report must be the
old one or the new one, whole, the process must end with a documented exit code and without a
traceback, and the next scan with the same index must give the report of an undisturbed scan and
leave no temporary file.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
from PIL import Image
from typer.testing import CliRunner

import dedupe
import dedupe.pipeline
from dedupe.cli import app
from dedupe.cli.process import run_process
from dedupe.errors import DedupeError, DedupeWarning
from dedupe.report import write_report

for _module in ("ai_edge_litert.interpreter", "faiss", "dedupe.apply.run"):
    importlib.import_module(_module)  # loaded once, not in each child

CODES = {0, 3, 5, 6, 8, 130}  # what a scan may end with after a fault
CALLS = "write,pwrite64,fsync,fdatasync,rename,ftruncate,unlink,fchmod,chmod,flock"
Failure = str | None  # None: the trial went well


def draw(seed: int) -> Image.Image:
    """Return a smooth random picture, which is near no other, so that a scan verifies little."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((96, 72), Image.Resampling.BICUBIC)


class Scene:
    """Photos with copies, an index that knows half of them, and an earlier report."""

    def __init__(self, root: Path, photos: int) -> None:
        self.root, self.photos = root, root / "photos"
        self.photos.mkdir()
        for number in range(photos):
            picture = draw(number)
            picture.save(self.photos / f"{number:03}.png")
            if number % 3 == 0:
                picture.save(self.photos / f"{number:03} copy.jpg", quality=85)
        self.report, self.index = root / "r.csv", root / "i.sqlite"
        half = sorted(self.photos.iterdir())[: photos // 2]
        wait(fork(lambda: write(half, self.index, root / "old.csv")))
        wait(fork(lambda: write([self.photos], None, root / "new.csv")))
        shutil.copy(self.index, root / "half.sqlite")
        self.before = self.state()
        self.old, self.new = ((root / f"{name}.csv").read_bytes() for name in ("old", "new"))

    def state(self) -> dict[str, tuple[bytes, int]]:
        return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in self.photos.iterdir()}

    def reset(self) -> None:
        for path in self.root.iterdir():
            if path.name.startswith(("i.sqlite", ".dedupe-", "r.csv")):
                path.unlink()
        shutil.copy(self.root / "half.sqlite", self.index)
        shutil.copy(self.root / "old.csv", self.report)

    def words(self) -> list[str]:
        return ["scan", str(self.photos), "--report", str(self.report), "--index", str(self.index)]

    def check(self) -> Failure:
        """Check what a fault left, then scan once more and check that."""
        if self.state() != self.before:
            return "a photo changed"
        if self.report.read_bytes() not in (self.old, self.new):
            return "the report is neither the old nor the new one"
        code = wait(fork(lambda: write([self.photos], self.index, self.report)))
        if code:
            return f"the next scan ends with {code}"
        if self.report.read_bytes() != self.new:
            return "the next scan gives another report"
        left = [path.name for path in self.root.iterdir() if path.name.endswith(".part")]
        return f"left over: {left}" if left else None


def write(roots: Sequence[Path], index: Path | None, report: Path) -> None:
    """Scan and write the report."""
    warnings.simplefilter("ignore", DedupeWarning)
    write_report(dedupe.scan(*roots, index=index), str(report), format="csv")


def fork(work: Callable[[], object]) -> int:
    """Run `work` in a child that has all modules loaded; return its pid. Never scan in the parent:
    the threads of a scan do not survive a fork."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - a child must never go on as its parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def spawn(scene: Scene, log: Path, *, start: int | None = None) -> int:
    """Start the command `dedupe scan` in a child, once `start` can be read; return its pid."""

    def command() -> None:
        if start is not None:
            os.read(start, 1)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.argv = ["dedupe", *scene.words()]
        try:
            run_process(app)
        except SystemExit as end:
            os._exit(int(end.code or 0))

    return fork(command)


def wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def signalled(number: signal.Signals) -> Callable[[Scene, random.Random], Failure]:
    """Return a trial that sends a signal at a random instant of a scan."""
    lasts: list[float] = []

    def trial(scene: Scene, rng: random.Random) -> Failure:
        log = scene.root / "log"
        if not lasts:
            started = time.perf_counter()
            wait(spawn(scene, log))
            lasts.append(time.perf_counter() - started)
            scene.reset()
        pid = spawn(scene, log)
        time.sleep(rng.uniform(0, lasts[0]))
        os.kill(pid, number)
        code, words = wait(pid), log.read_text(errors="replace")
        allowed = {0, 130} if number == signal.SIGINT else {0, -signal.SIGKILL}
        if code not in allowed or "Traceback" in words or "FATAL" in words:
            return f"exit {code}: {words[-200:]!r}"
        return scene.check()

    return trial


LIBRARY = """
import signal, sys, threading, warnings
import dedupe, dedupe.pipeline
from dedupe.report import write_report
warnings.simplefilter("ignore")
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    print("ready", flush=True)
    report = dedupe.scan(sys.argv[1], index=sys.argv[2])
    write_report(report, sys.argv[3], format="csv")
except KeyboardInterrupt:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("threads:", threading.active_count())
    sys.exit(7)
signal.signal(signal.SIGINT, signal.SIG_IGN)
"""


def library(scene: Scene, rng: random.Random) -> Failure:
    """Interrupt a program that calls `dedupe.scan`: it must get a KeyboardInterrupt, and end."""
    arguments = [str(path) for path in (scene.photos, scene.index, scene.report)]
    child = subprocess.Popen(
        [sys.executable, "-c", LIBRARY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(rng.uniform(0, 2))
    child.send_signal(signal.SIGINT)
    words, trouble = child.communicate()
    if (child.returncode, words) not in ((0, b""), (7, b"threads: 1\n")) or trouble:
        return f"exit {child.returncode}: {words!r} {trouble[-300:]!r}"
    return scene.check()


def damage(scene: Scene, rng: random.Random) -> Failure:
    """Flip bytes of the index, cut it, or zero a part of it; scan, with and without the CLI."""
    data = bytearray(scene.index.read_bytes())
    kind = rng.choice(["flip", "flips", "cut", "zero", "head"])
    if kind == "cut":
        del data[rng.randrange(len(data)) :]
    elif kind == "zero":
        start = rng.randrange(len(data))
        data[start : start + 4096] = bytes(len(data[start : start + 4096]))
    else:
        end = 4096 if kind == "head" else len(data)
        for _ in range(1 if kind == "flip" else 20):
            data[rng.randrange(end)] ^= 1 << rng.randrange(8)
    scene.index.write_bytes(data)
    log = scene.root / "log"
    code, words = wait(spawn(scene, log)), log.read_text(errors="replace")
    if code not in (0, 2, 5) or "unexpected" in words or "Traceback" in words:
        return f"{kind}: exit {code}: {words[-300:]!r}"
    if code == 0 and scene.report.read_bytes() != scene.new:
        return f"{kind}: another report"
    if code:  # it no longer begins as an index, and might be anything; the way on is another file
        if words.count("\n") != 1 or "another" not in words:
            return f"{kind}: no way on: {words!r}"
        scene.index.unlink()
    return scene.check()


def errors(scene: Scene, rng: random.Random) -> Failure:
    """Let one system call of a scan fail, by strace."""
    error, when = rng.choice(["ENOSPC", "EIO", "EACCES"]), rng.randint(1, 40)
    log = scene.root / "log"
    reading, writing = os.pipe()
    child = spawn(scene, log, start=reading)
    fault = ["-e", f"trace={CALLS}", "-e", f"inject={CALLS}:error={error}:when={when}"]
    tracer = subprocess.Popen(
        ["strace", "-f", "-qqq", "-o", os.devnull, *fault, "-p", str(child)],
        stderr=subprocess.DEVNULL,
    )
    status = Path(f"/proc/{child}/status")
    while "TracerPid:\t0" in status.read_text():
        time.sleep(0.001)
    os.write(writing, b"go")
    code = wait(child)
    os.close(reading)
    os.close(writing)
    tracer.wait()
    words = log.read_text(errors="replace")
    if code not in CODES or "Traceback" in words or "unexpected" in words:
        return f"{error} at call {when}: exit {code}: {words[-300:]!r}"
    return scene.check()


def outputs(scene: Scene, rng: random.Random) -> Failure:
    """Name a file of another program as an output."""
    place = scene.root / "theirs"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    option = rng.choice(["--report", "--summary", "--lock", "--log", "--index"])
    path = place / rng.choice(["report.csv", "summary.json", "lock", "log.txt", "index.sqlite"])
    suffix = {"--log": ["", ".1", ".3"], "--index": ["", "-wal", "-journal"]}.get(option, [""])
    target = Path(f"{path}{rng.choice(suffix)}")
    kind = rng.choice(["photo", "random", "text", "csv", "json", "sqlite", "space"])
    if kind == "photo":
        draw(1).save(target, rng.choice(["PNG", "JPEG", "GIF", "WEBP"]))
    elif kind == "sqlite":
        sqlite3.connect(target).executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    else:
        texts = {"text": b"group notes\n", "csv": b"group,role\n1,2\n", "json": b'{"version": 1}\n'}
        target.write_bytes(texts.get(kind, b" " if kind == "space" else rng.randbytes(300)))
    named = path
    if rng.random() < 0.3 and target == path:
        named = place / "link"
        named.symlink_to(path)
    before = {p.name: p.read_bytes() for p in place.iterdir()}
    ended = CliRunner().invoke(app, [*scene.words(), option, str(named)])
    after = {p.name: p.read_bytes() for p in place.iterdir()}
    if before != after:
        return f"{option} {target.name} ({kind}): files changed"
    if ended.exit_code != 2 or ended.stderr.count("\n") != 1:
        return f"{option} {target.name} ({kind}): exit {ended.exit_code}: {ended.stderr!r}"
    return "a photo changed" if scene.state() != scene.before else None


TRIALS: dict[str, Callable[[Scene, random.Random], Failure]] = {
    "damage": damage,
    "kills": signalled(signal.SIGKILL),
    "interrupts": signalled(signal.SIGINT),
    "library": library,
    "errors": errors,
    "outputs": outputs,
}


def run(name: str, points: int, photos: int, seed: int) -> int:
    """Run one kind of trial and print its counts; return the number of failures."""
    failures: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder), photos)
        for number in range(points):
            scene.reset()
            try:
                failure = TRIALS[name](scene, random.Random(f"{seed}/{name}/{number}"))
            except DedupeError as error:
                failure = f"the next scan fails: {error}"
            if failure:
                failures[re.sub(r"\d{4,}", "N", failure)] += 1
                print(f"  {name} {number}: {failure}", flush=True)
            if number % 50 == 49:
                print(f"  {name}: {number + 1} points tried", file=sys.stderr, flush=True)
    print(f"{name}: {points} points, {failures.total()} failures", flush=True)
    return failures.total()


def main() -> None:
    """Run the trials that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=[*TRIALS, "all"])
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    names = list(TRIALS) if options.what == "all" else [options.what]
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"XDG_CACHE_HOME": home, "XDG_STATE_HOME": home}
        lost = sum(run(n, options.points, options.photos, options.seed) for n in names)
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
