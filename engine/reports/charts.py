"""Charts as SVG in the page: lines over epochs, dots by generation, bars of calibration. They know no run.

Colours are those of generations, by classes of page.py, so a chart follows the reader's theme. Shapes: X points.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import words
from engine.reports.page import GENERATIONS, Html, element
from engine.statistics import Reliability

Floats = NDArray[np.float64]
Say = Callable[[float], str]
WIDE, HIGH = 480, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 34
SIDE = 190  # of a diagram of calibration


@dataclass(frozen=True, eq=False)
class Line:
    """`thin`: one of several behind a mean. Values that are not finite leave a gap."""

    name: str
    x: Floats
    y: Floats
    colour: int
    thin: bool = False
    dash: bool = False


@dataclass(frozen=True)
class _Scale:
    """Values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)


def colour(generation: int) -> int:
    return min(generation, GENERATIONS - 1)


def lines(title: str, found: Sequence[Line], say: Say = words.number, points: int = 400, below: str = "epochs") -> Html:
    """Nothing without a point. `points` a line at most: of more, the least and the greatest of each stretch are drawn."""
    drawn = [line for line in found if np.isfinite(line.y).any()]
    if not drawn:
        return Html("")
    every_y = np.concatenate([line.y[np.isfinite(line.y)] for line in drawn])
    x = _Scale(*_range(np.concatenate([line.x for line in drawn]), 0), LEFT, WIDE - RIGHT)
    y = _Scale(*_range(every_y), HIGH - BOTTOM, TOP)
    parts = [*_x_axis(x, below), *_y_axis(y, say)]
    for line in sorted(drawn, key=lambda line: not line.thin):
        kind = f"curve g{colour(line.colour)}" + " thin" * line.thin + " dash" * line.dash
        parts += [element("path", d=d, class_=kind) for d in _paths(line, x, y, points)]
    return _figure(title, _svg(title, WIDE, HIGH, parts), _legend(drawn))


def dots(title: str, generations: Sequence[tuple[int, Sequence[tuple[int, float]], float]], say: Say = words.percent) -> Html:
    """(generation, (seed, value) of each seed, mean): a line for each seed through its generations, a bar for each mean."""
    every = np.array([value for _, seeds, _ in generations for _, value in seeds])
    if not len(every):
        return Html("")
    y = _Scale(*_range(every), HIGH - BOTTOM, TOP)
    x = _Scale(-0.5, len(generations) - 0.5, LEFT, WIDE - RIGHT)
    parts = _y_axis(y, say)
    for seed in sorted({seed for _, seeds, _ in generations for seed, _ in seeds}):
        places = [(x(n), y(v)) for n, (_, seeds, _) in enumerate(generations) for s, v in seeds if s == seed]
        parts.append(element("path", d=_path(places), class_="curve thin axis"))
    for n, (generation, seeds, mean) in enumerate(generations):
        own = colour(generation)
        parts += [element("circle", cx=f"{x(n):.1f}", cy=f"{y(v):.1f}", r="3.5", class_=f"f{own}") for _, v in seeds]
        bar = {"x1": f"{x(n) - 16:.1f}", "x2": f"{x(n) + 16:.1f}", "y1": f"{y(mean):.1f}", "y2": f"{y(mean):.1f}"}
        parts.append(element("line", **bar, class_=f"curve g{own}"))
        parts.append(_text(x(n), HIGH - BOTTOM + 16, f"F{generation}", "middle"))
    return _figure(title, _svg(title, WIDE, HIGH, parts))


def calibration(title: str, found: Reliability, generation: int) -> Html:
    """Accuracy in each bin of confidence; paler where few pictures are."""
    x, y = _Scale(0, 1, 30, SIDE - 6), _Scale(0, 1, SIDE - 26, 6)
    parts = [_text(26, y(value) + 4, f"{value:g}", "end") for value in (0.0, 0.5, 1.0)]
    parts += [_text(x(value), SIDE - 12, f"{value:g}", "middle") for value in (0.0, 0.5, 1.0)]
    most = max(1, int(found.count.max()))
    for low, high, count, right in zip(found.edges, found.edges[1:], found.count, found.accuracy):
        if count:
            strength = 0.25 + 0.75 * math.sqrt(count / most)
            box = {"x": f"{x(low) + 0.5:.1f}", "y": f"{y(right):.1f}", "width": f"{x(high) - x(low) - 1:.1f}"}
            tall = f"{y(0) - y(right):.1f}"
            parts.append(element("rect", **box, height=tall, opacity=f"{strength:.2f}", class_=f"f{colour(generation)}"))
    parts.append(element("line", x1=x(0), y1=y(0), x2=x(1), y2=y(1), class_="diagonal"))
    return _figure(title, _svg(title, SIDE, SIDE, parts))


