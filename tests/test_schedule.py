"""Jobs in each format of each scheduler: what is written is read back, by us and by the system."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from schedulers import Machine, set_up

from dedupe.errors import LockedError, ScheduleError, UsageError
from dedupe.files.lock import hold_lock
from dedupe.schedule import (
    Job,
    Scheduled,
    choose_kind,
    cron,
    find_job,
    install_job,
    launchd,
    list_jobs,
    parse_time,
    remove_job,
    systemd,
    task_scheduler,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")

HARD = (
    "/with space/and  two",
    "/100%/%a%%b",
    "/$HOME ${HOME} $$ $",
    "/it's/\"quoted\"/'",
    "/back\\slash\\",
    "/Bücher/写真/👩‍👧",
    "/\u00a0\u2028\u3000x y",
    "/;#|&<>*?[x]~!`ls`=",
    ";",
    "",
)


def a_job(*arguments: str, name: str = "nightly", program: str = "/opt/dedupe/bin/python") -> Job:
    return Job(name, 2, 30, weekly=False, command=(program, *arguments))


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return set_up(tmp_path / "machine", monkeypatch)


def through_cron(job: Job) -> Scheduled | None:
    return cron.parse_line(cron.crontab_line(job))


def through_systemd(job: Job) -> Scheduled:
    service = next(text for path, text in systemd.units(job).items() if path.suffix == ".service")
    found = re.search("^ExecStart=(.*)$", service, re.MULTILINE)
    assert found is not None
    return Scheduled(job.name, "systemd", "", systemd.parse_exec_line(found[1]))


def through_launchd(job: Job) -> Scheduled:
    return launchd.parse_plist(launchd.plist(job))


def through_windows(job: Job) -> Scheduled:
    return task_scheduler.parse_task(task_scheduler.task_xml(job).encode("utf-16"), job.name)


FORMATS = [through_cron, through_systemd, through_launchd, through_windows]

words = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), max_size=12)


@pytest.mark.parametrize("through", FORMATS)
@given(arguments=st.lists(words, min_size=1, max_size=4))
@example(arguments=list(HARD))
def test_every_word_of_a_command_survives(
    through: Callable[[Job], Scheduled | None], arguments: list[str]
) -> None:
    job = a_job(*arguments)
    found = through(job)
    assert found is not None
    assert (found.name, found.command) == (job.name, job.command)


@pytest.mark.parametrize("program", ["/opt/$x/python", "/opt/100%/py thon", '/a"b\\c/python'])
@pytest.mark.parametrize("through", FORMATS)
def test_the_program_may_lie_anywhere(
    through: Callable[[Job], Scheduled | None], program: str
) -> None:
    found = through(a_job("scan", program=program))
    assert found is not None
    assert found.command == (program, "scan")


@pytest.mark.parametrize("unescape", [True, False], ids=["percent unescaped by cron", "by sh"])
def test_the_shell_reads_a_cron_line_as_it_was_meant(unescape: bool) -> None:
    printf = shutil.which("printf")
    assert printf is not None
    line = cron.crontab_line(a_job(r"%s\0", *HARD, program=printf))
    command = line.split("  ", 1)[1]
    assert not re.search(r"(?<!\\)%", command)  # to cron, that would be a newline

    ran = subprocess.run(
        ["/bin/sh", "-c", command.replace(r"\%", "%") if unescape else command],
        capture_output=True,
        check=True,
    )

    assert ran.stdout.decode().split("\0")[:-1] == list(HARD)


def test_a_name_that_is_not_utf8_survives_in_cron_and_is_refused_elsewhere() -> None:
    job = a_job(os.fsdecode(b"/caf\xe9"))

    cron.install(job)

    assert cron.jobs()[0].command == job.command
    for refuses in (systemd.units, launchd.plist, task_scheduler.task_xml):
        with pytest.raises(UsageError, match="not valid UTF-8"):
            refuses(job)


@pytest.mark.parametrize("word", ["a\nb", "a\rb", "a\0b", "\x1b[31m", "\x7f"])
def test_control_characters_are_refused(word: str) -> None:
    with pytest.raises(UsageError, match="control character"):
        a_job(word)


@pytest.mark.parametrize("name", ["", "a b", "../x", "a%", "-x", "ü", "x" * 65])
def test_a_job_has_a_name_that_is_safe_everywhere(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        a_job(name=name)


@pytest.mark.parametrize(
    ("text", "time"), [("02:30", (2, 30)), ("2:05", (2, 5)), ("23:59", (23, 59))]
)
def test_a_time_of_day_is_read(text: str, time: tuple[int, int]) -> None:
    assert parse_time(text) == time


@pytest.mark.parametrize("text", ["24:00", "2", "2:60", "2:3", "02:30:00", "noon", "-1:00", ""])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="02:30"):
        parse_time(text)


def test_each_format_says_when() -> None:
    daily, weekly = a_job(), Job("w", 4, 5, weekly=True, command=("/x",))

    assert cron.crontab_line(daily).startswith("30 2 * * *  ")
    assert cron.crontab_line(weekly).startswith("5 4 * * 0  ")
    assert "\nOnCalendar=*-*-* 02:30:00\nPersistent=true\n" in systemd.show(daily)
    assert "\nOnCalendar=Sun *-*-* 04:05:00\n" in systemd.show(weekly)
    assert through_launchd(daily).when == through_windows(daily).when == "every day at 02:30"
    assert through_launchd(weekly).when == through_windows(weekly).when == "on Sundays at 04:05"


def test_each_format_lets_everything_else_go_first() -> None:
    job = a_job()
    task = ElementTree.fromstring(task_scheduler.task_xml(job).encode("utf-16"))
    agent = plistlib.loads(launchd.plist(job))

    assert "/nice -n 19 " in cron.crontab_line(job)
    assert "\nNice=19\nIOSchedulingClass=idle\nCPUWeight=10\n" in systemd.show(job)
    assert (agent["Nice"], agent["ProcessType"]) == (19, "Background")
    assert task.findtext(".//{*}Priority") == "9"


analyze = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


def verify(folder: Path, job: Job, **variables: str) -> subprocess.CompletedProcess[str]:
    """Write the units of a job into a folder and have systemd read them."""
    for path, text in systemd.units(job).items():
        (folder / path.name).write_text(text)
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    return subprocess.run(
        ["systemd-analyze", "verify", "--user", *folder.glob("dedupe-*")],
        env=os.environ | {"XDG_RUNTIME_DIR": str(runtime), "SYSTEMD_LOG_COLOR": "0"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@analyze
@pytest.mark.parametrize("weekly", [False, True])
def test_systemd_accepts_the_units_without_a_word(tmp_path: Path, weekly: bool) -> None:
    job = Job("nightly", 2, 30, weekly, (sys.executable, *HARD))

    answer = verify(tmp_path, job)

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


@analyze
def test_systemd_reads_the_command_as_it_was_meant(tmp_path: Path) -> None:
    job = a_job(*HARD, program=sys.executable)

    answer = verify(tmp_path, job, SYSTEMD_LOG_LEVEL="debug")

    found = re.search("Command Line: (.*)$", answer.stdout + answer.stderr, re.MULTILINE)
    if not found:
        pytest.skip("this systemd-analyze does not print what it read")
    script = r'printf "%s\0" ' + found[1]  # it quotes as a shell does
    ran = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True)
    read = ran.stdout.decode().split("\0")[:-1]
    assert [word.replace("$$", "$") for word in read] == list(job.command)  # $$ at the start only


def test_a_crontab_keeps_every_other_line(machine: Machine) -> None:
    others = b"# mine\nMAILTO=me\r\n\n0 5 * * 1  caf\xe9 100\\% # dedupe schedule\n7 7 * * * x"
    machine.crontab.write_bytes(others)

    cron.install(a_job("a"))
    cron.install(a_job("b", name="other"))
    cron.install(a_job("c"))
    names = [(job.name, job.command[-1]) for job in cron.jobs()]
    cron.remove("nightly")
    cron.remove("other")

    assert names == [("other", "b"), ("nightly", "c")]
    assert machine.crontab.read_bytes() == others + b"\n"


@pytest.mark.parametrize("verb", ["install(job)", "remove('nightly')"])
def test_a_crontab_survives_a_kill_while_it_is_written(machine: Machine, verb: str) -> None:
    machine.crontab.write_text("7 7 * * * mine\n")
    cron.install(a_job())
    machine.kill_callers()
    code = (
        "from dedupe.schedule import cron, Job\n"
        f"job = Job('nightly', 3, 4, False, ('/x',))\ncron.{verb}"
    )

    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert killed.returncode == -9
    deadline = time.monotonic() + 10
    while not machine.has_answered and time.monotonic() < deadline:
        pass
    assert machine.crontab.read_text().startswith("7 7 * * * mine\n")


INSTALL = """
import sys
from dedupe.schedule import Job, cron
print("ready", flush=True)
sys.stdin.readline()
cron.install(Job(sys.argv[1], 3, 4, False, ("/x",)))
"""


def test_two_installs_at_once_keep_the_lines_of_both(machine: Machine) -> None:
    machine.crontab.write_text("7 7 * * * mine\n")
    machine.pause_after_reading(0.3)
    names = ["first", "second", "third"]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", INSTALL, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for name in names
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in started:
        process.communicate()

    assert [process.returncode for process in started] == [0, 0, 0]
    assert machine.crontab.read_text().startswith("7 7 * * * mine\n")
    assert sorted(job.name for job in cron.jobs()) == names


def test_a_crontab_that_another_process_holds_is_not_written(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.crontab.write_text("1 1 * * * mine\n")
    monkeypatch.setattr(cron, "_PATIENCE_S", 0.0)
    cron.lock_path().parent.mkdir(parents=True)

    with (
        hold_lock(cron.lock_path()),
        pytest.raises(LockedError, match="another run holds the lock"),
    ):
        cron.install(a_job())

    assert machine.crontab.read_text() == "1 1 * * * mine\n"


def test_a_line_that_the_user_commented_out_is_no_job(machine: Machine) -> None:
    cron.install(a_job())
    machine.crontab.write_text("#" + machine.crontab.read_text())
    assert cron.jobs() == []


def test_a_line_that_the_user_edited_is_read_as_it_stands(machine: Machine) -> None:
    machine.crontab.write_text("*/5 1-3 * * mon  /x  'a b' c # dedupe schedule: mine\n")
    assert cron.jobs() == [Scheduled("mine", "cron", "*/5 1-3 * * mon", ("/x", "a b", "c"))]


def test_a_crontab_that_cannot_be_read_is_not_written(machine: Machine) -> None:
    machine.crontab.write_text("1 1 * * * mine\n")
    machine.refuse("disk on fire")

    with pytest.raises(ScheduleError, match="cannot read the crontab: disk on fire"):
        cron.install(a_job())

    assert machine.crontab.read_text() == "1 1 * * * mine\n"


def test_a_timer_is_enabled_and_disabled_in_systemd(machine: Machine) -> None:
    machine.start_user_bus()

    hint = systemd.install(a_job("x"))
    there = sorted(path.name for path in machine.units.iterdir())
    listed = systemd.jobs()
    systemd.remove("nightly")

    assert there == ["dedupe-nightly.service", "dedupe-nightly.timer"]
    assert listed == [
        Scheduled("nightly", "systemd", "*-*-* 02:30:00", ("/opt/dedupe/bin/python", "x"))
    ]
    assert "loginctl enable-linger" in hint
    assert list(machine.units.iterdir()) == []
    assert [call for call in machine.systemctl_calls if "show-env" not in call] == [
        "--user daemon-reload",
        "--user enable --now dedupe-nightly.timer",
        "--user restart dedupe-nightly.timer",
        "--user disable --now dedupe-nightly.timer",
        "--user daemon-reload",
    ]


def test_without_a_user_bus_units_are_written_and_the_rest_is_reported(machine: Machine) -> None:
    hint = systemd.install(a_job())
    assert "systemctl --user enable --now dedupe-nightly.timer" in hint
    assert len(list(machine.units.iterdir())) == 2


def test_what_systemd_says_is_passed_on(machine: Machine) -> None:
    machine.start_user_bus()
    machine.refuse("Unit is masked")
    with pytest.raises(ScheduleError, match="daemon-reload: Unit is masked"):
        systemd.install(a_job())


def test_a_unit_without_its_command_is_named(machine: Machine) -> None:
    systemd.install(a_job())
    service = machine.units / "dedupe-nightly.service"
    service.write_text("[Service]\n")
    with pytest.raises(ScheduleError, match=r"dedupe-nightly\.service: ExecStart= is missing"):
        list_jobs()


@pytest.mark.parametrize("kind", ["systemd", "cron", "launchd", "task-scheduler"])
def test_a_job_is_installed_found_and_removed(kind: str) -> None:
    job = a_job(*HARD)

    install_job(job, kind)
    found = find_job("nightly")
    remove_job("nightly")

    assert (found.kind, found.command) == (kind, job.command)
    with pytest.raises(UsageError, match="no job is called 'nightly'; scheduled: none"):
        find_job("nightly")


def test_a_job_is_never_in_two_schedulers() -> None:
    for kind in ("cron", "systemd", "launchd", "cron"):
        install_job(a_job(kind), kind)
        install_job(a_job(name="other"), "cron")

    assert [(job.name, job.kind) for job in list_jobs()] == [("nightly", "cron"), ("other", "cron")]


@pytest.mark.skipif(sys.platform == "darwin", reason="there, launchd is the one")
def test_systemd_comes_first_where_it_answers_and_cron_else(machine: Machine) -> None:
    without = choose_kind("auto")
    machine.start_user_bus()
    assert (without, choose_kind("auto")) == ("cron", "systemd")


@pytest.mark.skipif(sys.platform == "darwin", reason="there, launchd is the one")
def test_a_machine_without_any_scheduler_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(ScheduleError, match="neither systemd nor cron"):
        choose_kind("auto")
    assert choose_kind("auto", to_show=True) == "systemd"
    assert list_jobs() == []
    with pytest.raises(ScheduleError, match="no crontab on this system"):
        install_job(a_job(), "cron")


def test_an_unknown_scheduler_is_refused() -> None:
    with pytest.raises(UsageError, match="choose from auto, systemd, cron"):
        choose_kind("at")
