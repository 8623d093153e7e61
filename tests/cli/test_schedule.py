"""`dedupe schedule` as a user meets it, with stand-ins for the schedulers of the system."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pictures import draw, save
from schedulers import Machine, set_up
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.schedule import find_job

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.chdir(tmp_path)
    return set_up(tmp_path / "machine", monkeypatch)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a name that every format has trouble with, a picture and a copy of it."""
    folder = tmp_path / '50% $HOME "été" it\'s'
    photo = save(draw(1), folder / "a.jpg")
    (folder / "a (1).jpg").write_bytes(photo.read_bytes())
    save(draw(2), folder / "c.jpg")
    return folder


@pytest.fixture
def state() -> Path:
    """Where jobs keep their files."""
    return Path(os.environ["XDG_STATE_HOME"], "dedupe", "jobs")


def rows(report: Path) -> list[tuple[str, str]]:
    found = csv.DictReader(report.read_text("utf-8").splitlines())
    return [(row["role"], Path(row["path"]).name) for row in found]


PAIR = [("keep", "a.jpg"), ("duplicate", "a (1).jpg")]


def test_a_line_of_cron_works_in_the_bare_shell_that_cron_gives_it(
    photos: Path, machine: Machine, state: Path, tmp_path: Path
) -> None:
    installed = run("schedule", "install", "--at", "02:30", photos, "--kind", "cron")
    when, line = machine.crontab.read_text().split("  ", 1)

    ran = subprocess.run(
        ["env", "-i", "/bin/sh", "-c", line], cwd="/", capture_output=True, text=True, check=False
    )

    assert installed.exit_code == 0
    assert when == "30 2 * * *"
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("3 images in ")
    assert ran.stdout.count("\n") == 1
    assert rows(state / "nightly" / "report.csv") == PAIR
    assert json.loads((state / "nightly" / "summary.json").read_text())["roots"] == [str(photos)]
    assert (state / "nightly" / "log.txt").read_text().endswith(ran.stdout)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["machine", photos.name])


def test_relative_paths_are_those_of_the_folder_in_which_the_job_was_installed(
    photos: Path, tmp_path: Path
) -> None:
    run(
        *("schedule", "install", "--at", "2:30", photos.name, "--kind", "cron", "--"),
        *("--report", "r.csv", "--protect", photos.name, "--move-to", "aside", "--hidden"),
        *("--exclude", "a", "--exclude", "b", "--threshold", "0.5"),
    )
    words = find_job("nightly").command
    cut = words.index("scan")
    assert words[cut : words.index("--page")] == (
        *("scan", str(photos), "--report", str(tmp_path / "r.csv")),
        *("--move-to", str(tmp_path / "aside"), "--exclude", "a", "--exclude", "b", "--hidden"),
        *("--threshold", "0.5", "--protect", str(photos)),
    )
    assert words[-1] == "--brief"


def test_a_job_runs_this_python_with_the_state_of_this_user(
    photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"lib{os.pathsep}/usr/x")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    run("schedule", "install", "--at", "2:30", photos, "--kind", "cron")
    words = find_job("nightly").command
    assert words[1 : words.index("scan")] == (
        f"PYTHONPATH={tmp_path / 'lib'}{os.pathsep}/usr/x",
        f"XDG_CACHE_HOME={os.environ['XDG_CACHE_HOME']}",
        f"XDG_DATA_HOME={tmp_path / 'data'}",
        f"XDG_STATE_HOME={os.environ['XDG_STATE_HOME']}",
        *(sys.executable, "-m", "dedupe"),
    )