def _figure(title: str, svg: Html, legend: Html | None = None) -> Html:
    return element("figure", element("figcaption", title), svg, legend)


def _svg(title: str, wide: int, high: int, parts: Sequence[Html]) -> Html:
    inside = element("title", title), *parts
    return element("svg", *inside, viewBox=f"0 0 {wide} {high}", role="img", xmlns="http://www.w3.org/2000/svg")


def _legend(drawn: Sequence[Line]) -> Html | None:
    names = {line.name: line for line in drawn if not line.thin} or {line.name: line for line in drawn}
    if len(names) < 2:
        return None
    items = [element("span", element("i", class_=f"b{colour(line.colour)}"), name) for name, line in names.items()]
    return element("div", *items, class_="legend")


def _y_axis(y: _Scale, say: Say) -> list[Html]:
    parts = []
    for value in _ticks(y.low, y.high):
        at = f"{y(value):.1f}"
        parts.append(element("line", x1=LEFT, x2=WIDE - RIGHT, y1=at, y2=at, class_="grid"))
        parts.append(_text(LEFT - 6, y(value) + 4, say(value), "end"))
    return parts


def _x_axis(x: _Scale, below: str) -> list[Html]:
    base = HIGH - BOTTOM
    parts = [element("line", x1=LEFT, x2=WIDE - RIGHT, y1=base, y2=base, class_="axis")]
    parts += [_text(x(value), base + 15, f"{value:g}", "middle") for value in _ticks(x.low, x.high)]
    return [*parts, _text(WIDE - RIGHT, HIGH - 4, below, "end")]


def _text(x: float, y: float, text: str, anchor: str) -> Html:
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _range(values: Floats, least: float | None = None) -> tuple[float, float]:
    """A little more than the values take, never nothing."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    low = low if least is None else min(low, least)
    if high - low < 1e-12 * max(1.0, abs(high)):
        spare = abs(high) * 0.1 or 1.0
        return (low - spare, high + spare) if least is None else (low, high + spare)
    edge = 0.06 * (high - low)
    return (low - edge, high + edge) if least is None else (low, high)


def _ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers within the range: steps of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / about
    power = 10 ** math.floor(math.log10(raw))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def _paths(line: Line, x: _Scale, y: _Scale, points: int) -> list[str]:
    """A path for each stretch without a gap."""
    finite = np.isfinite(line.y)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], finite, [False]]).astype(np.int8)))
    found = []
    for start, end in zip(edges[::2], edges[1::2]):
        xs, ys = _thinned(line.x[start:end], line.y[start:end], max(4, points * (end - start) // len(line.y)))
        found.append(_path([(x(a), y(b)) for a, b in zip(xs.tolist(), ys.tolist())]))
    return found


def _path(places: Sequence[tuple[float, float]]) -> str:
    """One point alone is a short stroke: nothing would be seen of it."""
    written = [f"{x:.1f} {y:.1f}" for x, y in (places if len(places) > 1 else [*places, (places[0][0] + 2, places[0][1])])]
    return "M" + "L".join(written)


def _thinned(x: Floats, y: Floats, points: int) -> tuple[Floats, Floats]:
    """Least and greatest of each stretch, in their order, so that no peak is lost."""
    if len(x) <= points:
        return x, y
    chosen = {0, len(x) - 1}
    for stretch in np.array_split(np.arange(len(x)), points // 2):
        chosen |= {int(stretch[y[stretch].argmin()]), int(stretch[y[stretch].argmax()])}
    places = sorted(chosen)
    return x[places], y[places]
