"""PySide6 6.12.0 drops a reference to None with every void call on Python 3.11: a window dies after a second or two of
repainting, while a short smoke test passes. So this one repaints for long."""

import gc
import sys

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from studio import theme
from studio.widgets.curve_plot import CurvePlot
from studio.widgets.lines import Line

REPAINTS = 2000


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on, its count tells nothing")
def test_that_two_thousand_repaints_lose_no_reference_to_none(dressed, on_screen):
    plot = CurvePlot("Objective", small=True)
    x = np.arange(50.0)
    plot.set_lines([Line("student", x, np.sqrt(x), theme.run_color(0), points=True)])
    plot.resize(180, 150)
    on_screen(plot)
    painted = 0

    def repaint() -> None:
        nonlocal painted
        plot._cursor.hold(float(painted % 50))
        plot._canvas.viewport().repaint()
        QApplication.processEvents()
        painted += 1

    for _ in range(50):  # caches fill
        repaint()
    gc.collect()  # what earlier tests left behind holds None as well
    before = sys.getrefcount(None)
    for _ in range(REPAINTS):
        repaint()
    assert abs(sys.getrefcount(None) - before) < REPAINTS / 10
