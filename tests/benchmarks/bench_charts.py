"""What an update of a chart costs, as ratios side by side. Run it by hand; nothing here is a test of time.

    QT_QPA_PLATFORM=offscreen python -m tests.benchmarks charts

Each row is one update as the window makes it five times a second: new data in, picture out, 900 x 220. The unit is the
first row, so that what is printed means the same on another machine.
"""

import time
from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QApplication

from studio import theme
from studio.widgets.curve_plot import CurvePlot
from studio.widgets.lines import Line

SIZE = (900, 220)
CURVES, POINTS = 6, 10_000


def data(points: int = POINTS, curves: int = CURVES) -> list[tuple[np.ndarray, np.ndarray]]:
    x = np.arange(float(points))
    random = np.random.default_rng(0)
    return [(x, 5 * np.exp(-x / points * 3) + i / 4 + random.normal(0, 0.1, points)) for i in range(curves)]


def plain(width: float, segmented: str = "auto", peak: bool = False) -> Callable[[], None]:
    """pyqtgraph as it comes: a PlotWidget, setData with everything."""
    plot = pg.PlotWidget()
    plot.resize(*SIZE)
    pens = [pg.mkPen(theme.run_color(i), width=width) for i in range(CURVES)]
    items = [plot.plot(pen=pen, antialias=True) for pen in pens]
    for item in items:
        item.curve.setSegmentedLineMode(segmented)
    if peak:
        plot.getPlotItem().setDownsampling(auto=True, mode="peak")
    curves = data()
    plot.show()

    def update() -> None:
        assert plot.isVisible()
        for item, (x, y) in zip(items, curves, strict=True):
            item.setData(x, y)
        QApplication.processEvents()

    return update


def ours(
    raw_behind: bool = True, weight: float = 0.9, points: int = POINTS, hidden: bool = False, curves: int = CURVES
) -> Callable[[], None]:
    """A chart card: smoothed over everything, thinned, with readout, axes and description."""
    plot = CurvePlot("Objective")
    plot.set_smoothing(weight)
    plot.set_raw_behind(raw_behind)
    plot.resize(SIZE[0], SIZE[1] + 40)
    lines = [Line(f"run {i}", x, y, theme.run_color(i), raw=True) for i, (x, y) in enumerate(data(points, curves))]
    plot.setVisible(not hidden)

    def update() -> None:
        plot.set_lines(lines)
        plot._take_up()  # they are the same, and would wait for their turn
        if not hidden:
            plot._draw()
        QApplication.processEvents()

    return update


def frame(curves: int, points: int, raw_behind: bool) -> Callable[[], None]:
    """Another part of the same data is in sight, as when it is zoomed or dragged; lines are 2 px wide and antialiased."""
    plot = CurvePlot("Objective")
    plot.set_smoothing(0.9)
    plot.set_raw_behind(raw_behind)
    plot.resize(SIZE[0], SIZE[1] + 40)
    plot.set_lines([Line(f"run {i}", x, y, theme.run_color(i), raw=True) for i, (x, y) in enumerate(data(points, curves))])
    plot.show()
    QApplication.processEvents()
    notches = 1

    def update() -> None:
        nonlocal notches
        notches = -notches
        plot._zoom(points / 3, notches)
        QApplication.processEvents()

    return update


def pointer() -> Callable[[], None]:
    """The pointer moves: nothing is thinned or smoothed again, but the curves below the cursor are painted."""
    plot = CurvePlot("Objective")
    plot.set_smoothing(0.9)
    plot.resize(SIZE[0], SIZE[1] + 40)
    plot.set_lines([Line(f"run {i}", x, y, theme.run_color(i), raw=True) for i, (x, y) in enumerate(data())])
    plot.show()
    QApplication.processEvents()
    x = 0.0

    def update() -> None:
        nonlocal x
        x = (x + 97) % POINTS
        plot._cursor.hold(x)
        QApplication.processEvents()

    return update


def seconds(update: Callable[[], None], least: float = 1.0) -> float:
    """The median of as many updates as fit into the time, after one that is not counted."""
    update()
    taken: list[float] = []
    while sum(taken) < least or len(taken) < 3:
        start = time.thread_time()  # what else runs here does not count
        update()
        taken.append(time.thread_time() - start)
    return float(np.median(taken))


def main() -> None:
    app = QApplication([])
    theme.apply(app, "dark")
    rows: dict[str, Callable[[], Callable[[], None]]] = {
        "chart card, smoothed with raw behind": ours,
        "chart card, smoothed alone": lambda: ours(raw_behind=False),
        "chart card, raw alone": lambda: ours(weight=0.0),
        "chart card, ten times the points": lambda: ours(points=10 * POINTS),
        "12 curves of 10,000 points, a frame": lambda: frame(12, 10_000, False),
        "12 curves of 83,334 points, a frame": lambda: frame(12, 83_334, False),
        "12 curves of 1,000,000 points, a frame": lambda: frame(12, 1_000_000, False),
        "12 curves of 1,000,000 points, noise behind": lambda: frame(12, 1_000_000, True),
        "12 curves of 83,334 points, new data": lambda: ours(raw_behind=False, points=83_334, curves=12),
        "chart card, hidden": lambda: ours(hidden=True),
        "chart card, pointer moved": pointer,
        "plain setData, 1 px": lambda: plain(1),
        "plain setData, 2 px segmented": lambda: plain(2, segmented="on"),
        "plain setData, 2 px, downsampled by pyqtgraph": lambda: plain(2, peak=True),
        "plain setData, 2 px": lambda: plain(2),
    }
    unit = None
    for name, prepare in rows.items():
        spent = seconds(prepare())  # its widget goes with it, so one stands alone on the screen
        unit = unit or spent
        print(f"{name:<48}{spent / unit:8.2f} x   ({1e3 * spent:.1f} ms here)")


if __name__ == "__main__":
    main()