def test_a_job_may_have_its_roots_and_files_from_a_configuration(
    photos: Path, tmp_path: Path
) -> None:
    config = tmp_path / "dedupe.toml"
    config.write_text(f"roots = [{json.dumps(str(photos))}]\nreport = 'r.csv'\nlog = 'l.txt'\n")

    installed = run(
        "schedule", "install", "--at", "2:30", "--kind", "cron", "--", "--config", config.name
    )
    words = find_job("nightly").command
    ran = subprocess.run([sys.executable, "-m", "dedupe", "schedule", "run"], check=False)

    assert installed.exit_code == 0
    assert words[words.index("scan") :][:3] == ("scan", "--config", str(config))
    assert "--report" not in words
    assert "--log" not in words
    assert ran.returncode == 0
    assert rows(tmp_path / "r.csv") == PAIR
    assert (tmp_path / "l.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--at", "2:30", "{photos}", "--", "--kep", "x"], 2, "No such option"),
        (["--at", "2:30", "{photos}", "--", "--keep", "x"], 2, "most-pixels"),
        (["--at", "2:30", "{photos}", "--", "--threshold", "3"], 2, "0 to 2"),
        (["--at", "2:30", "{photos}", "--", "--sensitivity", "mild"], 2, "balanced"),
        (["--at", "2:30", "{photos}", "--", "--format", "xml"], 2, "csv, json"),
        (["--at", "2:30", "{photos}", "--", "--min-size", "-1"], 2, "--min-size"),
        (["--at", "2:30", "{photos}", "--", "--encoder", "/nowhere"], 4, "encoder"),
        (["--at", "2:30", "{photos}", "--", "--protect", "/nowhere"], 3, "/nowhere"),
        (["--at", "2:30", "{photos}", "--", "--config", "/nowhere"], 2, "/nowhere"),
        (["--at", "2:30", "{photos}", "--", "--trash", "--delete"], 2, "choose one"),
        (["--at", "2:30", "{photos}", "--", "--delete"], 2, "needs --yes"),
        (["--at", "2:30", "/nowhere"], 3, "/nowhere"),
        (["--at", "2:30"], 2, "say what to scan"),
        (["--at", "25:00", "{photos}"], 2, "02:30"),
        (["{photos}"], 2, "--at"),
        (["--at", "2:30", "{photos}", "--kind", "at"], 2, "systemd, cron"),
        (["--at", "2:30", "{photos}", "--name", "a b"], 2, "cannot be called"),
    ],
)
def test_what_would_fail_at_night_fails_at_once_and_nothing_is_written(
    photos: Path, machine: Machine, state: Path, arguments: list[str], code: int, words: str
) -> None:
    filled = [argument.format(photos=photos) for argument in arguments]
    kind = [] if "--kind" in filled else ["--kind", "cron"]
    result = run("schedule", "install", *kind, *filled)

    assert result.exit_code == code
    assert words in result.stderr
    assert not machine.crontab.exists()
    assert not state.exists()


def test_a_job_that_its_scheduler_cannot_hold_leaves_nothing_behind(
    tmp_path: Path, machine: Machine, state: Path
) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system refuses such names")
    result = run("schedule", "install", "--at", "2:30", folder, "--kind", "systemd")
    assert result.exit_code == 2
    assert "not valid UTF-8" in result.stderr
    assert not state.exists()
    assert not machine.units.exists()


@pytest.mark.parametrize("kind", ["systemd", "cron", "launchd", "task-scheduler"])
def test_print_shows_exactly_what_would_be_written_and_writes_nothing(
    photos: Path, machine: Machine, state: Path, kind: str
) -> None:
    command = ["schedule", "install", "--at", "2:30", str(photos), "--kind", kind]

    printed = run(*command, "--print")
    untouched = not (state.exists() or machine.crontab.exists() or machine.units.exists())
    run(*command)

    if kind == "systemd":
        files = [machine.units / f"dedupe-nightly.{suffix}" for suffix in ("service", "timer")]
        written = "\n".join(f"# {file}\n{file.read_text('utf-8')}" for file in files)
    elif kind == "task-scheduler":
        written = (state / "nightly" / "task.xml").read_bytes().decode("utf-16")
    else:
        agent = Path.home() / "Library" / "LaunchAgents" / "dedupe.nightly.plist"
        written = (machine.crontab if kind == "cron" else agent).read_text("utf-8")
    assert printed.exit_code == 0
    assert untouched
    assert printed.stdout == written


