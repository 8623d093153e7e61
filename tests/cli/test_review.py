"""From the scan to a decision: the page beside the report, and decisions that apply acts on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import NumpyEncoder, draw, save, write_encoder
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.review.session import Session

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a folder with two groups in `photos`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dedupe.encoder.choice.open_encoder", lambda *_, **__: NumpyEncoder())
    write_encoder(tmp_path / "encoder")
    for seed, name in ((1, "cat"), (2, "dog")):
        save(draw(seed), tmp_path / f"photos/{name}.png")
        save(draw(seed), tmp_path / f"photos/{name}.jpg")
    return lambda *words: CliRunner().invoke(app, list(words))


def scan(run: Run, *more: str) -> Result:
    options = ("--encoder", "encoder", "--no-index", "--no-verify", "--report", "r.csv")
    return run("scan", "photos", *options, *more)


def test_only_accepted_groups_are_applied(run: Run) -> None:
    scan(run)
    session = Session(Path("r.csv"))
    session.decide([2], "accepted", keeper=1, removed=[0])
    kept = Path(session.photo(2, 1).path)
    removed = Path(session.photo(2, 0).path)
    result = run("apply", "r.csv", "--decisions", "r.csv.decisions.jsonl", "--move-to", "away")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in Path("photos").iterdir()) == sorted(
        ["cat.jpg", "cat.png", kept.name]
    )
    assert [path.name for path in Path("away").rglob("*.*")] == [removed.name]


def test_decisions_on_another_report_are_rejected(run: Run) -> None:
    scan(run)
    Session(Path("r.csv")).decide([1], "accepted", keeper=0, removed=[1])
    Path("photos/dog.jpg").unlink()
    scan(run)
    result = run("apply", "r.csv", "--decisions", "r.csv.decisions.jsonl", "--move-to", "away")
    assert result.exit_code == 6
    assert "belongs to another report" in result.stderr
    assert not Path("away").exists()


def test_the_page_marks_the_groups_that_the_last_report_did_not_list(run: Run) -> None:
    scan(run, "--page", "r.html")
    assert '<span class="new">' not in Path("r.html").read_text()
    save(draw(3), Path("photos/owl.png"))
    save(draw(3), Path("photos/owl.jpg"))
    scan(run, "--page", "r.html")
    page = Path("r.html").read_text()
    assert page.count('<span class="new">') == 1
    assert page.index("owl.png") < page.index("cat.png")


def test_a_page_replaces_no_file_of_the_user(run: Run) -> None:
    Path("mine.html").write_text("<p>mine</p>")
    result = scan(run, "--page", "mine.html")
    assert result.exit_code == 2
    assert Path("mine.html").read_text() == "<p>mine</p>"
    assert not Path("r.csv").exists()


def test_a_review_needs_a_report_in_a_file(run: Run) -> None:
    result = run("scan", "photos", "--report", "-", "--review")
    assert result.exit_code == 2
    assert "--review reads the report from a file" in result.stderr
