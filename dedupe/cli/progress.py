"""The progress of a whole run: one bar with one estimate on a terminal, or JSON lines.

The share of a run that is done never falls, and is 1 at its end.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

_BETWEEN = 0.2  # seconds between two JSON lines of one stage, at least
_FORMAT = "{desc} |{bar}| {percentage:3.0f} %{postfix}"


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a run."""

    title: str  # "Reading"
    unit: str  # of its items: "images"
    weight: float = 1.0  # expected share of the run's time, in relation to the other stages


@dataclass(frozen=True, slots=True)
class State:
    """How far a run is."""

    name: str  # of the stage
    stage: Stage
    done: int  # items of the stage
    total: int  # items of the stage, as far as known
    share: float  # of the run, in [0, 1]
    left: float | None  # seconds to the end, an estimate; None at the beginning


class View(Protocol):
    """Shows the progress."""

    def show(self, state: State) -> None: ...
    def close(self, *, complete: bool) -> None: ...


class RunProgress:
    """Adds the items of all stages to one share of the run."""

    def __init__(
        self, stages: Mapping[str, Stage], view: View, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stages = dict(stages)
        self._view = view
        self._clock = clock
        self._began = clock()
        self._all = sum(stage.weight for stage in stages.values())
        self._name = ""
        self._done = 0
        self._share = 0.0

    def __call__(self, name: str, done: int, total: int) -> None:
        """Count `done` more items of a stage with `total` items; other names are passed over."""
        if name not in self._stages:
            return
        if name != self._name:
            self._name, self._done = name, 0
        self._done += done
        total = max(total, self._done)
        self._share = max(self._share, self._share_at(name, total))
        self._view.show(
            State(name, self._stages[name], self._done, total, self._share, self._seconds_left())
        )

    def _share_at(self, name: str, total: int) -> float:
        """Return the share: the earlier stages whole, this one as far as it is."""
        names = list(self._stages)
        earlier = sum(self._stages[n].weight for n in names[: names.index(name)])
        part = self._done / total if total else 1.0
        return (earlier + part * self._stages[name].weight) / self._all

    def _seconds_left(self) -> float | None:
        if not self._share:
            return None
        return (self._clock() - self._began) * (1 - self._share) / self._share


class BarView:
    """One bar of tqdm for the whole run."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._name = ""  # of the stage

    def show(self, state: State) -> None:
        title = f"{state.stage.title} {state.done:,} of {state.total:,} {state.stage.unit}"
        if self._bar is None:
            from tqdm import tqdm  # takes a tenth of a second: not for --help

            self._bar = tqdm(total=1.0, desc=title, bar_format=_FORMAT, leave=False)
        self._bar.set_description_str(title, refresh=False)
        left = "" if state.left is None else f"{_clock_time(state.left)} left"
        self._bar.set_postfix_str(left, refresh=False)
        self._bar.update(state.share - self._bar.n)
        if state.name != self._name:  # shown at once, however short the stage is
            self._name = state.name
            self._bar.refresh()

    def close(self, *, complete: bool) -> None:
        if self._bar is not None:
            if complete:
                self._bar.set_postfix_str("", refresh=False)
                self._bar.update(1.0 - self._bar.n)
                self._bar.refresh()
            self._bar.close()


class JsonView:
    """One JSON object a line on stderr, for programs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = ("", -_BETWEEN)  # stage and time of the last line

    def show(self, state: State) -> None:
        now = self._clock()
        if state.name == self._last[0] and now - self._last[1] < _BETWEEN:
            return
        self._last = (state.name, now)
        left = None if state.left is None else round(state.left, 1)
        _write(
            {
                "stage": state.name,
                "done": state.done,
                "total": state.total,
                "unit": state.stage.unit,
                "share": round(state.share, 4),
                "seconds_left": left,
            }
        )

    def close(self, *, complete: bool) -> None:
        if complete:
            _write({"stage": "end", "share": 1.0, "seconds_left": 0.0})


class NoView:
    """Shows nothing."""

    def show(self, state: State) -> None: ...
    def close(self, *, complete: bool) -> None: ...


def _write(line: Mapping[str, Any]) -> None:
    print(json.dumps(line), file=sys.stderr, flush=True)


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