def test_jobs_are_listed_with_how_they_went_last_and_removed_by_name(photos: Path) -> None:
    empty = run("schedule", "list")
    run("schedule", "install", "--at", "2:30", photos, "--kind", "cron")
    run("schedule", "install", "--at", "4:00", "--weekly", photos, "--name", "w", "--kind", "cron")
    subprocess.run([sys.executable, "-m", "dedupe", "schedule", "run", "w"], check=True)
    both = run("schedule", "list").stdout.splitlines()
    removed = run("schedule", "remove", "w")
    left = run("schedule", "list").stdout.splitlines()
    missing = run("schedule", "remove", "w")

    assert empty.stdout == "nothing is scheduled\n"
    assert [line.split("  ")[:3] for line in both[:2]] == [
        ["nightly", "cron", "30 2 * * *"],
        ["w", "cron", "0 4 * * 0"],
    ]
    assert " INFO 3 images in " in both[2]
    assert removed.exit_code == 0
    assert len(left) == 1
    assert missing.exit_code == 2
    assert "no job is called 'w'; scheduled: nightly" in missing.stderr


def test_run_ends_as_the_scan_ends(photos: Path) -> None:
    run(
        "schedule",
        "install",
        "--at",
        "2:30",
        photos,
        "--kind",
        "cron",
        "--",
        "--fail-on-duplicates",
    )
    ran = subprocess.run([sys.executable, "-m", "dedupe", "schedule", "run"], check=False)
    assert ran.returncode == 10


def test_a_job_moves_and_the_night_is_taken_back(photos: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in photos.iterdir())
    run("schedule", "install", "--at", "2:30", photos, "--kind", "cron", "--", "--move-to", "aside")

    subprocess.run([sys.executable, "-m", "dedupe", "schedule", "run"], check=True)
    after = sorted(path.name for path in photos.iterdir())
    history = run("history")
    undone = run("undo")

    assert after == ["a.jpg", "c.jpg"]
    assert f"1 file to {tmp_path / 'aside'}" in history.stdout
    assert undone.exit_code == 0
    assert sorted(path.name for path in photos.iterdir()) == before


def test_the_five_commands_of_the_manual_work(machine: Machine) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "nightly.md").read_text("utf-8")
    commands = manual.split("```sh\n", 1)[1].split("```", 1)[0].splitlines()
    save(draw(1), Path.home() / "Pictures" / "a.jpg")
    script = ["set -e", 'dedupe() { "$PYTHON" -m dedupe "$@"; }', *commands[1:]]

    ran = subprocess.run(
        ["/bin/sh", "-c", "\n".join(script)],
        env=os.environ | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(commands) == 5
    assert commands[0].startswith("pip install .")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("1 image in ") == 3  # by hand, by the job, and as listed
    assert "# dedupe schedule: nightly" in machine.crontab.read_text()


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    """Return when a process has written a file; fail if it ends before that."""
    while not (file.exists() and file.read_bytes().endswith(b"\n")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def test_a_second_run_reports_the_first_and_a_killed_run_leaves_no_lock(
    photos: Path, state: Path
) -> None:
    run("schedule", "install", "--at", "2:30", photos, "--kind", "cron")
    command = [sys.executable, "-m", "dedupe", "schedule", "run"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        wait_for(state / "nightly" / "lock", first)
        first.send_signal(signal.SIGSTOP)
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        first.kill()
    third = subprocess.run(command, capture_output=True, text=True, check=False)

    assert second.returncode == 11
    assert f"another run holds the lock {state / 'nightly' / 'lock'}: pid {first.pid} on" in (
        second.stderr
    )
    assert second.stdout == ""
    assert first.returncode == -signal.SIGKILL
    assert (third.returncode, third.stderr) == (0, "")
    assert rows(state / "nightly" / "report.csv") == PAIR
