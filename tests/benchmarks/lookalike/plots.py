"""Draw plots with matplotlib: one script, other data."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from lookalike.brush import Kind, Rng, noise_field, words

STYLES = ("default", "classic", "ggplot", "bmh", "fivethirtyeight", "dark_background", "grayscale",
          "seaborn-v0_8-whitegrid", "seaborn-v0_8-darkgrid", "Solarize_Light2")  # fmt: skip
Plot = Callable[[Any, Rng, Rng], None]


def _draw(plot: Plot, look: Rng, content: Rng) -> Image.Image:
    with mpl.style.context(str(look.choice(STYLES))):
        size = (float(look.uniform(4, 8)), float(look.uniform(3, 6)))
        figure = Figure(figsize=size, dpi=int(look.choice([60, 80, 100, 150])))
        axes = figure.add_subplot()
        if look.random() < 0.7:
            axes.set_title(words(look, 1, 3))
        if look.random() < 0.7:
            axes.set_xlabel(words(look, 1, 1))
            axes.set_ylabel(words(look, 1, 1))
        plot(axes, look, content)
        data = io.BytesIO()
        figure.savefig(data, format="png")
    with Image.open(data) as image:
        return image.convert("RGB")


def lines(axes: Any, look: Rng, content: Rng) -> None:
    count = int(look.integers(20, 200))
    for _ in range(int(look.integers(1, 5))):
        values = np.cumsum(content.normal(0, 1, count))
        axes.plot(np.arange(count), values, str(look.choice(["-", "--", "o-", "."])), label="run")
    axes.set_ylim(-20, 20)
    if look.random() < 0.5:
        axes.legend(loc="upper left")


def scatter(axes: Any, look: Rng, content: Rng) -> None:
    count, size = int(look.integers(20, 300)), float(look.uniform(4, 60))
    axes.scatter(content.random(count), content.random(count), s=size, alpha=0.7)
    axes.set_xlim(-0.05, 1.05)
    axes.set_ylim(-0.05, 1.05)


def signal(axes: Any, look: Rng, content: Rng) -> None:
    """A smooth curve; its frequency, phase and height differ a little."""
    x = np.linspace(0, 10, 300)
    f, p, h = (float(content.uniform(low, high)) for low, high in ((1, 1.6), (0, 1), (0.6, 1)))
    axes.plot(x, h * np.sin(f * x + p), linewidth=float(look.uniform(0.8, 3)))
    axes.set_ylim(-1.1, 1.1)
    axes.grid(bool(look.random() < 0.5))


def bars(axes: Any, look: Rng, content: Rng) -> None:
    count = int(look.integers(3, 12))
    axes.bar(np.arange(count), content.uniform(0.1, 1, count), width=float(look.uniform(0.3, 0.9)))
    axes.set_ylim(0, 1.1)


def histogram(axes: Any, look: Rng, content: Rng) -> None:
    values = content.normal(0, 1, int(look.integers(100, 1000)))
    axes.hist(values, bins=int(look.integers(10, 40)), range=(-3, 3))
    axes.set_xlim(-3, 3)


def heatmap(axes: Any, look: Rng, content: Rng) -> None:
    side = int(look.integers(5, 30))
    axes.imshow(content.random((side, side)), cmap=str(look.choice(["viridis", "gray", "hot"])))


def contours(axes: Any, look: Rng, content: Rng) -> None:
    axes.contour(noise_field(content, (80, 60), 3), levels=int(look.integers(5, 12)))


def pie(axes: Any, look: Rng, content: Rng) -> None:
    axes.pie(content.uniform(0.3, 1, int(look.integers(3, 7))), autopct="%1.0f%%")


def _kind(plot: Plot, *, held_out: bool = False) -> Kind:
    return Kind(f"plot: {plot.__name__}", lambda a, b: _draw(plot, a, b), held_out)


KINDS = (
    *(_kind(plot) for plot in (lines, scatter, signal, heatmap)),
    *(_kind(plot, held_out=True) for plot in (bars, histogram, contours, pie)),
)
