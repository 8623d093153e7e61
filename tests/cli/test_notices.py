"""Notices and metrics of unattended runs, sent to a real server on this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pictures import draw, save
from posts import Server
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.cli.notices import describe


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["scan", *map(str, arguments), "--no-index", "--quiet"])


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture and its exact copy."""
    monkeypatch.chdir(tmp_path)
    first = save(draw(1), tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "a (1).png").write_bytes(first.read_bytes())
    return tmp_path / "photos"


@pytest.fixture
def server() -> Iterator[Server]:
    opened = Server()
    yield opened
    opened.close()


def test_a_notice_has_the_counts_and_no_path(photos: Path, server: Server) -> None:
    assert run(photos, "--notify", server.url, "--move-to", "aside").exit_code == 0
    (notice,) = server.bodies
    assert (notice["status"], notice["images"], notice["duplicates"]) == ("done", 2, 1)
    assert notice["message"] == "2 images, 1 group, 1 duplicate"
    assert notice["acted"]["files"] == 1
    assert str(photos.parent) not in json.dumps(notice)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing"], 3, "missing"),
        (["photos", "--move-to", "aside", "--max-actions", "0"], 8, "1 "),
    ],
)
def test_a_failure_is_announced_with_its_reason(
    photos: Path, server: Server, arguments: list[str], code: int, words: str
) -> None:
    assert photos.exists()
    assert run(*arguments, "--notify", server.url, "--metrics", "m.prom").exit_code == code
    (notice,) = server.bodies
    assert (notice["title"], notice["status"]) == ("dedupe failed", "failed")
    assert words in notice["message"]
    assert "dedupe_scan_success 0\n" in Path("m.prom").read_text()


def test_a_server_that_refuses_is_a_warning_without_the_secret(photos: Path) -> None:
    server = Server(status=500)
    result = run(photos, "--notify", server.url)
    server.close()
    assert result.exit_code == 0
    assert re.fullmatch(r"dedupe: cannot notify 127\.0\.0\.1: .*\n", result.stderr)
    assert "secret" not in result.stderr


@pytest.mark.parametrize(
    ("url", "words"), [("topic", "--notify needs a URL"), ("mailto://me@here", "need apprise")]
)
def test_a_url_that_nothing_can_send_to_is_found_before_the_scan(
    photos: Path, url: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    result = run(photos, "--notify", url)
    assert (result.exit_code, words in result.stderr) == (2, True)
    assert not Path("dedupe-report.csv").exists()


def test_apprise_gets_other_urls(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, str, str]] = []

    class Apprise:
        def add(self, url: str) -> bool:
            self.url = url
            return True

        def notify(self, *, title: str, body: str) -> bool:
            sent.append((self.url, title, body))
            return True

    module = type("module", (), {"Apprise": Apprise})
    monkeypatch.setitem(__import__("sys").modules, "apprise", module)
    assert run(photos, "--notify", "mailto://me@here").exit_code == 0
    assert sent == [("mailto://me@here", "dedupe is done", "2 images, 1 group, 1 duplicate")]


SAMPLE = re.compile(r'(dedupe_[a-z_]+)(\{[a-z]+="[^"]*"\})? ([0-9.]+)')


def test_metrics_are_gauges_that_another_user_can_read(photos: Path) -> None:
    (photos / "broken.png").write_text("no picture")
    assert run(photos, "--metrics", "m.prom").exit_code == 0
    lines = Path("m.prom").read_text().splitlines()
    samples = {m[1] + (m[2] or ""): float(m[3]) for line in lines if (m := SAMPLE.fullmatch(line))}
    assert Path("m.prom").stat().st_mode & 0o777 == 0o644
    assert len(lines) == 1 + len(samples) + 2 * len({name.split("{")[0] for name in samples})
    assert samples['dedupe_duplicates{kind="exact"}'] == 1
    assert samples['dedupe_skipped_files{reason="not an image"}'] == 1
    assert samples["dedupe_images"] == 2
    assert samples["dedupe_scan_success"] == 1


def test_the_last_success_outlives_a_failure(photos: Path) -> None:
    run(photos, "--metrics", "m.prom")
    first = re.findall(r"^dedupe_last_success.* (\d.*)$", Path("m.prom").read_text(), re.MULTILINE)
    run("missing", "--metrics", "m.prom")
    second = re.findall(r"^dedupe_last_success.* (\d.*)$", Path("m.prom").read_text(), re.MULTILINE)
    assert [float(t) for t in first] == [float(t) for t in second] != [0.0]


def test_metrics_replace_no_other_file(photos: Path) -> None:
    Path("m.prom").write_text("node_cpu 1\n")
    result = run(photos, "--metrics", "m.prom")
    assert (result.exit_code, Path("m.prom").read_text()) == (2, "node_cpu 1\n")
    assert "no metrics of dedupe" in result.stderr


def test_a_notice_of_a_failure_is_its_error() -> None:
    assert describe({"seconds": 1.5}, "disk full") == {
        "title": "dedupe failed",
        "message": "disk full",
        "status": "failed",
        "seconds": 1.5,
    }
