"""The progress of a run: one share that never falls, one estimate, the right units."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe.cli.console import Console
from dedupe.cli.progress import JsonView, RunProgress, Stage, State

STAGES = {"embed": Stage("Reading", "images", 3.0), "verify": Stage("Verifying", "pairs", 1.0)}


class Record:
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.states: list[State] = []

    def show(self, state: State) -> None:
        self.states.append(state)

    def close(self, *, complete: bool) -> None: ...


def test_stages_add_up_to_the_share_of_the_run() -> None:
    view, now = Record(), iter([0.0, 30.0, 60.0, 70.0])
    progress = RunProgress(STAGES, view, clock=lambda: next(now))
    progress("embed", 5, 10)
    progress("embed", 5, 10)
    progress("verify", 1, 2)
    assert [state.share for state in view.states] == [0.375, 0.75, 0.875]
    assert [round(state.left or 0) for state in view.states] == [50, 20, 10]
    assert [(s.done, s.total, s.stage.unit) for s in view.states] == [
        (5, 10, "images"),
        (10, 10, "images"),
        (1, 2, "pairs"),
    ]


def test_a_stage_without_a_bar_is_passed_over() -> None:
    view = Record()
    RunProgress(STAGES, view)("walk", 5, 5)
    assert view.states == []


@given(
    st.lists(st.tuples(st.sampled_from(["embed", "verify"]), st.integers(0, 9), st.integers(0, 30)))
)
def test_the_share_never_falls_and_never_exceeds_one(calls: list[tuple[str, int, int]]) -> None:
    view = Record()
    progress = RunProgress(STAGES, view)
    for call in calls:
        progress(*call)
    shares = [state.share for state in view.states]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert all(state.done <= state.total for state in view.states)


def test_json_lines_are_few_and_end_with_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    now = iter([0.0, 0.1, 0.5])
    view = JsonView(clock=lambda: next(now))
    for done in (1, 2, 3):
        view.show(State("embed", STAGES["embed"], done, 3, done / 4, None))
    view.close(complete=True)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("done") for line in lines] == [1, 3, None]
    assert lines[-1] == {"stage": "end", "share": 1.0, "seconds_left": 0.0}


def test_nothing_is_shown_if_the_stream_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().progress(STAGES) as on_progress:
        on_progress("embed", 1, 2)
    assert capsys.readouterr().err == ""


def test_an_interrupted_run_does_not_end_at_its_whole(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.progress_format = "json"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), console.progress(STAGES):
        stop()
    assert "end" not in capsys.readouterr().err


def test_a_bar_on_a_terminal_has_the_unit_and_the_estimate_and_ends_at_100_percent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Console().progress(STAGES) as on_progress:
        on_progress("embed", 10, 10)
        on_progress("verify", 1, 2)
    shown = capsys.readouterr().err
    assert "Reading 10 of 10 images" in shown
    assert "75 %, 0:00 left" in shown
    assert "100 %" in shown.split("\r")[-2] + shown.split("\r")[-3]
